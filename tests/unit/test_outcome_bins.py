"""Bins merge in any order, and what travels is read as it was written, or refused."""

from __future__ import annotations

import random
from functools import reduce
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.edges.runfolder.bins_file import read_bins
from flowdrill.errors import RunFolderError
from flowdrill.model.latency_buckets import GREATEST_BUCKET, RELATIVE_ERROR, bucket_bounds, bucket_middle, bucket_of
from flowdrill.model.load_frames import (
    BINS_HEADER,
    ClockTold,
    Frame,
    FrameReader,
    Hello,
    MasterEnded,
    ReportCame,
    SampleCame,
    WorkerNews,
    WorkerTold,
    pack_frame,
)
from flowdrill.model.outcome import Reason
from flowdrill.model.outcome_bins import BIN_NS, Bin, WorkerReport, merged, unpack_report


def bin_of(sends: list[tuple[int, int]], number: int = 7) -> Bin:
    """One bin of requests: (age, known since the bin's beginning)."""
    start = number * BIN_NS
    singles = [Bin(number, 1, 1, start + at - age, start + at, start + at - age, start + at) for age, at in sends]
    return reduce(merged, singles)


REQUESTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), min_size=1, max_size=6)
BINS = REQUESTS.map(bin_of)


@given(BINS, BINS, BINS)
def test_bins_merge_in_any_order_and_in_any_groups(one: Bin, two: Bin, three: Bin) -> None:
    assert merged(one, two) == merged(two, one)
    assert merged(merged(one, two), three) == merged(one, merged(two, three))


@given(REQUESTS)
def test_a_bin_keeps_the_request_that_left_last_and_the_one_known_first(requests: list[tuple[int, int]]) -> None:
    found, start = bin_of(requests), 7 * BIN_NS
    assert found.outcomes == len(requests)
    assert found.newest_sent_ns == max(start + at - age for age, at in requests)
    assert found.first_known_ns == min(start + at for _, at in requests)
    ends = {(start + at - age, start + at) for age, at in requests}
    assert {(found.newest_sent_ns, found.newest_known_ns), (found.first_sent_ns, found.first_known_ns)} <= ends


@given(st.integers(-5, 2**64))
def test_a_bucket_is_right_to_within_its_error(ns: int) -> None:
    bucket = bucket_of(ns)
    assert 0 <= bucket <= GREATEST_BUCKET
    least, greatest = bucket_bounds(bucket)
    if 0 <= ns < 2**64:
        assert least <= ns <= greatest
        assert abs(bucket_middle(bucket) - ns) <= ns // round(1 / RELATIVE_ERROR) + 1


REPORT = WorkerReport(
    number=3,
    complete_ns=400_000_000,
    due=40,
    sent=39,
    in_flight=2,
    bins=(bin_of([(5, 3), (9, 12)]), bin_of([(2, 2)], number=0)),
    latencies=((0, 77, 5), (3, GREATEST_BUCKET, 1)),
    left=((0, 9), (1, 30)),
    lags=((1, 39),),
)
FRAMES: tuple[Frame, ...] = (
    Hello(-5, 3, 10.5, 2 * 10**9),
    WorkerTold(1, 0xFFFF, 0, WorkerNews.JOINED, "pod-1 \U0001f642"),
    ClockTold(1, -3, 10**15, -5, 9, -4),
    ClockTold(0, 0, 0, 0, 0),
    WorkerTold(1, 0, 0, WorkerNews.TOOK_SHARE),
    ReportCame(1, REPORT.pack()),
    SampleCame('{"reason": "connection"}'),
    MasterEnded(),
)
STREAM = b"".join(map(pack_frame, FRAMES))


def test_a_report_is_read_as_it_was_written() -> None:
    assert unpack_report(REPORT.pack()) == REPORT


@given(st.lists(st.integers(1, 40), max_size=40))
def test_a_stream_is_read_in_whatever_pieces_it_comes(sizes: list[int]) -> None:
    reader, rest, found = FrameReader(), STREAM, []
    for size in [*sizes, len(STREAM)]:
        found += reader.take(rest[:size])
        rest = rest[size:]
    assert tuple(frame for frame, _ in found) == FRAMES
    assert b"".join(packed for _, packed in found) == STREAM
    assert reader.torn == b""


