"""How a fleet's drills go on: a few lines that stay in place on a terminal, and one line a change anywhere else."""

from __future__ import annotations

import time
from collections import Counter
from contextlib import suppress
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from flowdrill.edges.terminal.lines import visible

_REDRAW_SECONDS = 0.5


class FleetView:
    """Shows a fleet on stderr. It has no thread: it is drawn when it is told something, or that a moment has passed.
    A terminal that is gone ends the view, never the drills."""

    def __init__(self, console: Console, total: int) -> None:
        self._console, self._total = console, total
        self._running: dict[str, tuple[float, str]] = {}  # by workload: since when, and how far it is
        self._came_to = Counter[str]()
        self._drawn = 0.0
        self._live = Live(  # the streams of the process stay its own: drills are forked from it
            console=console,
            auto_refresh=False,
            transient=True,
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            with suppress(OSError, ValueError):
                self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._console.is_terminal:
            with suppress(OSError, ValueError):
                self._live.stop()

    def began(self, where: str) -> None:
        """A workload's drill has begun."""
        self._running[where] = (time.monotonic(), "starting")
        if not self._console.is_terminal:
            self._print(f"BEGUN         {where}")
        self._draw()

    def said(self, where: str, text: str) -> None:
        """It has got as far as that."""
        since, _ = self._running.get(where, (time.monotonic(), ""))
        self._running[where] = (since, text)
        self._draw()

    def ended(self, where: str) -> None:
        """It is over."""
        self._running.pop(where, None)

    def result(self, outcome: str, line: str) -> None:
        """Print a line about one that is over, which stays."""
        self._came_to[outcome] += 1
        self._print(line)
        self._draw()

    def look(self) -> None:
        """A moment has passed."""
        if time.monotonic() - self._drawn >= _REDRAW_SECONDS:
            self._draw()

    def _print(self, line: str) -> None:
        with suppress(OSError, ValueError):
            self._console.print(Text(visible(line)), soft_wrap=True)

    def _draw(self) -> None:
        if not self._console.is_terminal:
            return
        self._drawn = time.monotonic()
        with suppress(OSError, ValueError):
            self._live.update(self._picture(), refresh=True)

    def _picture(self) -> Text:
        done = self._came_to.total()
        counts = ", ".join(f"{count} {outcome}" for outcome, count in sorted(self._came_to.items()))
        waiting = self._total - done - len(self._running)
        head = f"{done} of {self._total} done{f': {counts}' if counts else ''}; {waiting} waiting"
        lines = [head, *(self._row(where) for where in self._running)]
        width = max(20, self._console.width - 1)
        return Text("\n".join(_cut(visible(one), width) for one in lines), no_wrap=True)

    def _row(self, where: str) -> str:
        since, phase = self._running[where]
        return f"{time.monotonic() - since:6.0f}s  {phase:<10}  {where}"


def _cut(line: str, width: int) -> str:
    return line if len(line) <= width else f"{line[: width - 1]}…"
