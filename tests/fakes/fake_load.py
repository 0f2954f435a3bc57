"""Load without a network: requests on a schedule, answered by a function of the moment."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.engine.facts import LoadDied, RecordsArrived, Tell
from flowdrill.errors import LoadError
from flowdrill.model.outcome import Reason, Record, RecordKind
from tests.fakes.fake_time import FakeTime

Answer = Callable[[int, int], Reason | None]  # (sequence, now_ns) -> how it ends; None: never answered


class FakeLoad:
    """The `Load` port over FakeTime."""

    def __init__(
        self, time: FakeTime, answer: Answer, *, requests_per_second: float = 20, latency_seconds: float = 0.05
    ) -> None:
        self._time = time
        self._answer = answer
        self._interval_ns = round(1e9 / requests_per_second)
        self._latency_seconds = latency_seconds
        self._sequence = 0
        self._tell: Tell | None = None
        self.records: list[Record] = []
        self.fails_to_start = False
        self.ready = False  # processes are there, and must be ended
        self._held: list[Callable[[], None]] | None = None  # while it stands still: what it would have done

    @property
    def running(self) -> bool:
        return self._tell is not None

    def get_ready(self) -> None:
        self.ready = True

    def start(self, tell: Tell) -> None:
        if self.fails_to_start:
            raise LoadError("Locust did not start", "see locust.log")
        self.ready = True
        self._tell = tell
        self._time.after(0, lambda: self._send(self._time.now_ns()))

    def stop(self) -> None:
        self._tell = None
        self.ready = False

    def evidence(self) -> tuple[tuple[str, str], ...]:
        return (("load/bad-answers.jsonl", "bad answers"),) if self._sequence else ()

    def die(self) -> None:
        """End without having been asked to."""
        tell, self._tell = self._tell, None
        if tell is not None:
            tell(LoadDied(arrived_ns=self._time.now_ns(), exit_code=1, last_words="out of files"))

    def stand_still(self) -> None:
        """Do nothing any more, as a process does that was stopped by SIGSTOP."""
        self._held = []

    def go_on(self) -> None:
        """Do at once what was to be done meanwhile, as after SIGCONT."""
        held, self._held = self._held or [], None
        for one in held:
            one()

    def _send(self, intended_ns: int) -> None:
        if self._held is not None:
            self._held.append(lambda: self._send(intended_ns))
            return
        if self._tell is None:
            return
        now, number = self._time.now_ns(), self._sequence
        self._sequence += 1
        self._record(Record(RecordKind.SENT, Reason.GOOD, 0, number, intended_ns, now, 0))
        reason = self._answer(number, now)
        if reason is not None:
            self._time.after(self._latency_seconds, lambda: self._finish(number, intended_ns, now, reason))
        self._time.at(intended_ns + self._interval_ns, lambda: self._send(intended_ns + self._interval_ns))

    def _finish(self, number: int, intended_ns: int, sent_ns: int, reason: Reason) -> None:
        if self._held is not None:
            self._held.append(lambda: self._finish(number, intended_ns, sent_ns, reason))
            return
        status = 200 if reason is Reason.GOOD else 500
        finished = self._time.now_ns()
        self._record(Record(RecordKind.FINISHED, reason, status, number, intended_ns, sent_ns, finished))

    def _record(self, record: Record) -> None:
        if self._tell is not None:
            self.records.append(record)
            self._tell(RecordsArrived(arrived_ns=self._time.now_ns(), records=(record,)))
