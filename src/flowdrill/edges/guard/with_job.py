"""Two guards of one run: the process beside the harness, and a Job in the cluster for when the whole host goes away.
The Job lets the process act first, by waiting longer."""

from __future__ import annotations

import threading
import time

from flowdrill.engine.facts import Tell
from flowdrill.engine.guard_ports import Guard, GuardJob
from flowdrill.errors import ClusterError, GuardError
from flowdrill.model.undo import Undo

_READY_SECONDS = 180.0  # its image may have to be pulled
_LOOK_AGAIN_SECONDS = 0.5


class GuardWithJob:
    """The `Guard` port, of both."""

    def __init__(self, local: Guard, job: GuardJob, *, ready_seconds: float = _READY_SECONDS) -> None:
        self._local, self._job, self._ready_seconds = local, job, ready_seconds
        self._pause = threading.Event()
        self._name: str | None = None

    def begin(self, undo: Undo, tell: Tell) -> None:
        """Have the process watch over the run. The Job follows once there is a Lease for it to look at."""
        self._local.begin(undo, tell)

    def keep_lease(self, undo: Undo) -> None:
        """Keep the Lease, and have the Job look at it; ClusterError when the cluster would not have the Job."""
        self._local.keep_lease(undo)
        self._job.create(undo)
        self._name = undo.guard_job

    def await_ready(self) -> None:
        """Return once both could act."""
        self._local.await_ready()
        deadline = time.monotonic() + self._ready_seconds
        while (problem := self._unready()) is not None:
            if time.monotonic() >= deadline:
                raise GuardError(
                    f"the guard in the cluster did not get ready within {self._ready_seconds:g} s: {problem}",
                    "see guard.in_cluster in the drill: its image needs flowdrill, and must not run as root; nothing "
                    "was broken",
                )
            self._pause.wait(_LOOK_AGAIN_SECONDS)

    def await_end(self) -> str:
        """Wait until the process has done what it has taken over; return what came of it, in words."""
        return self._local.await_end()

    def stop_renewing(self, undo: Undo) -> None:
        """Renew the Lease once more, and then no more."""
        self._local.stop_renewing(undo)

    def dismiss(self) -> None:
        """Let the process go; the Job was deleted before the Lease was given back."""
        self._local.dismiss()

    def leave_to_it(self) -> str | None:
        """Let both go on; return where the process tells of it, or the Job where there is no process any more."""
        told = self._local.leave_to_it()
        return told or (None if self._name is None else f"job/{self._name} in the cluster, once the Lease has run out")

    def _unready(self) -> str | None:
        try:
            return self._job.unready()
        except ClusterError as error:
            return error.problem
