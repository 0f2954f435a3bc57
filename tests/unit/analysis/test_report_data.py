"""A whole run as a report's data."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from flowdrill.analysis.chart import chart_bins
from flowdrill.analysis.outcome_columns import columns_of
from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.run_clock import RunClock, utc_text
from flowdrill.errors import RunFolderError
from flowdrill.model.events import ClockPair, End, Phase, RunEnded, RunStarted
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.result import Report, Verdict
from flowdrill.model.workload import WorkloadKind
from tests.fakes.world import World
from tests.unit.analysis.synthetic_run import (
    BREAK,
    BROKEN_DIGEST,
    BROKEN_GONE,
    BROKEN_SERVES,
    STABLE_DIGEST,
    synthetic_run,
)

REPORT = report_of(synthetic_run())
RESULT = REPORT.result


def test_the_same_record_always_gives_the_same_bytes() -> None:
    again = report_of(synthetic_run())
    assert again.model_dump_json(by_alias=True) == REPORT.model_dump_json(by_alias=True)
    assert Report.model_validate_json(again.model_dump_json(by_alias=True)) == REPORT


def test_the_measures_are_those_of_the_synthetic_run() -> None:
    assert RESULT.verdict is Verdict.PASS
    measures = RESULT.measures
    assert measures.time_to_detect is not None
    assert 0 < measures.time_to_detect.seconds < 2
    assert measures.outage is not None
    assert measures.outage.seconds == pytest.approx(BROKEN_GONE - BROKEN_SERVES, abs=0.6)  # half the requests met it
    for measure in (measures.time_to_detect, measures.reaction, measures.time_to_recover, measures.outage):
        assert measure is not None
        assert measure.earliest <= measure.seconds <= measure.latest


def test_the_instants_come_in_order_with_utc() -> None:
    found = RESULT.instants
    moments = [found.broken, found.impact, found.detected, found.decided, found.triggered, found.recovered]
    seconds = [moment.seconds for moment in moments if moment]
    assert seconds == sorted(seconds)
    assert len(seconds) == 6
    assert found.broken is not None
    assert (found.broken.earliest, found.broken.utc) == (BREAK, "2026-09-21T14:13:37.865Z")
    assert RESULT.run.started == "2026-09-21T14:13:20.250Z"


def test_the_recovery_is_broken_into_its_stages() -> None:
    stages = RESULT.recovery_stages
    assert [stage.stage for stage in stages if stage.pod is None] == ["API accepted", "first good answer"]
    for pod in ("greeting-5f0e-m", "greeting-5f0e-n"):
        own = [stage for stage in stages if stage.pod == pod]
        assert [stage.stage for stage in own] == [
            "pod scheduled",
            "image pulled",
            "container started",
            "pod ready",
            "endpoint added",
        ]
        assert [stage.seconds for stage in own] == sorted(stage.seconds for stage in own)
    assert {stage.pod for stage in stages} == {None, "greeting-5f0e-m", "greeting-5f0e-n"}  # no old, no restored pod
    assert all(stage.earliest <= stage.seconds <= stage.latest for stage in stages)
    last = stages[-1]
    assert RESULT.measures.time_to_recover is not None
    assert last.seconds == pytest.approx(RESULT.measures.time_to_recover.seconds)


def test_the_requests_add_up() -> None:
    requests = RESULT.requests
    assert requests.total == requests.good + requests.bad + requests.unanswered_at_end
    assert requests.by_reason == {"flow_error": requests.bad}
    assert requests.bad_seconds == 8
    assert requests.stretches == 1
    assert requests.failed_ratio == pytest.approx(requests.bad / ((BROKEN_GONE - BREAK) * 20), abs=0.01)
    assert requests.error_budget is not None
    assert requests.error_budget.burned_ratio == pytest.approx(requests.bad / (0.001 * 20 * 30 * 86400))


def test_images_phases_detections_and_evidence_are_told() -> None:
    assert RESULT.images.stable is not None
    assert RESULT.images.broken is not None
    assert (RESULT.images.stable.digest, RESULT.images.broken.digest) == (STABLE_DIGEST, BROKEN_DIGEST)
    assert [phase.phase for phase in RESULT.phases] == [phase.value for phase in Phase]
    assert all(one.end == other.start for one, other in zip(RESULT.phases, RESULT.phases[1:], strict=False))
    (detection,) = RESULT.detections
    assert detection.statistic >= detection.threshold
    assert detection.newest_outcome.seconds <= detection.at.latest
    assert [evidence.path for evidence in RESULT.evidence] == ["evidence/pods.yaml"]


def test_the_chart_holds_every_outcome_once_in_about_200_columns() -> None:
    chart = REPORT.chart
    assert 100 <= len(chart) <= 200
    assert sum(column.good for column in chart) == RESULT.requests.good
    assert sum(column.bad for column in chart) == RESULT.requests.bad
    widths = {column.seconds for column in chart}
    assert widths == {0.25}
    assert all(b.start - a.start == pytest.approx(0.25) for a, b in pairwise(chart))


@pytest.mark.parametrize(
    ("seconds", "width"), [(0, 0.25), (49, 0.25), (60, 0.5), (190, 1.0), (600, 5.0), (86_400, 600)]
)
def test_the_columns_have_a_round_width(seconds: int, width: float) -> None:
    ends = [0, seconds * NS_PER_SECOND]
    outcomes = [Outcome(0, ns, ns, ns, Reason.GOOD, 200) for ns in ends]
    chart = chart_bins(columns_of(outcomes), RunClock(ClockPair(0, 0)), 20.0)
    assert {column.seconds for column in chart} == {width}
    assert len(chart) <= 200


def test_a_column_says_what_answers_took_and_nothing_of_those_that_never_came() -> None:
    second = NS_PER_SECOND
    outcomes = [
        Outcome(0, 0, 0, 1 * second, Reason.GOOD, 200),
        Outcome(1, 1 * second, 1 * second, 1 * second + 1, Reason.CONNECTION, None),
        Outcome(2, 0, 0, 1 * second + 2, Reason.TOO_SLOW, None),
    ]
    (column,) = chart_bins(columns_of(outcomes), RunClock(ClockPair(0, 0)), 20.0)
    assert (column.good, column.bad) == (1, 2)
    assert (column.latency_p50_seconds, column.latency_p95_seconds) == (1.0, 1.000000002)
    (dead,) = chart_bins(columns_of(outcomes[1:2]), RunClock(ClockPair(0, 0)), 20.0)
    assert dead.latency_p50_seconds is None


def test_there_is_no_chart_of_nothing() -> None:
    record = synthetic_run()
    before = tuple(event for event in record.events if isinstance(event, RunStarted | RunEnded))
    report = report_of(replace(record, events=before, records=()))
    assert (report.chart, report.result.requests.total, report.result.requests.error_budget) == ((), 0, None)
    assert report.result.instants.broken is None


def test_a_record_without_its_beginning_is_refused() -> None:
    record = synthetic_run()
    with pytest.raises(RunFolderError, match="run started"):
        report_of(replace(record, events=record.events[1:]))


def test_utc_is_exact_to_the_millisecond() -> None:
    assert utc_text(1_790_000_000_999_999_999) == "2026-09-21T14:13:20.999Z"
    assert utc_text(0) == "1970-01-01T00:00:00.000Z"


@pytest.mark.parametrize("kind", list(WorkloadKind))
def test_a_run_of_the_real_engine_in_fake_time_passes(kind: WorkloadKind) -> None:
    world = World(kind=kind)
    world.run()
    result = report_of(world.record()).result
    assert (result.verdict, result.end) == (Verdict.PASS, End.COMPLETED), result.reasons
    assert result.measures.time_to_recover is not None
    assert {stage.stage for stage in result.recovery_stages} >= {"API accepted", "pod ready", "first good answer"}


def test_every_way_a_run_ends_early_makes_a_report() -> None:
    for half_seconds in range(1, 60, 3):
        world = World()
        world.stop_after(half_seconds / 2)
        world.run()
        result = report_of(world.record()).result
        assert result.verdict is Verdict.INCONCLUSIVE or result.end is End.COMPLETED
