"""The `Load` port: Locust in a process of its own, which sends its records through a pipe."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from flowdrill.analysis.header_secret import unfit_for_a_header
from flowdrill.analysis.redaction import redact
from flowdrill.engine.facts import LoadDied, RecordsArrived, Tell
from flowdrill.engine.ports import Clock
from flowdrill.errors import LoadError, PlanError, RunFolderError
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.load_settings import LOAD_VARIABLE, LoadSettings
from flowdrill.model.outcome import FILE_HEADER, RECORD_BYTES, unpack_records

OUTCOME_FILE = "outcomes.bin"
LOG_FILE = "locust.log"
LOCUST_FOLDER = "load"  # Locust's statistics files and the samples of bad answers
SAMPLES_FILE = "bad-answers.jsonl"
_START_SECONDS = 60.0
_REQUESTS_GRACE_SECONDS = 1.0
_STOP_SECONDS = 15.0
_LAST_WORDS_BYTES = 4096


class LocustLoad:
    """Runs the Locust file with one plan; everything it writes lands in the run folder.

    PlanError when the API key's variable holds none. Locust waits for a byte on its standard input before it does
    anything at all. It dies with the thread that started it (Linux's parent death signal), so the thread that calls
    `get_ready` and `start` must live as long as the load.
    """

    def __init__(
        self, plan: LoadPlan, *, environ: Mapping[str, str], folder: Path, locust_file: Path, clock: Clock
    ) -> None:
        key = api_key_of(plan, environ)
        self._secrets = (key,) if key is not None else ()
        self._plan = plan
        self._environ = environ
        self._folder = folder.resolve()
        self._locust_file = locust_file.resolve()
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._records_end = -1  # of the pipe; the reader's, once that runs
        self._reader: threading.Thread | None = None
        self._stopping = threading.Event()
        self._first_record = threading.Event()
        self._settled = threading.Event()  # the first record has come, or none ever will

    def get_ready(self) -> None:
        """Start Locust, which loads what it needs, and waits. Where that fails, `start` tries it again and tells."""
        with suppress(OSError):
            (self._folder / LOCUST_FOLDER).mkdir(parents=True, exist_ok=True)
            self._spawn_once()

    def start(self, tell: Tell) -> None:
        """Start sending; returns once the first record has come. LoadError with Locust's last words when none does."""
        outcomes = self._new_outcome_file()
        try:
            process = self._spawn_once()
        except OSError as error:
            outcomes.close()
            raise LoadError(f"Locust cannot be started: {error}", f"Check {sys.executable}.") from error
        self._reader = threading.Thread(
            target=self._read, args=(process, self._records_end, outcomes, tell), name="locust records", daemon=True
        )
        self._reader.start()
        self._let_go(process)
        self._settled.wait(_START_SECONDS)
        if not self._first_record.is_set():
            self.stop()
            raise LoadError(
                f"Locust sent no request (exit code {process.returncode}). Its last words:\n{self._last_words()}",
                f"See {self._folder / LOG_FILE}; `{sys.executable} -m locust --version` must work.",
            )

    def stop(self) -> None:
        """Stop Locust, by force if it takes too long, and return once its last record has been told."""
        if self._process is None:
            return
        self._stopping.set()
        self._process.terminate()
        self._process.send_signal(signal.SIGCONT)  # one that was stopped would not hear it
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join()
        else:
            self._forget(self._process)
        self._process = self._reader = None

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path in the run folder, what it shows) of what Locust and its file have written."""
        written = (
            (f"{LOCUST_FOLDER}/{SAMPLES_FILE}", "the first bad answers of each reason, redacted"),
            (f"{LOCUST_FOLDER}/locust_stats.csv", "Locust's own statistics"),
            (f"{LOCUST_FOLDER}/locust_stats_history.csv", "Locust's own statistics over time"),
            (LOG_FILE, "Locust's log"),
        )
        return tuple((path, what) for path, what in written if (self._folder / path).is_file())

    def _new_outcome_file(self) -> BinaryIO:
        try:
            (self._folder / LOCUST_FOLDER).mkdir(parents=True, exist_ok=True)
            outcomes = (self._folder / OUTCOME_FILE).open("wb")
            outcomes.write(FILE_HEADER)
            outcomes.flush()
        except OSError as error:
            raise RunFolderError(f"{error.filename}: {error.strerror}", "Give a folder that can be written.") from error
        return outcomes

    def _spawn_once(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._records_end, locusts_end = os.pipe()
            try:
                self._process = self._spawn(locusts_end)
            except OSError:
                os.close(self._records_end)
                raise
            finally:
                os.close(locusts_end)
        return self._process

    def _let_go(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdin is not None:
            with suppress(BrokenPipeError):  # it has ended already: the reader sees that
                process.stdin.write(b"\n")
                process.stdin.close()

    def _forget(self, process: subprocess.Popen[bytes]) -> None:
        """Leave nothing of a load that was never started, unless Locust has said something."""
        os.close(self._records_end)
        if process.stdin is not None:
            process.stdin.close()
        log = self._folder / LOG_FILE
        with suppress(OSError):
            if not log.stat().st_size:
                log.unlink()
                (self._folder / LOCUST_FOLDER).rmdir()

    def _spawn(self, records_fd: int) -> subprocess.Popen[bytes]:
        own = self._folder / LOCUST_FOLDER
        settings = settings_of(self._plan, records_fd, os.getpid(), own / SAMPLES_FILE)
        command = [sys.executable, "-m", "locust", "--locustfile", str(self._locust_file), "--csv", str(own / "locust")]
        with (self._folder / LOG_FILE).open("wb") as log:
            return subprocess.Popen(  # noqa: S603  (our own interpreter and file)
                [*command, "--headless", "--only-summary", "--users", "1", "--spawn-rate", "1"],
                env=environ_of(settings, self._environ),
                cwd=own,
                stdin=subprocess.PIPE,  # for the byte that it waits for
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(records_fd,),
                start_new_session=True,  # a Ctrl-C in the terminal is for the harness, which stops Locust in its turn
            )

    def _read(self, process: subprocess.Popen[bytes], records_end: int, outcomes: BinaryIO, tell: Tell) -> None:
        """Run in the reader thread until Locust's end of the pipe is closed."""
        failure = None
        try:
            self._pass_on(records_end, outcomes, tell)
        except (OSError, ValueError) as error:  # the disk is full, or something else wrote into the pipe
            failure = f"The records cannot be kept: {error}"
            process.kill()
        finally:
            os.close(records_end)
            with suppress(OSError):  # on a disk that is full: then that is told already
                outcomes.close()
        try:
            exit_code = process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            exit_code = process.wait()
        if self._first_record.is_set() and (failure or not self._stopping.is_set()):
            tell(LoadDied(self._clock.now_ns(), exit_code, failure or self._last_words()))
        self._settled.set()

    def _pass_on(self, records_end: int, outcomes: BinaryIO, tell: Tell) -> None:
        rest = b""
        while data := os.read(records_end, 65536):
            arrived_ns = self._clock.now_ns()
            outcomes.write(data)
            outcomes.flush()
            data = rest + data
            whole = len(data) - len(data) % RECORD_BYTES
            records, rest = unpack_records(data[:whole]), data[whole:]
            tell(RecordsArrived(arrived_ns, tuple(records)))
            self._first_record.set()
            self._settled.set()
        os.fsync(outcomes.fileno())  # on the disk before the run says that it has ended

    def _last_words(self) -> str:
        return last_words_of(self._folder / LOG_FILE, self._secrets)


