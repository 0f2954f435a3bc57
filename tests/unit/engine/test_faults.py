"""What goes wrong around a run: the network keeps a patch back, the clock is set, a reporter fails. The workload is put
back all the same, and nothing is measured wrongly."""

from __future__ import annotations

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.errors import ClusterAwayError
from flowdrill.model.events import Event
from flowdrill.model.result import Verdict
from flowdrill.report.html import render_html
from flowdrill.report.markdown import render_markdown
from tests.fakes.world import World


def test_a_break_that_the_network_has_kept_back_changes_nothing_once_the_run_has_put_everything_back() -> None:
    world = World()
    world.workload.keeps_breaks_back = True
    outcome = world.run()
    assert isinstance(outcome.error, ClusterAwayError)
    assert world.problems_left() == []
    world.workload.break_arrives()
    assert world.problems_left() == []


@pytest.mark.parametrize("hours", [1, -1])
@pytest.mark.parametrize("at_seconds", [5, 17, 25])
def test_a_clock_that_is_set_by_an_hour_changes_no_measure_and_the_report_says_so(hours: int, at_seconds: int) -> None:
    steady, stepped = World(), World()

    def set_clock() -> None:
        stepped.time.utc_set_by_seconds = hours * 3600.0

    stepped.time.after(at_seconds, set_clock)
    assert (steady.run().error, stepped.run().error) == (None, None)
    expected, report = report_of(steady.record()), report_of(stepped.record())
    assert report.result.verdict is Verdict.PASS
    assert report.result.measures == expected.result.measures
    assert report.result.objectives == expected.result.objectives
    for text in (render_markdown(report), render_html(report)):
        assert f"UTC clock was set by {hours * 3600:+.3f} s during the run" in text


def reported_by(world: World, failing_from: int) -> None:
    """Something that is told of every event fails from the n-th one on, as a program does that has a defect."""
    emit, told = world.emit, 0

    def reported(event: Event) -> None:
        nonlocal told
        emit(event)
        told += 1
        if told >= failing_from:
            raise ZeroDivisionError

    world.emit = reported  # type: ignore[method-assign]


@pytest.mark.parametrize("event", range(2, 42, 3))
def test_a_reporter_with_a_defect_does_not_keep_anything_from_being_put_back(event: int) -> None:
    world = World()
    reported_by(world, event)
    with pytest.raises(ZeroDivisionError):
        world.run()
    assert world.problems_left() == []
    report_of(world.record())


def test_the_break_is_outdated_only_where_its_answer_was_lost() -> None:
    world, outdated = World(), list[str]()
    world.workload.outdate = outdated.append  # type: ignore[method-assign]
    assert world.run().error is None
    assert outdated == []
