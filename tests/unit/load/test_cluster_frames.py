"""The frames of a load in the cluster, over pods in memory and a connection that a test plays."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.cluster_frames import ClusterFrames
from flowdrill.errors import ClusterError, ForbiddenError, LoadError
from flowdrill.model.load_job import MASTER, WORKER
from flowdrill.model.parcel import ClockAnswer, Ending, Message, Said, Unpacking, packed_file

RUN = "20260101T000000Z-edge-missing-abc123"
SKEW_NS = 3_000_000_000


@dataclass(frozen=True)
class Held:
    words: str
    hopeless: bool = False


class PlayedConnection:
    """Answers as a relay does, with a clock that is `skew_ns` ahead, and has these parcels to tell."""

    def __init__(self, parcels: list[Message], skew_ns: int) -> None:
        self._parcels, self._skew_ns = list(parcels), skew_ns
        self._unpacking, self._said = Unpacking(), bytearray()
        self.stopped = False

    def send(self, data: bytes) -> None:
        for message in self._unpacking.add(data):
            if message.said is Said.ASK:
                now = time.monotonic_ns() + self._skew_ns
                self._said += Message(Said.CLOCK, message.number, ClockAnswer(now, now, time.time_ns()).pack()).pack()
            self.stopped |= message.said is Said.STOP

    def receive(self, limit_seconds: float) -> bytes:
        if not self._said and (len(self._parcels) > 1 or self.stopped):
            self._said += self._parcels.pop(0).pack() if self._parcels else b""
        found = bytes(self._said)
        self._said.clear()
        time.sleep(0 if found else min(limit_seconds, 0.01))
        return found

    def close(self) -> None:
        pass


@dataclass
class FakePods:
    """`LoadPods` in memory."""

    parcels: list[Message] = field(default_factory=list)
    skew_ns: int = 0
    held: dict[str, Held] = field(default_factory=dict)
    refuses: ClusterError | None = None
    asked: list[str] = field(default_factory=list)

    def start_master(self, run_id: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.asked.append("master")

    def master_address(self, run_id: str) -> str | None:
        return "10.0.0.7"

    def start_workers(self, run_id: str, address: str) -> None:
        self.asked.append(f"workers of {address}")

    def held_up(self, run_id: str, part: str, wanted: int) -> Held | None:
        return self.held.get(part)

    def connect(self, run_id: str) -> PlayedConnection:
        return PlayedConnection(self.parcels, self.skew_ns)

    def master_gone(self, run_id: str) -> str | None:
        return None

    def logs(self, run_id: str) -> tuple[tuple[str, str], ...]:
        return (("loader-1", "key is hunter2-and-more\n"),)

    def delete(self, run_id: str) -> bool:
        self.asked.append("delete")
        return True


def frames_of(pods: FakePods, folder: Path) -> ClusterFrames:
    secrets = ("hunter2-and-more",)
    return ClusterFrames(pods, RUN, 3, folder, MonotonicClock(), silence_seconds=15, secrets=secrets)


def parcels(*contents: tuple[Said, bytes]) -> list[Message]:
    return [Message(said, number, content) for number, (said, content) in enumerate(contents)]


WHOLE = parcels(
    (Said.FRAMES, b"one"), (Said.FRAMES, b"two"), (Said.FILE, packed_file("locust.log", b"log")),
    (Said.FILE, packed_file("../../escaped", b"no")), (Said.ENDED, Ending(0, "bye").pack()),
)  # fmt: skip


def test_the_workers_follow_the_master_and_everything_is_deleted_at_the_end(tmp_path: Path) -> None:
    pods = FakePods(WHOLE)
    source = frames_of(pods, tmp_path)
    source.start()
    assert [source.read(), source.read()] == [b"one", b"two"]
    source.stop()
    assert source.read() == b""
    assert pods.asked == ["master", "workers of 10.0.0.7", "delete"]
    assert source.last_words() == (0, "bye")
    assert {path for path, _ in source.evidence()} == {"locust.log", "load/loader-1.log"}
    assert (tmp_path / "load" / "loader-1.log").read_text() == "key is [redacted]\n"
    assert sorted(one.name for one in tmp_path.rglob("*") if one.is_file()) == ["loader-1.log", "locust.log"]


def test_the_masters_clock_is_bounded_however_far_it_is_off(tmp_path: Path) -> None:
    for skew_ns in (SKEW_NS, -SKEW_NS):
        source = frames_of(FakePods(WHOLE, skew_ns=skew_ns), tmp_path)
        source.start()
        told = source.clock()
        assert told is not None
        assert told.worker == 0
        assert told.offset_ns + told.earliest_ns <= -skew_ns <= told.offset_ns + told.latest_ns
        source.stop()


@pytest.mark.parametrize("part", [MASTER, WORKER])
def test_pods_that_will_never_run_end_the_start_and_are_deleted(tmp_path: Path, part: str) -> None:
    pods = FakePods(WHOLE, held={part: Held("0 of 3 pods run (ImagePullBackOff: no such image)", hopeless=True)})
    with pytest.raises(LoadError, match=rf"the load's {part} does not run in the cluster: .*no such image"):
        frames_of(pods, tmp_path).start()
    assert pods.asked[-1] == "delete"


def test_what_the_cluster_refuses_is_said_as_it_is(tmp_path: Path) -> None:
    pods = FakePods(refuses=ForbiddenError("must not create jobs.batch", "grant it"))
    with pytest.raises(LoadError, match=r"must not create jobs\.batch") as caught:
        frames_of(pods, tmp_path).start()
    assert caught.value.remedy == "grant it"


def test_a_gap_ends_the_stream_and_says_how_much_is_lost(tmp_path: Path) -> None:
    pods = FakePods([Message(Said.FRAMES, 0, b"one"), Message(Said.FRAMES, 5, b"six"), replace(WHOLE[-1], number=6)])
    source = frames_of(pods, tmp_path)
    source.start()
    assert source.read() == b"one"
    assert source.read() == b""
    assert "4 pieces of what the load's master told were lost" in source.last_words()[1]
    source.stop()
