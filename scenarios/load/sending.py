"""What every Locust file of a drill does: sends one request, judges its answer, and tells of both at once.

Nothing is retried and no redirect is followed: both would hide failures. Cookies are not kept: one that pins a client
to a replica would hide the others. What this machine cannot do is no fault of the service: when local ports, file
descriptors or the bound on open requests run out, the process says so and ends with exit code 3 instead of recording
failures.
"""

from __future__ import annotations

import ctypes
import errno
import gc
import ipaddress
import json
import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from urllib.parse import urlsplit

import gevent
import gevent.ssl
from gevent.hub import Waiter
from gevent.resolver.blocking import Resolver as InPlaceResolver
from locust import FastHttpUser
from locust.contrib.fasthttp import FastHttpSession, ResponseContextManager
from locust.exception import CatchResponseError

from flowdrill.analysis.answers import judged_answer, request_for
from flowdrill.analysis.redaction import redact
from flowdrill.model.load_settings import (
    LOAD_VARIABLE,
    MAX_IN_FLIGHT,
    MOST_PER_SECOND,
    LoadSettings,
    load_settings_from_json,
)
from flowdrill.model.outcome import Reason, Record, RecordKind

_SAMPLES_PER_REASON = 5
_SAMPLE_CHARACTERS = 4096
EXHAUSTED = 3  # exit code: this machine, not the service, cannot go on
# A closed connection's local port rests for 60 s, and Linux has 28 232 ports by default: only above this rate of new
# connections can "cannot assign requested address" mean that they have run out.
_NEW_CONNECTIONS_THAT_USE_UP_PORTS = 150
_PR_SET_PDEATHSIG = 1
_NEVER = 2**31 - 1
# Headers of each request, not of the session: where a request names no encoding, Locust puts in its own.
_KEEP = {"Accept-Encoding": "identity"}
_CLOSE = {**_KEEP, "Connection": "close"}
# A plan may ask for MAX_IN_FLIGHT exactly, and what leaves late ends late: there is room for a second of it.
_MOST_OPEN = MAX_IN_FLIGHT + MOST_PER_SECOND
_MOST_IDLE = 1000  # greenlets with their sessions: after a hang there may be ten times as many, and no use for them


def read_settings() -> LoadSettings:
    """Return this process's orders; it ends where there are none."""
    text = os.environ.get(LOAD_VARIABLE)
    if not text:
        sys.exit(f"{LOAD_VARIABLE} is not set: this Locust file is started by `flowdrill run`, not by hand.")
    try:
        return load_settings_from_json(text)
    except ValueError as error:
        sys.exit(f"{LOAD_VARIABLE} is not understood: {error}")


def end_with(parent_pid: int) -> None:
    """Have the kernel kill this process when its parent ends, however it ends."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:  # it ended before the line above
        os._exit(EXHAUSTED)


def give_up(problem: str) -> None:
    """End this process at once, and say why."""
    print(f"flowdrill: {problem}", file=sys.stderr, flush=True)  # noqa: T201  (stderr is this process's log)
    os._exit(EXHAUSTED)


def die_of(greenlet: gevent.Greenlet) -> None:
    """What no greenlet of ours may end with ends the process."""
    give_up(f"internal error in the load generator: {greenlet.exception!r}")


def look_through_new_objects_only() -> None:
    """Have Python's cyclic garbage collector never look through all objects again.

    With thousands of requests open at a service that hangs, each time would hold up the schedule by half a second, to
    find nothing: a request leaves no cycles (see `without_frames`), and those that others make soon die young.
    """
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, _NEVER)


def without_frames(error: BaseException) -> None:
    """Take the tracebacks out of an error and those behind it: their frames hold the error, which is a cycle."""
    behind: BaseException | None = error
    while behind is not None:
        behind.__traceback__ = None
        behind = behind.__context__


def is_address(host: str | None) -> bool:
    """Whether a URL's host is an IP address, which no name server is asked for."""
    try:
        ipaddress.ip_address(host or "")
    except ValueError:
        return False
    return True


class Samples:
    """Keeps the first bad answers of each reason, without secrets: the flow's error is in the body only."""

    def __init__(self, tell: Callable[[str], None], secrets: tuple[str, ...]) -> None:
        """`tell` is given a JSON object, on one line, for each of them."""
        self._tell = tell
        self._secrets = secrets
        self._kept: Counter[Reason] = Counter()

    def keep(self, record: Record, body: bytes, error: str) -> None:
        """Tell of one, unless there are enough of this reason."""
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
        self._tell(json.dumps(line))


