"""How somebody watches over a run who sees nothing of it but its Lease."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowdrill.analysis.lease_silence import LeaseSilence
from flowdrill.edges.kubernetes.lease import HeldLease
from flowdrill.errors import FlowdrillError, GuardActsError
from flowdrill.model.undo import Undo, undo_digest

_LATER_SECONDS = 5.0  # than the guard beside the harness
_LOOKS_A_LEASE = 5
_FIRST_LOOKS_SECONDS = 1.0  # until it is known how long a lease is
_PAUSE_FIRST_SECONDS, _PAUSE_LONGEST_SECONDS = 0.5, 15.0


@dataclass(frozen=True, slots=True)
class Watched:
    """The run: its id, the digest of the undo that it has written down, and as whom this process holds its Lease."""

    run_id: str
    undo_digest: str
    holder: str


class LeaseGuard:
    """Looks at one Lease, and acts when nobody keeps it."""

    def __init__(
        self,
        watched: Watched,
        *,
        look: Callable[[], HeldLease | None],
        try_out: Callable[[], None],
        act: Callable[[Undo], str | None],
        now_seconds: Callable[[], float],
        pause: Callable[[float], None],
        say: Callable[[str], None],
    ) -> None:
        """`look` reads the Lease. `try_out` raises when it could not act. `act` puts everything back and returns what
        came of it in words, or None when it must be tried again; GuardActsError when somebody else takes over. The
        first two may raise any FlowdrillError."""
        self._watched, self._look, self._try_out, self._act = watched, look, try_out, act
        self._now_seconds, self._pause, self._say = now_seconds, pause, say
        self._undo: Undo | None = None  # the first that is the run's: no later one is believed
        self._silence = LeaseSilence(0.0)
        self._said = ""

    def watch(self) -> str:
        """Return, in words, once there is nothing more to do."""
        pause_seconds = _PAUSE_FIRST_SECONDS
        while True:
            try:
                held = self._look()
                if held is None:
                    return "the Lease is gone: everything is put back"
                if held.run_id != self._watched.run_id:
                    return "the Lease is about another run: nothing of this one is left to do"
                undo = self._believed(held)
                said = None
                if undo is not None and self._is_due(held):
                    said = self._act(undo)
                elif undo is not None:
                    pause_seconds = _PAUSE_FIRST_SECONDS
                    self._pause(undo.lease_seconds / _LOOKS_A_LEASE)
                    continue
            except GuardActsError as error:
                self._say_once(error.problem)
                continue
            except (FlowdrillError, OSError) as error:
                self._silence.unanswered()
                said = None
                self._say_once(error.problem if isinstance(error, FlowdrillError) else str(error))
            if said is not None:
                return said
            self._pause(pause_seconds if self._undo is not None else _FIRST_LOOKS_SECONDS)
            pause_seconds = min(2 * pause_seconds, _PAUSE_LONGEST_SECONDS)

    def _is_due(self, held: HeldLease) -> bool:
        """Whether it is this process's to act: nobody keeps the Lease, or it has been taken over here already."""
        silent = self._silence.seen(held.holder, held.renewed, self._now_seconds())
        return silent or held.holder == self._watched.holder

    def _believed(self, held: HeldLease) -> Undo | None:
        """The undo that the run has written: whatever stands on the Lease later, or at a second start of this guard."""
        written = held.read_undo()
        own = written is not None and undo_digest(written) == self._watched.undo_digest
        if self._undo is None and written is not None and own:
            self._try_out()
            self._undo, self._silence = written, LeaseSilence(written.lease_seconds + _LATER_SECONDS)
        elif not own:
            use = "the one from the beginning is used" if self._undo is not None else "nothing can be put back by it"
            self._say_once(f"the undo on lease/{held.name} is not the run's any more, and is not believed: {use}")
        return self._undo

    def _say_once(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            self._say(problem)
