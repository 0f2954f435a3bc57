"""The ports of what stands in when this process cannot, and of what is put up in the cluster and must go again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from flowdrill.engine.facts import Tell
from flowdrill.model.obstacle import ObstacleLook, ObstacleScene
from flowdrill.model.undo import Undo


class Obstacle(Protocol):
    """Something that stands in the way of a rollback, and can be taken away again. Its methods raise FlowdrillErrors,
    also half-way: then it is taken away all the same."""

    @property
    def name(self) -> str:
        """What it is called in a drill."""
        ...

    def look(self, scene: ObstacleScene) -> ObstacleLook:
        """Find out whether it can be put, and how it would be taken away by hand. Changes nothing; comes before
        `put`."""
        ...

    def put(self) -> str:
        """Put it in the way; return what was done, in words."""
        ...

    def recall(self, memory: Mapping[str, Any]) -> None:
        """Know what another process has found out in `look` (its answer's memory): from now on it can be taken away, as
        if it had been put here. ValueError when `memory` is none of its own."""
        ...

    def take_away(self) -> str | None:
        """Take it away; return what of it is left, or None. Harmless when it is not there."""
        ...

    def evidence(self) -> tuple[tuple[str, str, str], ...]:
        """Return (file name, what it shows, text) of what it has to show for itself, redacted."""
        ...


class GuardJob(Protocol):
    """A guard in the cluster: a Job that goes on when this whole host is gone. Every method raises ClusterError or
    ForbiddenError."""

    def try_out(self, run_id: str) -> None:
        """Have the API server check the Job and its pod, and keep nothing. ClusterError, too, when its service account
        is not there."""
        ...

    def create(self, undo: Undo) -> None:
        """Create it for the undo's run. Returns once accepted."""
        ...

    def unready(self) -> str | None:
        """Return what keeps it from watching over the run, or None once it does."""
        ...

    def remove(self, run_id: str) -> str | None:
        """Delete what `create` has made for this run, and nothing else; return what of it is still there, or None.
        Harmless when it is gone, or was never made."""
        ...


class LoadJobs(Protocol):
    """The load as Jobs in the cluster. `try_out` and `remove` raise ClusterError or ForbiddenError."""

    def try_out(self, run_id: str) -> None:
        """Have the API server check the Jobs, their pods and what keeps others away from them, and keep nothing."""
        ...

    def image(self) -> str:
        """Return what their pods run."""
        ...

    def remove(self, run_id: str) -> str | None:
        """Delete what was made for this run, and nothing else; return what of it is still there, or None. Harmless
        when it is gone, or was never made."""
        ...


class Guard(Protocol):
    """What puts everything back when this process cannot: it dies, hangs, or loses the cluster."""

    def begin(self, undo: Undo, tell: Tell) -> None:
        """Have it watch over the run from now on, and tell when it has taken over: before the workload is locked, so
        that nobody has to take away a lock that a dead harness has left. GuardError when it cannot."""
        ...

    def keep_lease(self, undo: Undo) -> None:
        """The workload is locked: keep the Lease, and have the guard act when that does not work."""
        ...

    def await_ready(self) -> None:
        """Return once it could act; GuardError when it does not get ready. Nothing may be broken before."""
        ...

    def await_end(self) -> str:
        """Wait until it has done what it has taken over; return what came of it, in words."""
        ...

    def stop_renewing(self, undo: Undo) -> None:
        """Renew the Lease once more, and then no more: it is about to be given back. GuardActsError when somebody else
        has it, or had it."""
        ...

    def dismiss(self) -> None:
        """Everything is put back: let it go. Harmless when it was never there."""
        ...

    def leave_to_it(self) -> str | None:
        """This run has not put everything back: let it go on trying. Return where it tells of it, None when there is no
        guard that could."""
        ...
