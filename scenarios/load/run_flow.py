"""The Locust file: sends requests to one flow on a schedule, and tells the harness of each at once.

The harness starts it (`flowdrill run`); its orders come in the environment variable FLOWDRILL_LOAD, see
`flowdrill.model.load_settings`. Request n leaves at t0 + n / rate, whatever became of the earlier ones: what a hung
service does to its users is measured, and no request waits for another (no coordinated omission).

Each request leaves two records (`flowdrill.model.outcome`) in the harness's pipe: SENT when it starts to connect,
FINISHED when its answer is complete or has failed. Nothing is retried and no redirect is followed: both would hide
failures. Cookies are not kept: one that pins a client to a replica would hide the others.

What this machine cannot do is no fault of the service. When local ports, file descriptors or the bound on open requests
run out, the process says so and ends with exit code 3 instead of recording failures.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import itertools
import json
import os
import resource
import signal
import sys
import time
from collections import Counter, deque
from dataclasses import replace
from pathlib import Path

import gevent
import gevent.event
import gevent.pool
import gevent.socket
import gevent.ssl
from locust import FastHttpUser, events, stats, task
from locust.contrib.fasthttp import FastHttpSession, ResponseContextManager
from locust.env import Environment
from locust.exception import CatchResponseError, StopUser

from flowdrill.analysis.answers import judged_answer, request_for
from flowdrill.analysis.redaction import redact
from flowdrill.model.load_settings import LOAD_VARIABLE, MAX_IN_FLIGHT, LoadSettings, load_settings_from_json
from flowdrill.model.outcome import RECORD_BYTES, Reason, Record, RecordKind

_SAMPLES_PER_REASON = 5
_SAMPLE_CHARACTERS = 4096
_EXHAUSTED = 3  # exit code: this machine, not the service, cannot go on
# A closed connection's local port rests for 60 s, and Linux has 28 232 ports by default: only above this rate of new
# connections can "cannot assign requested address" mean that they have run out.
_NEW_CONNECTIONS_THAT_USE_UP_PORTS = 150
_PR_SET_PDEATHSIG = 1


def _settings() -> LoadSettings:
    text = os.environ.get(LOAD_VARIABLE)
    if not text:
        sys.exit(f"{LOAD_VARIABLE} is not set: this Locust file is started by `flowdrill run`, not by hand.")
    try:
        return load_settings_from_json(text)
    except ValueError as error:
        sys.exit(f"{LOAD_VARIABLE} is not understood: {error}")


def _end_with(harness_pid: int) -> None:
    """Have the kernel kill this process when the harness ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != harness_pid:  # it ended before the line above
        os._exit(_EXHAUSTED)


def _give_up(problem: str) -> None:
    print(f"flowdrill: {problem}", file=sys.stderr, flush=True)  # noqa: T201  (stderr is this process's log)
    os._exit(_EXHAUSTED)


def _die_of(greenlet: gevent.Greenlet) -> None:
    _give_up(f"internal error in the load generator: {greenlet.exception!r}")


class RecordPipe:
    """Writes records to the harness in order, at once where the pipe takes them, and never blocks the loop."""

    def __init__(self, fd: int) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._backlog: deque[bytes] = deque()

    def write(self, record: Record) -> None:
        """Write a record, or keep it until the harness has read older ones."""
        if self._backlog:
            self._backlog.append(record.pack())
        elif not self._taken(record.pack()):
            self._backlog.append(record.pack())
            gevent.spawn(self._write_backlog).link_exception(_die_of)

    def wait_empty(self, timeout_seconds: float) -> None:
        """Return once everything is written, or after the timeout."""
        with gevent.Timeout(timeout_seconds, False):
            while self._backlog:
                gevent.socket.wait_write(self._fd)
                gevent.sleep(0)

    def _taken(self, data: bytes) -> bool:
        try:
            return os.write(self._fd, data) == RECORD_BYTES  # a pipe takes so few bytes all at once or not at all
        except BlockingIOError:
            return False
        except BrokenPipeError:
            os._exit(_EXHAUSTED)  # the harness is gone: nobody may be left under load

    def _write_backlog(self) -> None:
        while self._backlog:
            if self._taken(self._backlog[0]):
                self._backlog.popleft()
            else:
                gevent.socket.wait_write(self._fd)


class Samples:
    """Keeps the first bad answers of each reason, without secrets: the flow's error is in the body only."""

    def __init__(self, path: Path, secrets: tuple[str, ...]) -> None:
        self._path = path
        self._secrets = secrets
        self._kept: Counter[Reason] = Counter()

    def keep(self, record: Record, body: bytes, error: str) -> None:
        """Append one line, unless there are enough of this reason."""
        if self._kept[record.reason] >= _SAMPLES_PER_REASON:
            return
        self._kept[record.reason] += 1
        # Redacted before it is cut, so that no half of a key is left at the cut.
        text = redact(body[: 4 * _SAMPLE_CHARACTERS].decode(errors="replace"), self._secrets)[:_SAMPLE_CHARACTERS]
        line = {
            "sequence": record.sequence,
            "reason": record.reason.name.lower(),
            "http_status": record.http_status or None,
            "finished_ns": record.finished_ns,
            "error": redact(error, self._secrets),
            "body": text,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


SETTINGS = _settings()
_end_with(SETTINGS.harness_pid)
_OPEN_FILES = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (_OPEN_FILES, _OPEN_FILES))

