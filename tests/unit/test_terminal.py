"""What a person sees: plain lines where there is no terminal, and never what a cluster smuggles in."""

from __future__ import annotations

import io
import time

from rich.console import Console

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.terminal.lines import line_of, visible
from flowdrill.edges.terminal.live import LiveView
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.engine.facts import RecordsArrived
from flowdrill.model.events import Noted
from flowdrill.model.outcome import Reason, Record, RecordKind
from tests.fakes.world import World


def shown_of(world: World) -> str:
    out = io.StringIO()
    with LiveView(Console(file=out, width=100, highlight=False, markup=False)) as view:
        for event in world.events:
            view.emit(event)
    return out.getvalue()


def test_without_a_terminal_every_phase_is_a_plain_line() -> None:
    world = World()
    world.run()
    shown = shown_of(world)
    for text in ("-- preflight", "-- baseline", "steady: 0 of", "detected by sequential", "-- completed"):
        assert text in shown
    assert "\x1b" not in shown


def test_what_a_cluster_says_cannot_steer_the_terminal() -> None:
    world = World()
    world.events.append(Noted(at_ns=1, text="\x1b[2J\x07\u202e[bold]gone"))
    shown = shown_of(world)
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\\x1b[2J\\x07\\u202e[bold]gone" in shown


def test_long_lines_are_not_cut() -> None:
    world = World()
    world.events.append(Noted(at_ns=1, text="x" * 500))
    assert "x" * 500 in shown_of(world)


def test_a_terminal_sees_requests_and_the_bad_share_of_the_last_seconds() -> None:
    out = io.StringIO()
    view = LiveView(Console(file=out, width=100, force_terminal=True))
    told: list[object] = []
    tell = view.told(told.append)
    records = tuple(
        Record(RecordKind.FINISHED, reason, 200, n, 0, 0, 1)
        for n, reason in enumerate([Reason.GOOD, Reason.HTTP_STATUS])
    )
    tell(RecordsArrived(time.monotonic_ns(), records))
    assert "2 requests, 1 bad; last 2 s: 50 % bad" in view._status().plain
    assert len(told) == 1


def test_the_summary_gives_every_time_with_its_bounds() -> None:
    world = World()
    world.run()
    summary = summary_of(report_of(world.record()).result)
    assert summary.startswith("PASS: edge-missing on demo/deployment/app")
    assert "time to detect" in summary
    assert "between" in summary


def test_every_kind_of_event_has_a_line_or_needs_none() -> None:
    world = World()
    world.run()
    assert all(isinstance(line_of(event), str | None) for event in world.events)
    assert visible("tab\tand\nline") == "tab\\tand\nline"
