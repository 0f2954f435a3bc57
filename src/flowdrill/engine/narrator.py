"""Writes events with their time, and makes checks readable where they are made."""

from __future__ import annotations

from flowdrill.engine.ports import Clock, Emit
from flowdrill.model.events import Check, Checked, EvidenceTaken, Noted, Phase, PhaseStarted
from flowdrill.model.status import Status


class Narrator:
    """The run's voice: every event that needs nothing but the present moment."""

    def __init__(self, clock: Clock, emit: Emit) -> None:
        self._clock = clock
        self.emit = emit

    def phase(self, phase: Phase) -> None:
        """Begin a phase."""
        self.emit(PhaseStarted(at_ns=self._clock.now_ns(), phase=phase))

    def note(self, text: str) -> None:
        """Say something a reader of the report should know."""
        self.emit(Noted(at_ns=self._clock.now_ns(), text=text))

    def evidence(self, path: str, what: str) -> None:
        """Say that something was saved."""
        self.emit(EvidenceTaken(at_ns=self._clock.now_ns(), path=path, what=what))

    def check(self, name: str, status: Status, *, required: str, observed: str, detail: str = "") -> Check:
        """Record a check and return it."""
        made = Check(name=name, status=status, required=required, observed=observed, detail=detail)
        self.emit(Checked(at_ns=self._clock.now_ns(), check=made))
        return made
