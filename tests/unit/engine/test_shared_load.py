"""Whole runs whose load is sent by workers: the same verdict as of one process, and none where they did not tell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.facts import FramesArrived
from flowdrill.engine.lookout import Lookout
from flowdrill.model.events import Detected, End, Event, Noted, RecoveryHeld
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.load_frames import Hello
from flowdrill.model.result import Report, Verdict
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from flowdrill.report.result_json import render_result_json
from tests.fakes.fake_shared_load import FakeSharedLoad
from tests.fakes.world import World, drill_of


def shared_world(*, clock_ns: int = 0, **plan: object) -> tuple[World, FakeSharedLoad]:
    world = World(drill=drill_of(**plan), replicas=1)
    plan_of_load = world.drill.load
    load = FakeSharedLoad(
        world.load,
        world.time,
        rate=plan_of_load.requests_per_second,
        objective_ns=seconds_to_ns(plan_of_load.latency_objective),
        clock_ns=clock_ns,
    )
    world.load = load  # type: ignore[assignment]
    return world, load


def record_of(world: World, load: FakeSharedLoad) -> RunRecord:
    return replace(world.record(), records=(), frames=tuple(load.frames))


def status_of(report: Report, name: str) -> Status:
    return next(one.status for one in report.result.checks if one.name == name)


def test_a_drill_with_workers_says_what_one_with_a_single_process_says() -> None:
    alone = World(drill=drill_of(), replicas=1)
    assert alone.run().end is End.COMPLETED
    world, load = shared_world()
    assert world.run().end is End.COMPLETED
    one, many = report_of(alone.record()).result, report_of(record_of(world, load)).result
    assert many.verdict is one.verdict is Verdict.PASS, many.reasons
    assert many.requests.failed_ratio == pytest.approx(one.requests.failed_ratio, abs=0.02)
    for name in ("time_to_detect", "time_to_recover", "outage"):
        first, second = getattr(one.measures, name), getattr(many.measures, name)
        assert first.earliest <= second.latest, name
        assert second.earliest <= first.latest, name
    assert many.load is not None
    assert [worker.share for worker in many.load.workers] == [1, 2, 3]
    assert one.load is None
    assert "load" not in one.model_dump()
    assert world.all_of(RecoveryHeld)


def test_every_report_is_made_of_bins_and_says_so() -> None:
    world, load = shared_world()
    world.run()
    report = report_of(record_of(world, load))
    assert report.chart
    assert report.latencies
    assert any("3 workers" in note for note in report.result.notes)
    for text in (render_html(report), render_markdown(report), render_result_json(report)):
        assert "latencies are from a histogram: each is right to within" in text
    assert "outcomes.bins|" in render_html(report)
    assert report.result.requests.total == report.result.load.workers[0].requests * 3 or report.result.load


def test_a_worker_that_leaves_makes_the_run_inconclusive_and_is_named() -> None:
    world, load = shared_world()
    world.time.after(25, lambda: load.leave(2))
    assert world.run().end is End.COMPLETED
    result = report_of(record_of(world, load)).result
    assert result.verdict is Verdict.INCONCLUSIVE
    assert any(reason.startswith("load_sent") and "load worker 2 left" in reason for reason in result.reasons)
    assert any("load worker 2 (worker-2) left" in event.text for event in world.all_of(Noted))
    assert result.load is not None
    assert result.load.workers[1].left_seconds is not None


def test_a_worker_that_falls_silent_is_not_waited_for() -> None:
    world, load = shared_world()
    world.time.after(17, lambda: load.gone.add(1))
    assert world.run().end is End.COMPLETED
    assert any("load worker 1 (worker-1) tells nothing" in event.text for event in world.all_of(Noted))
    assert world.all_of(Detected)
    assert report_of(record_of(world, load)).result.verdict is Verdict.INCONCLUSIVE


def test_a_stream_that_contradicts_itself_ends_the_drill_and_not_its_restore() -> None:
    world, load = shared_world()
    world.time.after(20, lambda: load.pass_on(load.frames[0]))
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert "a stream that begins twice" in outcome.why
    assert not load.running


def test_while_it_is_put_back_nothing_that_workers_say_ends_it() -> None:
    events: list[Event] = []
    world, drill = World(), drill_of()
    lookout = Lookout(world.time, world.time, events.append, drill.load, drill.trigger)
    lookout.finish_in_peace()
    hello = Hello(0, 1, 1.0, 1)
    world.time.tell(FramesArrived(0, (hello, hello)))
    lookout.catch_up()
    assert any(isinstance(event, Noted) and "begins twice" in event.text for event in events)


def test_a_worker_that_tells_late_what_it_held_back_does_not_end_the_drill() -> None:
    world, load = shared_world()
    world.time.after(16, lambda: load.hold_back(1))
    world.time.after(20, load.let_go)
    assert world.run().end is End.COMPLETED
    assert any("tells again" in event.text for event in world.all_of(Noted))


def test_a_report_that_is_missing_is_never_a_pass() -> None:
    world, load = shared_world()
    world.run()
    reports = [index for index, frame in enumerate(load.frames) if type(frame).__name__ == "ReportCame"]
    del load.frames[reports[60]]
    report = report_of(record_of(world, load))
    assert report.result.verdict is Verdict.INCONCLUSIVE
    assert status_of(report, "load_told_whole") is Status.UNKNOWN or "cut off" in report.result.reasons[0]


def test_clocks_that_cannot_be_known_widen_the_bounds_and_are_never_a_pass() -> None:
    narrow, wide = shared_world(), shared_world(clock_ns=seconds_to_ns(6))
    results = []
    for world, load in (narrow, wide):
        assert world.run().end is End.COMPLETED
        results.append(report_of(record_of(world, load)).result)
    known, unknown = (one.measures.outage for one in results)
    assert known is not None
    assert unknown is not None
    assert unknown.earliest < known.earliest
    assert known.latest < unknown.latest
    assert results[1].verdict is Verdict.INCONCLUSIVE
    assert any(reason.startswith("load_clocks_known") for reason in results[1].reasons)


def test_a_rule_of_the_drill_is_evaluated_on_bins() -> None:
    world, _ = shared_world(
        detect={"rules": {"page": "bad_ratio > 50% over 2s", "seen": "bad_ratio > 5% over 10s scrape 1s"}}
    )
    assert world.run().end is End.COMPLETED
    assert {"sequential", "page", "seen"} <= {event.detector for event in world.all_of(Detected)}
