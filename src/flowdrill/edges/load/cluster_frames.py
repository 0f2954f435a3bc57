"""The frames of a Locust master that runs in the cluster, with its workers: a `FrameSource` over pods."""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flowdrill.analysis.redaction import redact
from flowdrill.edges.load.courier import Connection, Courier
from flowdrill.edges.load.locust_load import LOCUST_FOLDER, LOG_FILE
from flowdrill.engine.ports import Clock
from flowdrill.errors import ClusterError, FlowdrillError, LoadError
from flowdrill.model.load_frames import HARNESS, ClockTold
from flowdrill.model.load_job import MASTER, WORKER
from flowdrill.model.parcel import ClockAnswer

KEPT_FILES = {LOG_FILE: "the log of Locust's master", **{
    f"{LOCUST_FOLDER}/locust_{name}.csv": "Locust's own statistics" for name in ("stats", "stats_history")
}}  # fmt: skip
_RUN_SECONDS = 120.0  # for the master, and again for the workers: their image may have to be pulled
_HEAR_SECONDS = 30.0
_STOP_SECONDS = 40.0
_LOOK_AGAIN_SECONDS = 0.5
_LOG_CHARACTERS = 65536


class Held(Protocol):
    """Why pods do not run."""

    @property
    def words(self) -> str:
        """In words."""
        ...

    @property
    def hopeless(self) -> bool:
        """Whether waiting will not help."""
        ...


class LoadPods(Protocol):
    """The pods of one run's load. Every method raises ClusterError."""

    def start_master(self, run_id: str) -> None:
        """Make the master."""
        ...

    def master_address(self, run_id: str) -> str | None:
        """Return the address of its pod."""
        ...

    def start_workers(self, run_id: str, address: str) -> None:
        """Make the workers, which find the master at this address."""
        ...

    def held_up(self, run_id: str, part: str, wanted: int) -> Held | None:
        """Return what keeps so many pods of a part from running, None when they run."""
        ...

    def connect(self, run_id: str) -> Connection:
        """Connect to the master's relay."""
        ...

    def master_gone(self, run_id: str) -> str | None:
        """Return what became of the master's pod, None while it runs."""
        ...

    def logs(self, run_id: str) -> tuple[tuple[str, str], ...]:
        """Return the ends of the pods' logs, by pod."""
        ...

    def delete(self, run_id: str) -> bool:
        """Delete everything, and wait for nothing."""
        ...


