"""What a person sees: plain lines where there is no terminal, and never what a cluster smuggles in."""

from __future__ import annotations

import io
import time

from rich.console import Console

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.terminal.facilitator import WARNING, Facilitator
from flowdrill.edges.terminal.lines import line_of, visible
from flowdrill.edges.terminal.live import LiveView
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.engine.facts import RecordsArrived
from flowdrill.model.audit_facts import AuditFacts, ClaimedName
from flowdrill.model.events import (
    Acknowledged,
    AuditFactsTold,
    BrokenImageMade,
    Detected,
    ImageSet,
    Injected,
    Noted,
    Phase,
    PhaseStarted,
    Purpose,
)
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Reason, Record, RecordKind
from tests.fakes.world import World, drill_of


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


GAME_DAY = drill_of(
    rollback={"by": "human", "take_over_after": "5m"},
    injects=[{"after": "2m", "text": "a customer calls"}, {"after": "30s", "text": "the CTO asks\x1b"}],
)


def at(seconds: float) -> Instant:
    return Instant(seconds_to_ns(seconds), seconds_to_ns(seconds))


def image_set(purpose: Purpose, seconds: float, *, who: str | None = None, strategy: str = "") -> ImageSet:
    return ImageSet(seconds_to_ns(seconds), purpose, "image", at(seconds), who, strategy=strategy)


def test_the_facilitator_sees_what_is_broken_who_has_noticed_and_how_long_is_left() -> None:
    facilitator = Facilitator(GAME_DAY)
    assert facilitator.lines(0) == (WARNING,)
    facilitator.see(BrokenImageMade(0, "image", "sha256:0", ("removed edge a -> b",), 1))
    facilitator.see(image_set(Purpose.BREAK, 100))
    assert facilitator.lines(seconds_to_ns(110)) == (
        WARNING,
        "broken        for 10.00 s, by scenario edge-missing: removed edge a -> b",
        "detectors     have said nothing",
        "acknowledged  by nobody",
        "rolled back   by nobody; the drill takes over in 4 min 50 s",
        "next inject   in 20.00 s: the CTO asks\x1b",
    )
    facilitator.see(Detected(0, "sequential", at(101.5), None, None, None, triggers=False))
    facilitator.see(Detected(0, "human", at(120), None, None, None, triggers=True))
    facilitator.see(Acknowledged(0, at(120), "alice", "flowdrill ack"))
    facilitator.see(Injected(0, "the CTO asks", "the drill"))
    facilitator.see(Injected(0, "look there", "eve"))
    facilitator.see(image_set(Purpose.ROLL_BACK, 150, who="bob", strategy="human"))
    assert facilitator.lines(seconds_to_ns(160))[2:] == (
        "detectors     sequential after 1.50 s",
        "acknowledged  alice after 20.00 s",
        "rolled back   by bob after 50.00 s",
        "next inject   in 1 min 00 s: a customer calls",
    )
    assert "\x1b" not in facilitator.text(seconds_to_ns(110)).plain
    facilitator.see(PhaseStarted(0, Phase.RESTORE))
    assert facilitator.lines(seconds_to_ns(200)) == ()


def test_on_a_game_day_the_view_says_that_it_is_the_facilitators() -> None:
    out = io.StringIO()
    with LiveView(Console(file=out, width=200, highlight=False, markup=False), GAME_DAY) as view:
        view.emit(image_set(Purpose.ROLL_BACK, 3, who="alice", strategy="human"))
    assert "participants must not see it" in out.getvalue()
    assert "rolled back by alice" in out.getvalue()
    terminal = LiveView(Console(file=io.StringIO(), width=200, force_terminal=True), GAME_DAY)
    assert WARNING in terminal._status().plain


def test_it_says_who_the_run_is_of_and_where_that_comes_from() -> None:
    facts = AuditFacts(ran_by=ClaimedName("ada", "$GITHUB_ACTOR"), approved_by=ClaimedName("grace", "--approved-by"))
    assert line_of(AuditFactsTold(0, facts)) == "run by ada ($GITHUB_ACTOR), approved by grace"
    assert line_of(AuditFactsTold(0, AuditFacts())) is None
