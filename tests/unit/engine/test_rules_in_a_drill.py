"""The drill's own threshold rules run beside the sequential detector, and may be what triggers."""

from __future__ import annotations

from flowdrill.analysis.report_data import report_of
from flowdrill.model.events import Detected, End
from tests.fakes.world import World, drill_of


def run(trigger: str, **rules: str) -> World:
    world = World(drill=drill_of(detect={"trigger": trigger, "rules": rules}), replicas=1)
    assert world.run().end is End.COMPLETED
    return world


def test_a_rule_of_the_drill_is_measured_beside_the_sequential_detector() -> None:
    world = run("", page="bad_ratio > 50% over 1s", slow="bad_ratio > 5% over 1m for 1m")
    said = {event.detector: event for event in world.all_of(Detected)}
    assert set(said) == {"sequential", "page"}
    assert said["sequential"].triggers
    page = said["page"]
    assert page.threshold == 0.5
    assert page.statistic is not None
    assert page.statistic > 0.5
    assert page.newest_outcome_ns is not None
    assert page.newest_outcome_ns <= page.instant.earliest_ns
    assert "slow" in report_of(world.record()).result.silent_detectors


def test_a_rule_that_is_named_triggers_and_the_others_are_still_measured() -> None:
    world = run("page", page="bad_ratio > 5% over 10s for 2s")
    said = {event.detector: event for event in world.all_of(Detected)}
    assert said["page"].triggers
    assert not said["sequential"].triggers
    assert said["sequential"].at_ns < said["page"].at_ns


def test_a_rule_knows_the_service_before_the_break() -> None:
    """60 s of health, of which 15 were seen, are not forgotten: half of a minute must fail."""
    world = run("page", page="bad_ratio > 50% over 20s")
    (page,) = (event for event in world.all_of(Detected) if event.detector == "page")
    (sequential,) = (event for event in world.all_of(Detected) if event.detector == "sequential")
    assert 8e9 < page.at_ns - sequential.at_ns < 12e9
