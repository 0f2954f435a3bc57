"""Runs the team's own rollback: a script, or what triggers their pipeline."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import REDACTED, follows_secret_option, redact, secrets_of
from flowdrill.edges.rollback.output import Output
from flowdrill.edges.rollback.over import Over
from flowdrill.engine.ports import Clock, RollbackAttempt
from flowdrill.errors import PlanError
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.rollback import RollbackRequest, RollbackTaken

FILE_NAME = "rollback-command.txt"
_WHAT = "output of the rollback command"
_GRACE_SECONDS = 2.0  # for a command that is told to end
_LAST_OUTPUT_SECONDS = 0.5  # for what was written and not yet read, when children keep the pipe open


@dataclass(frozen=True, slots=True)
class Place:
    """Where the command finds what the drill is about."""

    folder: Path  # the drill file's: it is run there
    namespace: str
    workload: str  # deployment/NAME
    container: str
    context: str
    kubeconfig: str | None  # None: where kubectl looks for it by itself


class Command:
    """The `RollbackStrategy` and `RollbackProgram` of a drill whose strategy is a command."""

    def __init__(self, argv: tuple[str, ...], place: Place, environ: Mapping[str, str], clock: Clock) -> None:
        self._argv, self._place, self._environ, self._clock = argv, place, environ, clock
        self._secrets = secrets_of(environ)

    def found(self) -> str:
        """Return where the program is; PlanError when it is not there, or must not be run."""
        written, folder = self._argv[0], self._place.folder
        shown = printable(written)
        if "/" not in written:
            there = shutil.which(written, path=self._environ.get("PATH", os.defpath))
            if there is not None:
                return there
            beside = f"; there is one beside the drill: write ./{shown}" if (folder / written).is_file() else ""
            raise PlanError(f"rollback.command: there is no `{shown}` on the PATH{beside}", "name a program there is")
        path = folder / Path(written).expanduser()
        if not path.is_file():
            raise PlanError(
                f"rollback.command: {printable(str(path))}: no such file",
                "name a program beside the drill file, or one on the PATH without a /",
            )
        if not os.access(path, os.X_OK):
            raise PlanError(
                f"rollback.command: {printable(str(path))} must not be executed", f"`chmod +x {printable(str(path))}`"
            )
        return str(path.absolute())

    def begin(self, request: RollbackRequest) -> RollbackAttempt:
        """Start it, in a session of its own: what is sent to the drill's terminal is not sent to it. What cannot be
        started is a refusal."""
        begun, how = self._clock.now_ns(), self._words()
        try:
            process = subprocess.Popen(  # noqa: S603 - the team's own program, without a shell
                [self.found(), *self._argv[1:]],
                cwd=self._place.folder,
                env=self._environment(request),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except PlanError as error:
            return Over(RollbackTaken(how, begun, refused=error.problem, remedy=error.remedy))
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            remedy = "run it by hand until it starts: a script needs its interpreter in its first line (#!/bin/sh)"
            return Over(RollbackTaken(how, begun, refused=f"{how} cannot be started: {why}", remedy=remedy))
        return _Running(process, how, begun, self._secrets, self._clock)

    def _words(self) -> str:
        words = [REDACTED if follows_secret_option(self._argv, n) else one for n, one in enumerate(self._argv)]
        return f"command {printable(redact(' '.join(words), self._secrets))}"

    def _environment(self, request: RollbackRequest) -> dict[str, str]:
        place = self._place
        told = {
            "FLOWDRILL_RUN_ID": request.run_id,
            "FLOWDRILL_NAMESPACE": place.namespace,
            "FLOWDRILL_WORKLOAD": place.workload,
            "FLOWDRILL_CONTAINER": place.container,
            "FLOWDRILL_STABLE_IMAGE": request.image,
            "FLOWDRILL_STABLE_DIGEST": request.digest,
            "FLOWDRILL_CONTEXT": place.context,
        }
        return {**self._environ, **told, **({"KUBECONFIG": place.kubeconfig} if place.kubeconfig else {})}


class _Running:
    """The `RollbackAttempt` of a command. Two threads: one reads what it writes, one waits for its end."""

    def __init__(
        self, process: subprocess.Popen[bytes], how: str, begun_ns: int, secrets: frozenset[str], clock: Clock
    ) -> None:
        self._process, self._how, self._begun_ns = process, how, begun_ns
        self._secrets, self._clock = secrets, clock
        self._output = Output(begun_ns)
        self._ended_ns: int | None = None
        self._stopped = False
        self._over, self._lock = threading.Event(), threading.Lock()
        self._reader = threading.Thread(target=self._read, name="rollback-output", daemon=True)
        self._reader.start()
        threading.Thread(target=self._await_end, name="rollback-end", daemon=True).start()

    def taken(self) -> RollbackTaken | None:
        """Return what came of it once the program has ended, None before. When the workload was changed only the watch
        can tell: what it asked for may happen elsewhere."""
        if not self._over.is_set():
            return None
        code, took = self._process.returncode, ns_to_seconds((self._ended_ns or self._begun_ns) - self._begun_ns)
        refused, remedy = None, ""
        if self._stopped:
            refused = f"{self._how} had not ended after {took:.1f} s, and was ended"
            remedy = "see evidence/" + FILE_NAME + " for what it did; rollback.limit is how long it may take"
        elif code != 0:
            refused = f"{self._how} ended with {_code_words(code)}: {self._output.last_words(self._secrets)}"
            remedy = f"see evidence/{FILE_NAME}"
        head = f"{self._how}\n{_code_words(code)} after {took:.3f} s{', told to end' if self._stopped else ''}\n\n"
        files = ((FILE_NAME, _WHAT, head + self._output.text(self._secrets)),)
        return RollbackTaken(
            self._how, self._begun_ns, refused=refused, remedy=remedy, files=files, may_have_changed=True
        )

    def stop(self) -> None:
        """End the program and everything else in its process group: with SIGTERM, then with SIGKILL."""
        with self._lock:
            hangs = not self._over.is_set()
            self._stopped = self._stopped or hangs
        self._signal(signal.SIGTERM)
        if hangs:
            self._over.wait(_GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._over.wait(_GRACE_SECONDS)
        self._reader.join(_LAST_OUTPUT_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except (ProcessLookupError, PermissionError):
            return  # nobody is left in it

    def _read(self) -> None:
        stream = self._process.stdout
        assert stream is not None  # noqa: S101 - for the type checker
        with stream:
            while piece := os.read(stream.fileno(), 1 << 16):
                self._output.take(piece, self._clock.now_ns())

    def _await_end(self) -> None:
        self._process.wait()
        ended_ns = self._clock.now_ns()
        self._reader.join(_LAST_OUTPUT_SECONDS)
        with self._lock:
            self._ended_ns = ended_ns
            self._over.set()


def _code_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
