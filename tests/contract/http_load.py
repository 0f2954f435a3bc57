"""Users of a small server, in this process: the `Load` port without Locust, for drills that must be over soon."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from flowdrill.engine.facts import RecordsArrived, Tell
from flowdrill.model.outcome import Reason, Record, RecordKind

_TIMEOUT_SECONDS = 2.0


class HttpLoad:
    """Sends GET requests on a schedule; an answer that begins with `expect` is good."""

    def __init__(self, url: str, expect: str, requests_per_second: float) -> None:
        self._url, self._expect = url, expect.encode()
        self._interval_ns = round(1e9 / requests_per_second)
        self._stopping = threading.Event()
        self._threads = ThreadPoolExecutor(64, thread_name_prefix="user")
        self._clock: threading.Thread | None = None
        self.records: list[Record] = []

    def get_ready(self) -> None:
        pass

    def start(self, tell: Tell) -> None:
        self._clock = threading.Thread(target=self._send_all, args=(tell,), daemon=True)
        self._clock.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._clock is not None:
            self._clock.join()
        self._threads.shutdown(wait=True)

    def evidence(self) -> tuple[tuple[str, str], ...]:
        return ()

    def _send_all(self, tell: Tell) -> None:
        started, number = time.monotonic_ns(), 0
        while not self._stopping.is_set():
            intended = started + number * self._interval_ns
            self._stopping.wait(max(0.0, (intended - time.monotonic_ns()) / 1e9))
            self._threads.submit(self._send, number, intended, tell)
            number += 1

    def _send(self, number: int, intended_ns: int, tell: Tell) -> None:
        sent = time.monotonic_ns()
        self._record(Record(RecordKind.SENT, Reason.GOOD, 0, number, intended_ns, sent, 0), tell)
        reason, status = self._ask()
        finished = time.monotonic_ns()
        self._record(Record(RecordKind.FINISHED, reason, status, number, intended_ns, sent, finished), tell)

    def _ask(self) -> tuple[Reason, int]:
        try:
            with urllib.request.urlopen(self._url, timeout=_TIMEOUT_SECONDS) as answer:
                good = answer.read().startswith(self._expect)
                return (Reason.GOOD if good else Reason.WRONG_ANSWER), answer.status
        except OSError:
            return Reason.CONNECTION, 0

    def _record(self, record: Record, tell: Tell) -> None:
        self.records.append(record)
        tell(RecordsArrived(time.monotonic_ns(), (record,)))
