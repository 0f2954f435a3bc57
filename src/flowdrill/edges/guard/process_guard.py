"""The harness's side of the guard: starts its process, keeps the Lease, and tells when the guard has taken over."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from flowdrill.edges.guard.link import ACTS, DONE, READY, Word, say
from flowdrill.engine.facts import GuardTold, Tell
from flowdrill.errors import FlowdrillError, GuardActsError, GuardError
from flowdrill.model.guard_plan import FENCED_AFTER
from flowdrill.model.undo import Undo

GUARD_LOG, GUARD_EVENTS = "guard.log", "guard.jsonl"
_READY_SECONDS = 60.0
_END_SECONDS = 900.0  # how long a harness that stands aside waits for what comes of it
_DISMISSED_SECONDS = 10.0
_RENEWALS_A_LEASE = 5
_HANGS_SECONDS = 120.0  # an engine that has not even looked at the clock for so long stands still
_LAST_WORDS_BYTES = 2000


class Renewable(Protocol):
    """The drill's Lease."""

    def renew(self, holder: str, *, again_until: float) -> str | None:
        """Say that `holder` is still at it; return None, or who else holds it. One that is gone is made again, but only
        until then (monotonic seconds)."""
        ...


class Holdable(Protocol):
    """The fence before the cluster."""

    def hold_until(self, monotonic_seconds: float) -> None:
        """Let writes through until then."""
        ...