class ClusterFrames:
    """Starts the pods, and hands over what the master writes. What the run leaves behind is removed by the engine
    (`LoadJobs.remove`), which waits for it."""

    def __init__(
        self, pods: LoadPods, run_id: str, workers: int, folder: Path, clock: Clock, *, silence_seconds: float,
        secrets: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._pods, self._run_id, self._workers = pods, run_id, workers
        self._folder, self._clock, self._secrets = folder.resolve(), clock, secrets
        self._arrived: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._measured: ClockTold | None = None
        self._heard, self._over = threading.Event(), threading.Event()
        self._ending: tuple[int | None, str] = (None, "nothing was heard of it")
        self._notes: list[str] = []
        self._written: list[tuple[str, str]] = []
        self._courier = Courier(
            run_id, lambda: pods.connect(run_id), lambda: pods.master_gone(run_id), self, clock,
            silence_seconds=silence_seconds,
        )  # fmt: skip
        self._began = self._started_pods = False

    def start(self) -> None:
        """Start the master, then its workers; LoadError with what keeps their pods from running."""
        try:
            self._started_pods = True
            self._pods.start_master(self._run_id)
            self._until_running(MASTER, 1)
            address = self._pods.master_address(self._run_id)
            self._began = True
            self._courier.start()
            self._heard.wait(_HEAR_SECONDS)
            if address is None or self._measured is None:
                raise LoadError(
                    f"the load's master in the cluster does not answer: {self._words()}",
                    "flowdrill reaches it as `kubectl port-forward` does: see that this works from here",
                )
            self._pods.start_workers(self._run_id, address)
            self._until_running(WORKER, self._workers)
        except FlowdrillError as error:
            self.stop()
            if isinstance(error, LoadError):
                raise
            raise LoadError(f"the load cannot be started in the cluster: {error.problem}", error.remedy) from error

    def read(self) -> bytes:
        """Return the stream's next bytes; b"" when it has ended."""
        return self._arrived.get()

    def clock(self) -> ClockTold | None:
        """Return what was measured last of (this host's clock - the master's)."""
        return self._measured

    def stop(self) -> None:
        """Have the master end the load, and delete what there is of it in the cluster."""
        if self._began:
            self._courier.stop()
            if not self._courier.join(_STOP_SECONDS):
                self._courier.abandon()
            self._began = False
        if self._started_pods:
            self._keep_logs()
            with suppress(FlowdrillError):  # removing is a step of cleaning up, which waits and tells
                self._pods.delete(self._run_id)
            self._started_pods = False
        self._end(None, "it was stopped")

    def last_words(self) -> tuple[int | None, str]:
        """Return the master's exit code, and the end of its log."""
        return self._ending[0], self._words()

    def evidence(self) -> tuple[tuple[str, str], ...]:
        """Return what was written into the run folder."""
        return tuple(self._written)

    # what the courier tells, in its thread

    def frames(self, data: bytes) -> None:
        """Hand over what Locust wrote."""
        self._arrived.put(data)

    def file(self, name: str, content: bytes) -> None:
        """Keep one of the files that are known."""
        if name in KEPT_FILES:
            self._write(name, content.decode("utf-8", "replace"), KEPT_FILES[name])

    def clock_told(self, asked_ns: int, answer: ClockAnswer, heard_ns: int) -> None:
        """Bound the difference of the clocks: the answer was given between the question and its coming."""
        earliest_ns, latest_ns = asked_ns - answer.came_ns, heard_ns - answer.left_ns
        offset_ns = self._measured.offset_ns if self._measured is not None else (earliest_ns + latest_ns) // 2
        ahead_ns = answer.utc_ns - time.time_ns()
        self._measured = ClockTold(
            HARNESS, heard_ns, offset_ns, earliest_ns - offset_ns, latest_ns - offset_ns, ahead_ns
        )
        self._heard.set()

    def lost(self, parcels: int) -> None:
        """A stream with a gap cannot be read on: what users met meanwhile is not known."""
        self._end(None, f"{parcels} pieces of what the load's master told were lost: the connection was away too long")
        self._courier.stop()

    def told(self, text: str) -> None:
        """Note it for the log."""
        self._notes.append(f"{datetime.now(UTC):%H:%M:%S.%f} {text}")

    def ended(self, exit_code: int | None, words: str) -> None:
        """The master has ended, or nothing more is heard of it."""
        self._end(exit_code, words)
        self._heard.set()

    def _end(self, exit_code: int | None, words: str) -> None:
        if not self._over.is_set():
            self._ending = (exit_code, words)
            self._over.set()
            self._arrived.put(b"")

    def _words(self) -> str:
        return redact("\n".join((*self._notes[-5:], self._ending[1])), self._secrets)

    def _until_running(self, part: str, wanted: int) -> None:
        deadline = time.monotonic() + _RUN_SECONDS
        while (held := self._pods.held_up(self._run_id, part, wanted)) is not None:
            if held.hopeless or time.monotonic() >= deadline:
                raise LoadError(
                    f"the load's {part} does not run in the cluster: {held.words}",
                    "see load.in_cluster in the drill: every node must be able to pull its image, which has flowdrill "
                    "in it, and the namespace needs room for its pods",
                )
            time.sleep(_LOOK_AGAIN_SECONDS)

    def _keep_logs(self) -> None:
        logs: tuple[tuple[str, str], ...] = ()
        with suppress(ClusterError):
            logs = self._pods.logs(self._run_id)
        for name, text in logs:
            self._write(f"{LOCUST_FOLDER}/{name}.log", text[-_LOG_CHARACTERS:], "the log of a pod of the load")
        if self._notes:
            self._write(f"{LOCUST_FOLDER}/connection.log", "\n".join(self._notes) + "\n", "when the connection broke")

    def _write(self, name: str, text: str, what: str) -> None:
        with suppress(OSError):  # a full disk is told by whoever must write
            path = self._folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(redact(text, self._secrets), "utf-8")
            self._written.append((name, what))