KEY = os.environ.get(SETTINGS.api_key_from, "") if SETTINGS.api_key_from else ""
REQUEST = request_for(SETTINGS.route, SETTINGS.flow, SETTINGS.input)
HEADERS = {"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"}
HEADERS |= {"x-api-key": KEY} if KEY else {}
# One context for all connections: making one reads the whole file of certificate authorities (SSL_CERT_FILE, if set).
TLS = gevent.ssl.create_default_context() if SETTINGS.url.startswith("https:") else None
PIPE = RecordPipe(SETTINGS.records_fd)
SAMPLES = Samples(Path(SETTINGS.samples_path), (KEY,))
UNDER_WAY = gevent.pool.Group()
STOPPING = gevent.event.Event()


class RunFlow(FastHttpUser):
    """The one user of a run: its task keeps the schedule; every request has a greenlet and a session of its own, so
    that none waits for another. A session holds one connection."""

    host = SETTINGS.url.rstrip("/")

    def __init__(self, environment: Environment) -> None:
        super().__init__(environment)
        self._idle: list[tuple[FastHttpSession, int]] = []  # sessions to use again, with the requests they have served

    @task
    def keep_schedule(self) -> None:
        """Send until told to stop."""
        gc.collect()
        gc.freeze()  # what Locust has loaded stays: looking through it again would hold up the schedule for 15 ms
        start_ns = time.monotonic_ns()
        for sequence in itertools.count():
            due_ns = start_ns + round(sequence * 1e9 / SETTINGS.requests_per_second)
            gevent.sleep(0)  # also when late, requests under way get their turn
            while (wait_ns := due_ns - time.monotonic_ns()) > 0 and not STOPPING.is_set():
                STOPPING.wait(wait_ns / 1e9)
            if STOPPING.is_set():
                raise StopUser
            if len(UNDER_WAY) >= MAX_IN_FLIGHT:
                _give_up(f"{MAX_IN_FLIGHT} requests are open at once; lower load.requests_per_second or load.timeout")
            UNDER_WAY.spawn(self._send, sequence, due_ns).link_exception(_die_of)

    def _send(self, sequence: int, due_ns: int) -> None:
        session, served = self._idle.pop() if self._idle else (self._new_session(), 0)
        last = served + 1 == SETTINGS.requests_per_connection
        sent = Record(RecordKind.SENT, Reason.GOOD, 0, sequence, due_ns, time.monotonic_ns(), 0)
        PIPE.write(sent)
        headers = {"Connection": "close"} if last else {}
        with gevent.Timeout(SETTINGS.timeout_seconds) as limit:
            answer = session.request("POST", REQUEST.path, data=REQUEST.body, headers=headers, catch_response=True)
            finished_ns = time.monotonic_ns()
            error = answer.request_meta["exception"]
            reason = _reason(answer, error, timed_out=not limit.pending)
        finished = replace(
            sent, kind=RecordKind.FINISHED, reason=reason, http_status=answer.status_code, finished_ns=finished_ns
        )
        PIPE.write(finished)
        if last or error:
            session.client.close()
        else:
            self._idle.append((session, served + 1))
        with answer:  # leaving tells Locust's own statistics
            if reason is Reason.GOOD:
                answer.success()
            else:
                SAMPLES.keep(finished, b"" if error else answer.content or b"", repr(error) if error else "")
                answer.failure(CatchResponseError(f"{reason.name.lower()} {answer.status_code or ''}".strip()))

    def _new_session(self) -> FastHttpSession:
        beyond_limit = SETTINGS.timeout_seconds + 1  # the time limit of a request is kept in one place, in _send
        session = FastHttpSession(
            base_url=self.host,
            request_event=self.environment.events.request,
            user=self,
            insecure=False,
            ssl_context_factory=lambda **_: TLS,
            connection_timeout=beyond_limit,
            network_timeout=beyond_limit,
            max_retries=0,
            max_redirects=0,
            concurrency=1,
            headers=HEADERS,
        )
        session.client.cookiejar = None
        session.client.valid_response_codes = range(1000)  # judged by us, with the body
        return session


def _reason(answer: ResponseContextManager, error: Exception | None, *, timed_out: bool) -> Reason:
    if error is None:
        return judged_answer(SETTINGS.route, answer.status_code, answer.content or b"", SETTINGS.expect)
    number = error.errno if isinstance(error, OSError) else None
    connections_per_second = SETTINGS.requests_per_second / SETTINGS.requests_per_connection
    if number == errno.EADDRNOTAVAIL and connections_per_second > _NEW_CONNECTIONS_THAT_USE_UP_PORTS:
        _give_up("no local port is free; raise load.requests_per_connection or lower load.requests_per_second")
    if number in {errno.EMFILE, errno.ENFILE}:
        _give_up(f"no file descriptor is free (limit {_OPEN_FILES}); raise it (ulimit -Hn) or lower load.timeout")
    return Reason.NO_ANSWER if timed_out else Reason.CONNECTION


@events.user_error.add_listener
def _end_on_error(exception: Exception, **_: object) -> None:
    _give_up(f"internal error in the load generator: {exception!r}")


@events.quitting.add_listener
def _finish(environment: Environment, **_: object) -> None:
    """On SIGTERM: no new requests, a little time for those under way, then Locust's own files get their last rows."""
    STOPPING.set()
    UNDER_WAY.join(timeout=SETTINGS.stop_grace_seconds)
    PIPE.wait_empty(SETTINGS.stop_grace_seconds)
    gevent.sleep(1.1 * stats.CSV_STATS_INTERVAL_SEC)  # Locust writes its CSV files once in that time, not at the end
    environment.process_exit_code = 0  # bad answers are results, not errors
