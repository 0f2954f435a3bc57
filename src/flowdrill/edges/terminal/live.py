"""The live view: a growing list of what happened, and below it the present phase, requests and bad ratio."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flowdrill.edges.terminal.facilitator import WARNING, Facilitator
from flowdrill.edges.terminal.lines import line_of, visible
from flowdrill.engine.facts import Fact, FramesArrived, RecordsArrived, WorkloadChanged
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event, PhaseStarted
from flowdrill.model.load_frames import Frame, ReportCame
from flowdrill.model.outcome import Reason, RecordKind
from flowdrill.model.outcome_bins import Bin, unpack_report
from flowdrill.model.quantity import format_ratio

_WINDOW_NS = 2_000_000_000


class LiveView:
    """Shows a run on stderr. Plain lines, each with its second, where stderr is no terminal."""

    def __init__(self, console: Console, game_day: Drill | None = None) -> None:
        """`game_day`: the drill, where people are to notice and to act; then it is the facilitator's view."""
        self._console = console
        self._facilitator = None if game_day is None else Facilitator(game_day)
        self._started_ns = time.monotonic_ns()
        self._recent: deque[tuple[int, bool, int]] = deque()  # (arrived_ns, bad, how many) of the last seconds
        self._phase = "starting"
        self._total = self._bad = 0
        self._workload = ""
        self._gone = False
        self._live = Live(console=console, get_renderable=self._status, refresh_per_second=4, transient=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            with suppress(OSError):  # a terminal that is gone
                self._live.start()
        elif self._facilitator is not None:
            with suppress(OSError, ValueError):
                self._print(WARNING)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._console.is_terminal:
            with suppress(OSError):
                self._live.stop()

    def emit(self, event: Event) -> None:
        """Print an event's line, if it has one. A terminal that is gone ends the view, never the run; and so does a
        defect of the view itself."""
        if self._gone:
            return
        try:
            self._show(event)
        except Exception:  # noqa: BLE001 - a closed pipe, a closed file, or our own mistake: the run is recorded elsewhere
            self._gone = True

    def _show(self, event: Event) -> None:
        if isinstance(event, PhaseStarted):
            self._phase = event.phase
        if self._facilitator is not None:
            self._facilitator.see(event)
        line = line_of(event)
        if line is not None:
            self._print(line)

    def _print(self, line: str) -> None:
        self._console.print(Text(f"{self._seconds():7.2f}s  {visible(line)}"), soft_wrap=True)

    def told(self, tell: Callable[[Fact], None]) -> Callable[[Fact], None]:
        """Return a `tell` that shows what passes through it. It is called from the edges' threads."""

        def tell_and_show(fact: Fact) -> None:
            tell(fact)
            self._see(fact)

        return tell_and_show

    def _see(self, fact: Fact) -> None:
        if isinstance(fact, RecordsArrived):
            for record in fact.records:
                if record.kind is RecordKind.FINISHED:
                    bad = record.reason is not Reason.GOOD
                    self._total += 1
                    self._bad += bad
                    self._recent.append((fact.arrived_ns, bad, 1))
        elif isinstance(fact, FramesArrived):
            for frame in fact.frames:
                self._see_frame(frame, fact.arrived_ns)
        elif isinstance(fact, WorkloadChanged):
            self._workload = fact.snapshot.described()

    def _see_frame(self, frame: Frame, arrived_ns: int) -> None:
        if isinstance(frame, ReportCame):
            for one in _bins_of(frame):
                bad = one.reason != Reason.GOOD
                self._total += one.outcomes
                self._bad += one.outcomes * bad
                self._recent.append((arrived_ns, bad, one.outcomes))

    def _seconds(self) -> float:
        return (time.monotonic_ns() - self._started_ns) / 1e9

    def _status(self) -> Text:
        since = time.monotonic_ns() - _WINDOW_NS
        while self._recent and self._recent[0][0] < since:
            self._recent.popleft()
        recent = list(self._recent)
        bad, total = sum(many for _, is_bad, many in recent if is_bad), sum(many for _, _, many in recent)
        ratio = format_ratio(bad / total) if recent else "no answers"
        text = Text()
        text.append(f"{self._seconds():7.2f}s  {self._phase:<10}", style="bold")
        text.append(f"  {self._total} requests, {self._bad} bad; last 2 s: ")
        text.append(f"{ratio} bad" if recent else ratio, style="bold red" if bad else "green")
        text.append(f"   {visible(self._workload)}", style="dim")
        if self._facilitator is not None:
            text.append_text(self._facilitator.text(time.monotonic_ns()))
        return text


def _bins_of(came: ReportCame) -> tuple[Bin, ...]:
    try:
        return unpack_report(came.report).bins
    except ValueError:  # the engine says so
        return ()
