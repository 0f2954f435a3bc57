"""A FakeLoad whose requests are sent by some workers, which tell of them in bins."""

from __future__ import annotations

from dataclasses import replace

from flowdrill.analysis.binning import Binner
from flowdrill.engine.facts import Fact, FramesArrived, RecordsArrived, Tell
from flowdrill.model.load_frames import NO_SHARE, ClockTold, Frame, Hello, ReportCame, WorkerNews, WorkerTold
from flowdrill.model.outcome import Record
from flowdrill.model.outcome_bins import BINNED_SLOT_NS
from tests.fakes.fake_load import FakeLoad
from tests.fakes.fake_time import FakeTime


class FakeSharedLoad:
    """The `Load` port over FakeTime. `clock_ns`: how wide the bounds of each worker's clock are."""

    def __init__(
        self, inner: FakeLoad, time: FakeTime, *, rate: float, objective_ns: int, workers: int = 3, clock_ns: int = 0
    ) -> None:
        self._inner, self._time = inner, time
        self._binners = [Binner(objective_ns) for _ in range(workers)]
        self._hello = Hello(0, workers, rate, objective_ns)
        self._clock_ns = clock_ns
        self._tell: Tell | None = None
        self.gone: set[int] = set()  # workers that tell nothing more
        self.frames: list[Frame] = []
        self._held: dict[int, list[ReportCame]] = {}

    @property
    def running(self) -> bool:
        return self._inner.running

    @property
    def ready(self) -> bool:
        return self._inner.ready

    @property
    def records(self) -> list[Record]:
        return []

    def get_ready(self) -> None:
        self._inner.get_ready()

    def start(self, tell: Tell) -> None:
        self._tell = tell
        self._hello = replace(self._hello, t0_ns=self._time.now_ns())
        self.pass_on(self._hello, ClockTold(0, 0, 0, 0, 0))
        half_ns = self._clock_ns // 2
        for number in range(1, len(self._binners) + 1):
            self.pass_on(
                WorkerTold(number, NO_SHARE, 0, WorkerNews.JOINED, f"worker-{number}"),
                ClockTold(number, 0, 0, -half_ns, half_ns),
                WorkerTold(number, number - 1, 0, WorkerNews.TOOK_SHARE),
            )
        self._inner.start(self._hear)
        self._time.after(0.1, self._report)

    def stop(self) -> None:
        self._inner.stop()
        if self._tell is not None:
            self._tell_bins()
        self._tell = None

    def evidence(self) -> tuple[tuple[str, str], ...]:
        return ()

    def leave(self, number: int) -> None:
        """Have a worker go, as far as the master can see."""
        self.gone.add(number)
        self.pass_on(WorkerTold(number, number - 1, self._now_ns(), WorkerNews.LEFT))

    def hold_back(self, number: int) -> None:
        """Have the reports of a worker wait on their way."""
        self._held[number] = []

    def let_go(self) -> None:
        """Have them come at once."""
        for reports in self._held.values():
            self.pass_on(*reports)
        self._held.clear()

    def _now_ns(self) -> int:
        return self._time.now_ns() - self._hello.t0_ns

    def _hear(self, fact: Fact) -> None:
        for record in fact.records if isinstance(fact, RecordsArrived) else ():
            t0_ns = self._hello.t0_ns
            moved = replace(
                record,
                intended_ns=record.intended_ns - t0_ns,
                sent_ns=record.sent_ns - t0_ns,
                finished_ns=record.finished_ns - t0_ns if record.finished_ns else 0,
            )
            number = record.sequence % len(self._binners)
            if number + 1 not in self.gone:
                self._binners[number].take(moved)

    def _report(self) -> None:
        if self._tell is not None:
            self._tell_bins()
            self._time.after(BINNED_SLOT_NS / 1e9, self._report)

    def _tell_bins(self) -> None:
        for number, binner in enumerate(self._binners, 1):
            if number not in self.gone:
                came = ReportCame(number, binner.report(self._now_ns(), 0).pack())
                if number in self._held:
                    self._held[number].append(came)
                else:
                    self.pass_on(came)

    def pass_on(self, *frames: Frame) -> None:
        """Tell frames, as a master writes them."""
        self.frames += frames
        if self._tell is not None:
            self._tell(FramesArrived(self._time.now_ns(), frames))
