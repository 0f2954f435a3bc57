"""Rules over recorded runs: when they would have fired, how that compares, and what they would cost."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from flowdrill.analysis.replay import ReplayOrder, replay_of
from flowdrill.analysis.replay_false_alarms import Steady, drawn_blocks
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.events import BaselineHeld, Detected, ImageSet
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.replay import Fired, Replay, RuleReplay
from flowdrill.model.rule import parse_rule
from flowdrill.model.run_record import RunRecord
from flowdrill.report.replay_text import render_replay, render_replay_json
from flowdrill.report.schema import schema_text
from tests.fakes.world import World, drill_of
from tests.unit.analysis.synthetic_run import changed, synthetic_run

GOLDEN = Path(__file__).parents[2] / "golden"
FOR_A_MINUTE = "bad_ratio > 5% over 1m for 1m"
AS_PROMETHEUS = "bad_ratio > 5% over 1m for 1m every 15s scrape 15s"


def replayed(record: RunRecord, *rules: str, hold: float | None = None, simulate: float | None = None) -> Replay:
    order = ReplayOrder(tuple(map(parse_rule, rules)), hold_failure_seconds=hold, simulate_seconds=simulate)
    return replay_of(record, order)


def of(replay: Replay, rule: str) -> RuleReplay:
    return next(row for row in replay.rules if row.rule == rule)


def full_outage(**plan: Any) -> RunRecord:
    """A whole drill in fake time: the one replica is broken, nobody is served any more."""
    world = World(drill=drill_of(**plan), replicas=1)
    world.run()
    return world.record()


@pytest.mark.parametrize("name", ["statefulset", "rollback-as-on-call"])
def test_a_recorded_drill_is_replayed_as_it_was_measured(name: str) -> None:
    record = read_run(GOLDEN / name)
    (row,) = (row for row in replayed(record).rules if row.rule == "sequential")
    assert row.fired is Fired.YES
    assert row.time_to_detect is not None
    assert row.measured is not None
    assert row.time_to_detect.earliest == pytest.approx(row.measured.earliest, abs=0.101)  # a slot
    assert row.time_to_detect.seconds == pytest.approx(row.measured.seconds, abs=0.101)
    assert row.times_sequential == 1


def test_a_rule_that_had_not_fired_when_users_were_served_again_gets_no_number() -> None:
    row = of(replayed(read_run(GOLDEN / "statefulset")), AS_PROMETHEUS)
    assert (row.fired, row.fires_at, row.time_to_detect, row.times_sequential) == (Fired.NO, None, None, None)
    assert row.says == "not within the 28.18 s that the failure lasted"


def test_on_a_full_outage_the_sequential_detector_is_a_hundred_times_as_fast_as_the_rule_of_a_minute() -> None:
    found = replayed(full_outage(), FOR_A_MINUTE, AS_PROMETHEUS, hold=300.0)
    sequential, held, prometheus = found.rules
    assert sequential.time_to_detect is not None
    assert sequential.time_to_detect.latest < 0.7
    for row in (held, prometheus):
        assert row.time_to_detect is not None
        assert row.time_to_detect.earliest >= 60
        assert row.times_sequential is not None
        assert row.times_sequential >= 100
    assert prometheus.time_to_detect is not None
    assert prometheus.time_to_detect.latest - prometheus.time_to_detect.earliest > 15  # it depends on its phases


def test_a_held_failure_says_what_it_is_made_of() -> None:
    found = replayed(full_outage(), hold=120.0)
    assert found.failure is not None
    assert found.failure.held_seconds == 120
    assert found.failure.repeated_requests is not None
    assert found.failure.repeated_seconds is not None
    assert 0.4 < found.failure.repeated_seconds < 0.7
    assert found.failure.lasted_seconds < 5
    assert "held for 2 min 00 s by repeating the" in render_replay(found)


def test_a_rule_that_needs_luck_is_said_to_need_it() -> None:
    record = full_outage()
    needed = of(replayed(record, AS_PROMETHEUS, hold=300.0), AS_PROMETHEUS).time_to_detect
    assert needed is not None
    row = of(replayed(record, AS_PROMETHEUS, hold=needed.seconds), AS_PROMETHEUS)
    assert row.fired is Fired.AT_SOME_PHASES
    assert row.time_to_detect is None
    assert "of 13 phases of its evaluations and scrapes" in row.says


def test_without_rules_there_are_the_drills_own_and_well_known_ones() -> None:
    plan = {"rules": {"page": "bad_ratio > 5% over 10s", "late": FOR_A_MINUTE}}
    found = replayed(full_outage(detect=plan, slo={"availability": "99.5%"}))
    assert [(row.name, row.rule) for row in found.rules] == [
        ("sequential", "sequential"),
        ("page", "bad_ratio > 5% over 10s"),
        ("late", FOR_A_MINUTE),
        (None, AS_PROMETHEUS),
        (None, "bad_ratio > 7.2% over 1h and 5m every 15s scrape 15s"),
        (None, "p95 > 2s over 1m for 1m every 15s scrape 15s"),
    ]
    page = found.rules[1]
    assert page.time_to_detect is not None
    assert page.measured is not None  # it ran in the drill, too, from one of the phases
    assert page.time_to_detect.earliest - 0.1 <= page.measured.seconds <= page.time_to_detect.latest + 0.1
    assert {one.detector for one in found.measured} == {"sequential", "page"}


def test_rules_that_are_asked_for_stand_beside_the_yardstick_once_each() -> None:
    found = replayed(full_outage(), FOR_A_MINUTE, "sequential", FOR_A_MINUTE)
    assert [row.rule for row in found.rules] == ["sequential", FOR_A_MINUTE]


def test_where_no_user_was_hit_rules_see_nothing() -> None:
    world = World(drill=drill_of(), crashing="drill-edge-missing")
    world.run()
    record = world.record()
    assert record.all_of(Detected)
    found = replayed(record)
    assert found.failure is None
    assert {row.fired for row in found.rules} == {Fired.NO}
    assert found.rules[0].says == "no user was hit: answers show no failure"
    assert "no user was hit" in render_replay(found)
    with pytest.raises(PlanError, match="there is no failure to hold"):
        replayed(record, hold=60.0)


def test_an_alarm_before_users_were_hit_is_a_false_one() -> None:
    hasty = "bad_ratio > 0.1% over 10s"
    row = of(replayed(synthetic_run(noise=0.03), hasty, simulate=60.0), hasty)
    assert (row.fired, row.time_to_detect) == (Fired.FALSE_ALARM, None)
    assert row.says == "fired before any user was hit: a false alarm"


# --- false alarms


def test_a_clean_baseline_makes_nothing_fire_and_the_bound_is_said_to_be_one() -> None:
    found = replayed(full_outage(), FOR_A_MINUTE)
    for row in found.rules:
        costs = row.false_alarms
        assert (costs.on_baseline, costs.simulated, costs.none_seen, costs.per_day) == (0, 0, True, 1.0)
    sequential, rule = (row.false_alarms.guaranteed_per_day for row in found.rules)
    assert sequential == pytest.approx(864_000 / 4_800_000)  # slots of a day by the threshold of 480 s
    assert rule is None


def test_false_alarms_are_counted_on_the_baseline_and_estimated_from_it() -> None:
    record = synthetic_run(noise=0.03)
    hasty, patient = "bad_ratio > 8% over 1s every 200ms", "bad_ratio > 0.5% over 1h"
    found = replayed(record, hasty, patient, simulate=3600.0)
    costs = of(found, hasty).false_alarms
    assert costs.on_baseline > 0
    assert not costs.none_seen
    assert costs.per_day == pytest.approx(costs.simulated * 24)
    assert found.rules[0].false_alarms.none_seen  # the sequential detector
    assert found.rules[0].false_alarms.per_day == 24  # at most
    always = of(found, patient).false_alarms
    assert always.firing_ratio == 1
    text = render_replay(found)
    assert "fires 100 % of the time" in text
    assert "< 24" in text
    assert replayed(record, hasty, patient, simulate=3600.0) == found  # seeded


def test_blocks_are_drawn_evenly_with_their_distances() -> None:
    known = [seconds_to_ns(n / 10) for n in range(1, 101)]
    outcomes = [Outcome(n, ns - 5, ns - 5, ns, Reason.GOOD, 200) for n, ns in enumerate(known)]
    steady = Steady(0, seconds_to_ns(10), outcomes)
    start, length = seconds_to_ns(1000), seconds_to_ns(steady.block_seconds * 300)
    drawn = [one for _, block in drawn_blocks(steady, start, length, random.Random(3)) for one in block]
    times = [one.known_ns for one in drawn]
    assert times == sorted(times)
    assert start < times[0]
    assert times[-1] <= start + length
    assert all(one.known_ns - one.sent_ns == 5 for one in drawn)
    assert len(drawn) == pytest.approx(10 * steady.block_seconds * 300, rel=0.02)
    counts = [sum(one.sequence == n for one in drawn) for n in range(100)]
    assert min(counts) > 60
    assert max(counts) < 140


# --- what cannot be replayed


def test_a_run_that_broke_nothing_cannot_be_replayed() -> None:
    with pytest.raises(RunFolderError, match="has no baseline"):
        replayed(read_run(GOLDEN / "noisy-baseline"))
    with pytest.raises(RunFolderError, match="has no break"):
        replayed(changed(synthetic_run(), ImageSet))


@pytest.mark.parametrize("normal", [0.0, 0.99, 7.0])
def test_a_baseline_that_is_none_is_refused(normal: float) -> None:
    record = synthetic_run()
    (held,) = record.all_of(BaselineHeld)
    with pytest.raises(RunFolderError, match="bad ratio of"):
        replayed(changed(record, BaselineHeld, replace(held, normal_bad_ratio=normal)))
    nowhere = replace(held, window=Instant(0, 1))
    with pytest.raises(RunFolderError, match="no outcome of the baseline"):
        replayed(changed(record, BaselineHeld, nowhere))
    with pytest.raises(RunFolderError, match="no outcome of the baseline"):
        replayed(replace(record, records=()))


def test_what_the_outcomes_cannot_show_is_refused() -> None:
    with pytest.raises(PlanError, match=r"--rule p95 > 3s over 1m: a limit of 3.00 s is above load.latency_objective"):
        replayed(synthetic_run(), "p95 > 3s over 1m")
    with pytest.raises(PlanError, match="more than 500000 requests at 20 requests/s"):
        replayed(synthetic_run(), hold=86400.0)


# --- what is printed


def test_the_json_is_what_its_schema_says() -> None:
    for found in (replayed(full_outage(), FOR_A_MINUTE, hold=100.0), replayed(read_run(GOLDEN / "statefulset"))):
        text = render_replay_json(found)
        jsonschema.validate(json.loads(text), json.loads(schema_text("replay")), jsonschema.Draft202012Validator)
        assert Replay.model_validate_json(text) == found
        assert text.isascii()


def test_the_table_has_a_row_a_rule_and_says_what_it_rests_on() -> None:
    text = render_replay(replayed(full_outage(), FOR_A_MINUTE, hold=300.0))
    rows = [line.split() for line in text.splitlines() if line.endswith(("sequential", FOR_A_MINUTE))]
    assert len(rows) == 2
    assert "in the run: sequential detected it in 560 ms (500 ms to 620 ms), and triggered the rollback" in text
    assert "an estimate from those 15.00 s" in text
    assert "sequential: at most 0.18 a day are guaranteed while no more than 1.52 % of the requests are bad." in text