def settings_of(plan: LoadPlan, records_fd: int, harness_pid: int | None, samples: Path) -> LoadSettings:
    """Return the orders of the processes that send a plan's load."""
    return LoadSettings(
        url=plan.url,
        route=plan.route,
        flow=plan.flow,
        input=plan.input,
        expect=plan.expect,
        api_key_from=plan.api_key_from,
        requests_per_second=plan.requests_per_second,
        timeout_seconds=plan.timeout,
        requests_per_connection=plan.requests_per_connection,
        records_fd=records_fd,
        harness_pid=harness_pid,
        samples_path=str(samples),
        stop_grace_seconds=_REQUESTS_GRACE_SECONDS,
        workers=plan.workers,
        latency_objective_seconds=plan.latency_objective,
    )


def environ_of(settings: LoadSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a Locust process: it takes options from LOCUST_* variables, and must see none."""
    return {
        **{name: value for name, value in environ.items() if not name.startswith("LOCUST_")},
        LOAD_VARIABLE: settings.to_json(),
    }


def last_words_of(log: Path, secrets: tuple[str, ...]) -> str:
    """Return the end of a process's log, without secrets."""
    tail = log.read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")
    return redact("\n".join(tail.splitlines()[-15:]), secrets)


def api_key_of(plan: LoadPlan, environ: Mapping[str, str]) -> str | None:
    """Return the API key from the variable that the plan names, None when it names none; PlanError when the variable
    holds none, or one that no header can carry."""
    variable = plan.api_key_from
    if variable is None:
        return None
    key = environ.get(variable, "")
    unfit = unfit_for_a_header(key)
    if unfit is None:
        return key
    raise PlanError(
        f"load.api_key_from: the environment variable {variable} {unfit}",
        f"Export {variable} with the service's API key, or leave load.api_key_from out.",
    )
