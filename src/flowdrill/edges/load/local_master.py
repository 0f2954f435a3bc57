"""A Locust master and its workers, on this machine: processes of the harness, and a pipe."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from flowdrill.edges.load.locust_load import (
    LOCUST_FOLDER,
    LOG_FILE,
    SAMPLES_FILE,
    api_key_of,
    environ_of,
    last_words_of,
    settings_of,
)
from flowdrill.engine.ports import Clock
from flowdrill.errors import LoadError
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.load_frames import HARNESS, ClockTold
from flowdrill.model.load_plan import LoadPlan

_HOST = "127.0.0.1"
_STOP_SECONDS = 15.0
_WORKERS_STOP_SECONDS = 3.0


class LocalMaster:
    """Implements `FrameSource`. All processes die with the thread that called `start` (Linux's parent death signal)."""

    def __init__(
        self, plan: LoadPlan, *, environ: Mapping[str, str], folder: Path, locust_file: Path, clock: Clock
    ) -> None:
        """PlanError when the API key's variable holds none."""
        key = api_key_of(plan, environ)
        self._secrets = (key,) if key is not None else ()
        self._plan, self._environ, self._clock = plan, environ, clock
        self._folder, self._locust_file = folder.resolve(), locust_file.resolve()
        self._own = self._folder / LOCUST_FOLDER
        self._frames = self._port = -1
        self._measured: ClockTold | None = None
        self.master: subprocess.Popen[bytes] | None = None
        self.workers: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        """Start the master, then the workers; LoadError when they cannot be."""
        self._port = _free_port()
        self._frames, masters_end = os.pipe()
        try:
            self.master = self._spawn_master(masters_end)
            for _ in range(self._plan.workers or 1):
                self.start_another()
        except OSError as error:
            self.stop()
            raise LoadError(f"Locust cannot be started: {error}", f"Check {sys.executable}.") from error
        finally:
            os.close(masters_end)

    def start_another(self) -> None:
        """Start one more worker: where all shares have one, it waits for one that is free."""
        options = ["--worker", "--master-host", _HOST, "--master-port", str(self._port)]
        self.workers.append(self._spawn(options, self._own / _log_of(len(self.workers) + 1), None))

    def read(self) -> bytes:
        """Return what the master wrote next."""
        return os.read(self._frames, 1 << 16)

    def clock(self) -> ClockTold | None:
        """The master's clock is this host's own; said once a second."""
        now_ns = self._clock.now_ns()
        if self._measured is None or now_ns - self._measured.at_ns >= NS_PER_SECOND:
            self._measured = ClockTold(HARNESS, now_ns, 0, 0, 0)
        return self._measured

    def stop(self) -> None:
        """Have the master end it, then whoever is left."""
        if self.master is not None:
            _end(self.master, _STOP_SECONDS)
        until = time.monotonic() + _WORKERS_STOP_SECONDS  # they were told to quit by the master
        for worker in self.workers:
            with suppress(subprocess.TimeoutExpired):
                worker.send_signal(signal.SIGCONT)
                worker.wait(max(0.0, until - time.monotonic()))
        for worker in self.workers:
            _end(worker, _WORKERS_STOP_SECONDS)

    def last_words(self) -> tuple[int | None, str]:
        """Return the master's exit code, and the ends of its log and of those of workers that have failed."""
        code = None if self.master is None else self.master.poll()
        words = [last_words_of(self._folder / LOG_FILE, self._secrets)]
        for number, worker in enumerate(self.workers, 1):
            if worker.poll():
                words.append(f"worker {number}: {last_words_of(self._own / _log_of(number), self._secrets)}")
        return code, "\n".join(words)

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return what the processes have written."""
        return (
            (f"{LOCUST_FOLDER}/locust_stats.csv", "Locust's own statistics"),
            (f"{LOCUST_FOLDER}/locust_stats_history.csv", "Locust's own statistics over time"),
            (LOG_FILE, "the log of Locust's master"),
            *(
                (f"{LOCUST_FOLDER}/{_log_of(number)}", f"the log of load worker {number}")
                for number in range(1, len(self.workers) + 1)
            ),
        )

    def _spawn_master(self, frames_fd: int) -> subprocess.Popen[bytes]:
        workers = str(self._plan.workers)
        options = ["--master", "--master-bind-host", _HOST, "--master-bind-port", str(self._port), "--headless"]
        options += ["--only-summary", "--csv", str(self._own / "locust"), "--expect-workers", workers]
        options += ["--users", workers, "--spawn-rate", workers]
        return self._spawn(options, self._folder / LOG_FILE, frames_fd)

    def _spawn(self, options: list[str], log_file: Path, frames_fd: int | None) -> subprocess.Popen[bytes]:
        settings = settings_of(
            self._plan, -1 if frames_fd is None else frames_fd, os.getpid(), self._own / SAMPLES_FILE
        )
        with log_file.open("wb") as log:
            return subprocess.Popen(  # noqa: S603  (our own interpreter and file)
                [sys.executable, "-m", "locust", "--locustfile", str(self._locust_file), *options],
                env=environ_of(settings, self._environ),
                cwd=self._own,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=() if frames_fd is None else (frames_fd,),
                start_new_session=True,  # a Ctrl-C in the terminal is for the harness, which stops Locust in its turn
            )


def _log_of(number: int) -> str:
    return f"worker-{number}.log"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        port: int = probe.getsockname()[1]
    return port


def _end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Stop a process, by force if it takes too long."""
    process.terminate()
    process.send_signal(signal.SIGCONT)  # one that was stopped would not hear it
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
