"""The `Load` port over a stream of frames: a Locust master with its workers, wherever they run."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from flowdrill.analysis.redaction import redact
from flowdrill.edges.load.frame_source import FrameSource
from flowdrill.edges.load.locust_load import LOCUST_FOLDER, LOG_FILE, SAMPLES_FILE
from flowdrill.engine.facts import FramesArrived, LoadDied, Tell
from flowdrill.engine.ports import Clock
from flowdrill.errors import LoadError, RunFolderError
from flowdrill.model.load_frames import (
    BINS_HEADER,
    HARNESS,
    ClockTold,
    Frame,
    FrameReader,
    Hello,
    ReportCame,
    SampleCame,
    pack_frame,
)

BINS_FILE = "outcomes.bins"
_MOST_SAMPLES = 1000  # lines that are kept, however many workers send some


class FrameLoad:
    """Keeps a master's frames in the run folder, with what was measured of its clock among them, and tells them."""

    def __init__(
        self, source: FrameSource, *, folder: Path, clock: Clock, secrets: tuple[str, ...], start_seconds: float = 60.0
    ) -> None:
        """`secrets` are taken out of samples. `start_seconds`: how long the workers may take to join."""
        self._source, self._clock, self._secrets = source, clock, secrets
        self._folder = folder.resolve()
        self._start_seconds = start_seconds
        self._reader: threading.Thread | None = None
        self._stopping = threading.Event()
        self._first_report = threading.Event()
        self._settled = threading.Event()  # the first report has come, or none ever will
        self._hello: Hello | None = None
        self._clock_told: ClockTold | None = None
        self._samples = 0

    def get_ready(self) -> None:
        """Do nothing: a master's workers join when it starts, and what they measure of its clock must be fresh."""

    def start(self, tell: Tell) -> None:
        """Start sending; returns once the first report has come. LoadError with Locust's last words when none does."""
        try:
            (self._folder / LOCUST_FOLDER).mkdir(parents=True, exist_ok=True)
            file = (self._folder / BINS_FILE).open("wb")
            file.write(BINS_HEADER)
            file.flush()
        except OSError as error:
            raise RunFolderError(f"{error.filename}: {error.strerror}", "Give a folder that can be written.") from error
        try:
            self._source.start()
        except BaseException:
            file.close()
            raise
        self._reader = threading.Thread(target=self._read, args=(file, tell), name="locust frames", daemon=True)
        self._reader.start()
        self._settled.wait(self._start_seconds)
        if not self._first_report.is_set():
            self.stop()
            code, words = self._source.last_words()
            raise LoadError(
                f"Locust's workers sent no request within {self._start_seconds:g} s (exit code of the master: {code}). "
                f"Its last words:\n{words}",
                f"See {self._folder / LOG_FILE}; each of load.workers must be able to reach the master.",
            )

    def stop(self) -> None:
        """Stop the master and its workers, and return once their last frame has been told."""
        if self._reader is None:
            return
        self._stopping.set()
        self._source.stop()
        self._reader.join()
        self._reader = None

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return (path in the run folder, what it shows) of what Locust and its files have written."""
        samples = f"{LOCUST_FOLDER}/{SAMPLES_FILE}"
        own = ((samples, "the first bad answers of each reason, redacted"),)
        return tuple(one for one in (*own, *self._source.evidence()) if (self._folder / one[0]).is_file())

    def _read(self, file: BinaryIO, tell: Tell) -> None:
        """Run in the reader thread until the stream ends."""
        failure = None
        try:
            self._pass_on(file, tell)
        except (OSError, ValueError) as error:  # the disk is full, or it is no such stream
            failure = f"The outcomes cannot be kept: {error}"
            self._source.stop()
        finally:
            with suppress(OSError):  # on a disk that is full: then that is told already
                file.close()
        if self._first_report.is_set() and (failure or not self._stopping.is_set()):
            code, words = self._source.last_words()
            tell(LoadDied(self._clock.now_ns(), -1 if code is None else code, failure or words))
        self._settled.set()

    def _pass_on(self, file: BinaryIO, tell: Tell) -> None:
        reader = FrameReader()
        while data := self._source.read():
            arrived_ns = self._clock.now_ns()
            frames: list[Frame] = []
            for frame, packed in reader.take(data):
                frames += self._kept(frame, packed, file)
            frames += self._clock_measured(file)
            file.flush()
            tell(FramesArrived(arrived_ns, tuple(frames)))
            if any(isinstance(frame, ReportCame) for frame in frames):
                self._first_report.set()
                self._settled.set()
        os.fsync(file.fileno())  # on the disk before the run says that it has ended

    def _kept(self, frame: Frame, packed: bytes, file: BinaryIO) -> list[Frame]:
        """Write a frame down, and return what is to be told of it."""
        match frame:
            case ClockTold(worker=0):
                raise ValueError("the master speaks for the harness's clock")
            case SampleCame(line=line):
                self._keep_sample(line)
                return []
            case Hello():
                self._hello = frame
                file.write(packed)
                return [frame, *self._clock_measured(file)]
        file.write(packed)
        return [frame]

    def _keep_sample(self, line: str) -> None:
        if self._samples >= _MOST_SAMPLES:
            return
        self._samples += 1
        with (self._folder / LOCUST_FOLDER / SAMPLES_FILE).open("a", encoding="utf-8") as samples:
            samples.write(redact(line.replace("\n", " "), self._secrets) + "\n")

    def _clock_measured(self, file: BinaryIO) -> list[Frame]:
        """Write down what was measured of the master's clock since the last time."""
        told = self._source.clock()
        if self._hello is None or told is None or told == self._clock_told:
            return []
        self._clock_told = told
        at_ns = told.at_ns - told.offset_ns - self._hello.t0_ns
        frame = replace(told, worker=HARNESS, at_ns=at_ns)
        file.write(pack_frame(frame))
        return [frame]
