"""What whoever leads a game day sees below the live view: what is broken, who has noticed, how long is left."""

from __future__ import annotations

from rich.text import Text

from flowdrill.edges.terminal.lines import visible
from flowdrill.engine.lookout import THE_DRILL
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.drill import Drill
from flowdrill.model.events import (
    Acknowledged,
    BrokenImageMade,
    Detected,
    Event,
    ImageSet,
    Injected,
    PhaseStarted,
    Purpose,
)
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.quantity import format_seconds

WARNING = "game day: this screen says what is broken: it is the facilitator's, and participants must not see it"
_LONGEST = 160  # characters of a line


class Facilitator:
    """Follows a game day's events, and says where it is. Times are CLOCK_MONOTONIC in nanoseconds."""

    def __init__(self, drill: Drill) -> None:
        self._limit_seconds = drill.rollback.human_limit_seconds
        self._injects = sorted(drill.injects, key=lambda inject: inject.after)
        self._told = 0  # of the drill's own injects
        self._scenario = drill.scenario
        self._changes: tuple[str, ...] = ()
        self._broken_ns: int | None = None
        self._detected: list[tuple[str, int]] = []
        self._acknowledged: list[tuple[str, int]] = []
        self._rolled_back: tuple[str, int] | None = None
        self._over = False

    def see(self, event: Event) -> None:
        """Take in what happened."""
        match event:
            case BrokenImageMade(changes=changes):
                self._changes = changes
            case ImageSet(purpose=Purpose.BREAK, instant=instant):
                self._broken_ns = instant.latest_ns
            case ImageSet(purpose=Purpose.ROLL_BACK, instant=instant, identity=identity, by_people=by_people):
                who = identity or ("somebody" if by_people else "the drill, which has taken over")
                self._rolled_back = (who, instant.latest_ns)
            case Detected(detector=detector, instant=instant) if detector != HUMAN:
                self._detected.append((detector, instant.latest_ns))
            case Acknowledged(by=by, instant=instant):
                self._acknowledged.append((by, instant.latest_ns))
            case Injected(by=by):
                self._told += by == THE_DRILL
            case PhaseStarted(phase=phase):
                self._over = phase == "restore"

    def lines(self, now_ns: int) -> tuple[str, ...]:
        """Return what to show now; nothing once the drill puts the workload back."""
        if self._over:
            return ()
        if self._broken_ns is None:
            return (WARNING,)
        since = ns_to_seconds(now_ns - self._broken_ns)
        changes = f": {'; '.join(self._changes)}" if self._changes else ""
        return (
            WARNING,
            f"broken        for {format_seconds(since)}, by scenario {self._scenario}{changes}",
            f"detectors     {self._listed(self._detected) or 'have said nothing'}",
            f"acknowledged  {self._listed(self._acknowledged) or 'by nobody'}",
            self._rollback_line(since),
            self._inject_line(since),
        )

    def text(self, now_ns: int) -> Text:
        """Return the lines as the live view shows them."""
        shown = Text()
        for number, line in enumerate(self.lines(now_ns)):
            cut = line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
            shown.append(f"\n{visible(cut)}", style="bold yellow" if number == 0 else "")
        return shown

    def _listed(self, found: list[tuple[str, int]]) -> str:
        return ", ".join(f"{name} after {self._after(at_ns)}" for name, at_ns in found)

    def _after(self, at_ns: int) -> str:
        return format_seconds(max(0.0, ns_to_seconds(at_ns - (self._broken_ns or at_ns))))

    def _rollback_line(self, since_seconds: float) -> str:
        if self._rolled_back is not None:
            who, at_ns = self._rolled_back
            return f"rolled back   by {who} after {self._after(at_ns)}"
        left = self._limit_seconds - since_seconds
        return f"rolled back   by nobody; the drill takes over {f'in {format_seconds(left)}' if left > 0 else 'now'}"

    def _inject_line(self, since_seconds: float) -> str:
        if self._told >= len(self._injects):
            return "next inject   none"
        inject = self._injects[self._told]
        left = max(0.0, inject.after - since_seconds)
        return f"next inject   in {format_seconds(left)}: {inject.text}"