@given(st.integers(0, len(STREAM) - 1), st.integers(1, 255))
def test_a_changed_byte_is_never_taken_for_another_frame(at: int, change: int) -> None:
    damaged = bytearray(STREAM)
    damaged[at] ^= change
    reader = FrameReader()
    try:
        found = tuple(frame for frame, _ in reader.take(bytes(damaged)))
    except ValueError:
        return
    assert found == FRAMES[: len(found)]
    assert reader.torn or found == FRAMES


@given(st.binary(max_size=200))
def test_anything_else_is_no_report(data: bytes) -> None:
    try:
        report = unpack_report(data)
    except ValueError:
        return
    assert report.pack() == data


@pytest.mark.parametrize(
    "wrong",
    [
        REPORT.pack() + b"x",
        REPORT.pack()[:-1],
        WorkerReport(0, 2**63, 0, 0, 0).pack(),
        WorkerReport(0, 0, 0, 0, 0, lags=((GREATEST_BUCKET + 1, 1),)).pack(),
        WorkerReport(0, 0, 0, 0, 0, bins=(Bin(0, max(Reason) + 1, 1, 0, 0, 0, 0),)).pack(),
        WorkerReport(0, 0, 0, 0, 0, bins=(Bin(0, 1, 0, 0, 0, 0, 0),)).pack(),
        WorkerReport(0, 0, 0, 0, 0, bins=(Bin(0, 1, 1, 0, BIN_NS, 0, 0),)).pack(),
        WorkerReport(0, 0, 0, 0, 0, bins=(Bin(0, 1, 2, 0, 5, 1, 3),)).pack(),
    ],
    ids=["longer", "shorter", "after-all-time", "bucket", "reason", "of-nothing", "outside", "newest-is-older"],
)
def test_a_report_that_says_what_cannot_be_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"report|bucket|bin"):
        unpack_report(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        pack_frame(Hello(0, 0, 1.0, 1)),
        pack_frame(Hello(0, 1, float("nan"), 1)),
        pack_frame(Hello(2**63 - 1, 1, 1.0, 1)),
        pack_frame(ClockTold(1, 0, 0, 5, 4)),
        pack_frame(ClockTold(1, 0, 2**62 + 1, 0, 0)),
        pack_frame(ReportCame(0, b"")),
        b"\xff\xff\xff\x7f\x01",
    ],
    ids=["no-share", "no-rate", "t0", "clock-backwards", "clock-beyond", "harness-reports", "gigantic"],
)
def test_a_frame_that_says_what_cannot_be_is_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match=r"stream|clock|worker|bytes"):
        FrameReader().take(wrong)


def test_a_file_is_read_up_to_where_it_was_cut(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.bins"
    path.write_bytes(BINS_HEADER + STREAM)
    whole = read_bins(path)
    assert (tuple(whole.frames), whole.torn) == (FRAMES, False)
    last = len(pack_frame(FRAMES[-1]))
    for cut in (b"", b"\0" * 5000):
        path.write_bytes(BINS_HEADER + STREAM[: -last - 3] + cut)
        read = read_bins(path)
        assert (tuple(read.frames), read.torn) == (FRAMES[:-2], True)
    path.write_bytes(BINS_HEADER + STREAM + b"\0" * 5000)
    read = read_bins(path)
    assert (tuple(read.frames), read.torn) == (FRAMES, True)
    path.write_bytes(b"\0" * 10)
    assert read_bins(path).torn


def test_a_file_that_is_damaged_in_the_middle_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "outcomes.bins"
    damaged = bytearray(BINS_HEADER + STREAM)
    damaged[len(BINS_HEADER) + 20] ^= 0xFF
    path.write_bytes(bytes(damaged))
    with pytest.raises(RunFolderError, match="is damaged"):
        read_bins(path)
    path.write_bytes(b"another format, of some other version\n")
    with pytest.raises(RunFolderError, match="is no file of bins"):
        read_bins(path)


def test_random_bytes_are_an_error_or_nothing() -> None:
    rng = random.Random(4)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(200))
        try:
            FrameReader().take(data)
        except ValueError:
            continue