class Sender:
    """Sends requests, each in a greenlet and a session that no other has meanwhile, so that none waits for another. A
    session holds one connection."""

    def __init__(self, settings: LoadSettings, tell: Callable[[Record], None], sample: Callable[[str], None]) -> None:
        """`tell` is given two records a request, at once: it must not block."""
        self._settings, self._tell = settings, tell
        key = os.environ.get(settings.api_key_from, "") if settings.api_key_from else ""
        self._samples = Samples(sample, (key,))
        self._request = request_for(settings.route, settings.flow, settings.input)
        self._headers = {
            "Content-Type": "application/json",
            "Accept": "application/json",
            **({"x-api-key": key} if key else {}),
        }
        # One context for all connections: making one reads the whole file of certificate authorities (SSL_CERT_FILE).
        self._tls = gevent.ssl.create_default_context() if settings.url.startswith("https:") else None
        self._open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (self._open_files, self._open_files))
        if is_address(urlsplit(settings.url).hostname):
            gevent.get_hub().resolver = InPlaceResolver()  # a thread for what takes no time costs a tenth of a request
        self._idle: list[Waiter] = []  # of each greenlet that waits for a request: the last one is used first
        self._greenlets = 0

    @property
    def in_flight(self) -> int:
        """How many requests have no answer yet."""
        return self._greenlets - len(self._idle)

    def send(self, user: FastHttpUser, sequence: int, due_ns: int) -> None:
        """Let a request leave; `user` is whom Locust's statistics take it for."""
        if self._idle:
            gevent.get_hub().loop.run_callback(self._idle.pop().switch, (sequence, due_ns))
            return
        if self._greenlets >= _MOST_OPEN:
            give_up(f"{_MOST_OPEN} requests are open at once; lower load.requests_per_second or load.timeout")
        self._greenlets += 1
        gevent.spawn(self._keep_sending, user, sequence, due_ns).link_exception(die_of)

    def wait_answers(self, timeout_seconds: float) -> None:
        """Return once no request is under way, or after the timeout."""
        with gevent.Timeout(timeout_seconds, False):
            while self.in_flight:
                gevent.sleep(0.005)

    def _keep_sending(self, user: FastHttpUser, sequence: int, due_ns: int) -> None:
        """Send one request after the other in this greenlet, which is dear to make anew for each of them."""
        session, served = self._new_session(user), 0
        while True:
            last = served + 1 == self._settings.requests_per_connection
            closed = self._send(session, sequence, due_ns, last=last)
            served = 0 if closed else served + 1
            if len(self._idle) == _MOST_IDLE:
                session.client.close()
                self._greenlets -= 1
                return
            order = Waiter()
            self._idle.append(order)
            sequence, due_ns = order.get()

    def _send(self, session: FastHttpSession, sequence: int, due_ns: int, *, last: bool) -> bool:
        """Send a request, tell of it, and return whether its connection is closed now."""
        sent_ns = time.monotonic_ns()
        self._tell(Record(RecordKind.SENT, Reason.GOOD, 0, sequence, due_ns, sent_ns, 0))
        headers = _CLOSE if last else _KEEP
        with gevent.Timeout(self._settings.timeout_seconds) as limit:
            answer = session.request(
                "POST", self._request.path, data=self._request.body, headers=headers, catch_response=True
            )
            finished_ns = time.monotonic_ns()
            error = answer.request_meta["exception"]
            reason = self._reason(answer, error, timed_out=not limit.pending)
        if error is not None:
            without_frames(error)
        finished = Record(RecordKind.FINISHED, reason, answer.status_code, sequence, due_ns, sent_ns, finished_ns)
        self._tell(finished)
        if last or error:
            session.client.close()  # the next request of this session opens another
        with answer:  # leaving tells Locust's own statistics
            if reason is Reason.GOOD:
                answer.success()
            else:
                self._samples.keep(finished, b"" if error else answer.content or b"", repr(error) if error else "")
                answer.failure(CatchResponseError(f"{reason.name.lower()} {answer.status_code or ''}".strip()))
        return bool(last or error)

    def _new_session(self, user: FastHttpUser) -> FastHttpSession:
        beyond_limit = self._settings.timeout_seconds + 1  # the time limit of a request is kept in one place, in _send
        session = FastHttpSession(
            base_url=self._settings.url.rstrip("/"),
            request_event=user.environment.events.request,
            user=user,
            insecure=False,
            ssl_context_factory=lambda **_: self._tls,
            connection_timeout=beyond_limit,
            network_timeout=beyond_limit,
            max_retries=0,
            max_redirects=0,
            concurrency=1,
            headers=self._headers,
        )
        session.client.cookiejar = None
        session.client.valid_response_codes = range(1000)  # judged by us, with the body
        return session

    def _reason(self, answer: ResponseContextManager, error: Exception | None, *, timed_out: bool) -> Reason:
        settings = self._settings
        if error is None:
            return judged_answer(settings.route, answer.status_code, answer.content or b"", settings.expect)
        number = error.errno if isinstance(error, OSError) else None
        per_worker = settings.requests_per_second / (settings.workers or 1)
        connections_per_second = per_worker / settings.requests_per_connection
        if number == errno.EADDRNOTAVAIL and connections_per_second > _NEW_CONNECTIONS_THAT_USE_UP_PORTS:
            give_up("no local port is free; raise load.requests_per_connection or lower load.requests_per_second")
        if number in {errno.EMFILE, errno.ENFILE}:
            give_up(
                f"no file descriptor is free (limit {self._open_files}); raise it (ulimit -Hn) or lower load.timeout"
            )
        return Reason.NO_ANSWER if timed_out else Reason.CONNECTION