class ProcessGuard:
    """The `Guard` port: a detached process of this host, `python -m flowdrill.standing_in.guarding RUN_FOLDER`."""

    def __init__(self, folder: Path, lease: Renewable, fence: Holdable, beaten_ns: Callable[[], int]) -> None:
        """`beaten_ns` tells when the engine last gave a sign of life (monotonic)."""
        self._folder, self._lease, self._fence, self._beaten_ns = folder.absolute(), lease, fence, beaten_ns
        self._process: subprocess.Popen[bytes] | None = None
        self._pipe: int | None = None
        self._ready, self._leaving = threading.Event(), threading.Event()
        self._renewed = 0.0  # when the Lease was last (monotonic)
        self._acts = False  # the guard has begun to put everything back
        self._lost = ""  # why this run must do nothing more
        self._said = ""  # what came of it, once the guard has acted
        self._starting = threading.Lock()
        self._listening: threading.Thread | None = None
        self._renewing: threading.Thread | None = None
        self._tell: Tell = lambda _: None

    def begin(self, undo: Undo, tell: Tell) -> None:  # noqa: ARG002 - the run folder has it
        """Start it: from now on it acts when this process ends."""
        self._tell = tell
        self._start()

    def keep_lease(self, undo: Undo) -> None:
        """Renew the Lease, which was just taken, from now on. The guard acts, too, when it is not renewed."""
        self._renewed = time.monotonic()
        self._fence.hold_until(self._renewed + undo.lease_seconds * FENCED_AFTER)
        self._pass_on(Word.RENEWED)
        self._renewing = threading.Thread(target=self._keep, args=(undo,), name="lease renewal", daemon=True)
        self._renewing.start()

    def await_ready(self) -> None:
        """Return once it could act."""
        if not self._ready.wait(_READY_SECONDS):
            raise GuardError(
                f"the guard did not get ready: {self._last_words()}",
                f"see {self._folder / GUARD_LOG}; nothing was broken",
            )

    def await_end(self) -> str:
        """Wait until it has done what it has taken over; return what came of it, in words."""
        process = self._process
        if process is not None:
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                return f"it is still at it (process {process.pid}): `flowdrill status` tells what becomes of it"
        if self._listening is not None:
            self._listening.join(_DISMISSED_SECONDS)
        return self._said or f"it said nothing: see {self._folder / GUARD_EVENTS}"

    def stop_renewing(self, undo: Undo) -> None:
        """Renew the Lease once more, and then no more: it is about to be given back."""
        self._stop()
        if self._renewing is not None and not self._renew(undo):
            raise GuardActsError(self._lost, "see guard.jsonl in the run folder")

    def dismiss(self) -> None:
        """Everything is put back: let it go."""
        self._leave(Word.DISMISSED)
        process = self._process
        if process is None:
            return
        try:
            process.wait(_END_SECONDS if self._acts else _DISMISSED_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()  # it hangs
            process.wait()

    def leave_to_it(self) -> str | None:
        """Let it go on in this run's place; return where it tells of it, None when there is none."""
        process = self._process
        if process is None or process.poll() is not None:
            return None
        self._leave(Word.HANDED_OVER)
        process.returncode = 0  # it outlives this process: nobody here will wait for it
        return f"process {process.pid}, see {self._folder / GUARD_EVENTS}"

    def hand_over(self) -> str | None:
        """Do the same from a signal handler, directly before this process ends."""
        process, pipe = self._process, self._pipe
        if process is None or pipe is None or not say(pipe, Word.HANDED_OVER):
            return None
        return f"process {process.pid}, see {self._folder / GUARD_EVENTS}"

    def _stop(self) -> None:
        self._leaving.set()
        if self._renewing is not None:
            self._renewing.join()

    def _leave(self, word: Word) -> None:
        self._stop()
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            say(pipe, word)
            os.close(pipe)

    def _start(self) -> None:
        hears, pipe = os.pipe()
        try:
            with (self._folder / GUARD_LOG).open("ab") as log:
                process = subprocess.Popen(  # noqa: S603 - our own program
                    [sys.executable, "-m", "flowdrill.standing_in.guarding", str(self._folder)],
                    stdin=hears,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd="/",
                    start_new_session=True,  # a Ctrl-C, or a terminal that closes, is for the harness
                )
        except OSError as error:
            os.close(pipe)
            raise GuardError(f"the guard cannot be started: {error}", "make room, and try again") from error
        finally:
            os.close(hears)
        self._ready.clear()
        self._process, self._pipe = process, pipe
        self._listening = threading.Thread(target=self._listen, args=(process,), name="guard", daemon=True)
        self._listening.start()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        """Hear what the guard says, and see to it when it has ended."""
        assert process.stdout is not None  # noqa: S101 - for the type checker
        with process.stdout as lines:
            for line in lines:
                text = line.decode("utf-8", "replace").strip()
                if text == READY:
                    self._ready.set()
                elif text == ACTS:
                    self._acts = True
                elif text.startswith(DONE):
                    self._said = text.removeprefix(DONE)
        if self._leaving.is_set():
            return
        process.wait()
        if self._said:
            self._stand_aside("the guard has acted, since this run was silent for too long: this run does nothing more")
        else:
            self._replace(process)

    def _keep(self, undo: Undo) -> None:
        """Renew again and again until the run leaves, or somebody else holds the Lease."""
        while not self._leaving.wait(undo.lease_seconds / _RENEWALS_A_LEASE):
            process = self._process
            if process is not None and process.poll() is not None:
                self._replace(process)
            silent_seconds = (time.monotonic_ns() - self._beaten_ns()) / 1e9
            if self._said or silent_seconds > max(_HANGS_SECONDS, undo.lease_seconds):
                continue  # the guard acts
            try:
                if not self._renew(undo):
                    self._stand_aside(self._lost)
                    return
            except FlowdrillError:
                continue  # the fence closes by itself

    def _renew(self, undo: Undo) -> bool:
        """Renew the Lease, and keep the fence open for as long as that counts; False when the run has lost it."""
        began, fenced_seconds = time.monotonic(), undo.lease_seconds * FENCED_AFTER
        other = self._lease.renew(undo.run_id, again_until=self._renewed + fenced_seconds)
        if other is not None or self._said:
            self._lost = self._lost or f"{other or 'the guard'} holds the drill's Lease: this run does nothing more"
            return False
        self._renewed = began
        self._fence.hold_until(began + fenced_seconds)
        self._pass_on(Word.RENEWED)
        return True

    def _stand_aside(self, words: str) -> None:
        """Let nothing through to the cluster any more, and tell the run."""
        self._lost = words
        self._fence.hold_until(time.monotonic() - 1)
        self._tell(GuardTold(time.monotonic_ns(), words, acts=True))

    def _pass_on(self, word: Word) -> None:
        pipe = self._pipe
        if pipe is not None:
            say(pipe, word)

    def _replace(self, process: subprocess.Popen[bytes]) -> None:
        """A guard that ended by itself leaves the run without one: start another, once."""
        with self._starting:
            if self._leaving.is_set() or self._said or self._process is not process:
                return
            ended = f"the guard (process {process.pid}) ended by itself, exit code {process.poll()}"
            words = f"{ended}: {self._last_words()}"
            pipe, self._pipe = self._pipe, None
            if pipe is not None:
                os.close(pipe)
            try:
                self._start()
            except GuardError as error:
                words = f"{words}; {error.problem}"
            else:
                self._pass_on(Word.RENEWED)  # as far as this run knows
        self._tell(GuardTold(time.monotonic_ns(), words, acts=False))

    def _last_words(self) -> str:
        try:
            tail = (self._folder / GUARD_LOG).read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")
        except OSError:
            return "no log"
        return " ".join(tail.split()) or "nothing was said"
