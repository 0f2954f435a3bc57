"""Frames of workers that say anything: a run of some numbers, or one clear error, and nothing that does not end."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.binned_run import binned_run
from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outcome_columns import outcomes_in
from flowdrill.edges.runfolder.bins_file import read_bins
from flowdrill.engine.workers import WorkersHeard
from flowdrill.errors import FlowdrillError
from flowdrill.model.load_frames import (
    BINS_HEADER,
    ClockTold,
    Frame,
    Hello,
    ReportCame,
    WorkerNews,
    WorkerTold,
    pack_frame,
)
from flowdrill.model.outcome import Reason
from flowdrill.model.outcome_bins import BIN_NS, Bin, WorkerReport
from tests.fuzz.budget import tried
from tests.fuzz.strategies import shaken_bytes

_INSTANT = st.one_of(st.integers(-(2**62), 2**62), st.integers(-(10**9), 10**9))
_WORKER = st.integers(0, 3)
_AGE = st.one_of(st.integers(0, 10**9), st.integers(0, 2**61))


@st.composite
def _bins(draw: st.DrawFn) -> Bin:
    number = draw(st.one_of(st.integers(0, 400), st.integers(0, 2**32 - 1)))
    first, newest = sorted(draw(st.tuples(*[st.integers(0, BIN_NS - 1)] * 2)))
    ends = (number * BIN_NS + newest, number * BIN_NS + first)
    sent = [end - draw(_AGE) for end in ends]
    count = draw(st.integers(1, 2**32 - 1))
    return Bin(number, draw(st.sampled_from(Reason)), count, sent[0], ends[0], sent[1], ends[1])


_COUNT = st.integers(0, 2**32 - 1)
_REPORTS = st.builds(
    WorkerReport,
    st.integers(0, 5),
    st.one_of(st.integers(0, 3 * 10**9), st.integers(0, 2**64 - 1)),
    _COUNT,
    _COUNT,
    _COUNT,
    st.lists(_bins(), max_size=4).map(tuple),
    st.lists(st.tuples(_COUNT, st.integers(0, 2**16 - 1), _COUNT), max_size=2).map(tuple),
    st.lists(st.tuples(_COUNT, _COUNT), max_size=2).map(tuple),
    st.lists(st.tuples(st.integers(0, 2**16 - 1), _COUNT), max_size=2).map(tuple),
)
_FRAMES: st.SearchStrategy[Frame] = st.one_of(
    st.builds(Hello, _INSTANT, st.integers(0, 2**16 - 1), st.floats(), st.integers(0, 2**64 - 1)),
    st.builds(WorkerTold, _WORKER, st.integers(0, 2**16 - 1), _INSTANT, st.sampled_from(WorkerNews), st.text()),
    st.builds(ClockTold, _WORKER, _INSTANT, st.sampled_from([0, 0, 2**60]), _INSTANT, _INSTANT, _INSTANT),
    st.builds(ReportCame, _WORKER, _REPORTS.map(WorkerReport.pack)),
)
_BEGINNING: tuple[Frame, ...] = (
    Hello(7, 3, 10.0, 10**9),
    ClockTold(0, 0, 0, 0, 0),
    *(ClockTold(worker, 0, 0, -5, 5) for worker in (1, 2, 3)),
)


def _judged(content: bytes, folder: Path) -> None:
    path = folder / "outcomes.bins"
    path.write_bytes(content)
    frames = list(read_bins(path).frames)
    heard = WorkersHeard()
    with suppress(FlowdrillError):
        heard.hear(frames, 5)
        heard.known(10**9)
        list(heard.remarks(10**10))
    run = binned_run(frames)
    if run is not None:
        outcomes = list(outcomes_in(run.known.outcomes))
        for normal in (0.0, 0.02):
            failing_window(outcomes, normal_bad_ratio=normal, from_ns=0)


@given(st.lists(_FRAMES, max_size=8))
@tried()
def test_whatever_frames_say(tmp_path: Path, frames: list[Frame]) -> None:
    for beginning in ((), _BEGINNING):
        with suppress(FlowdrillError):
            _judged(BINS_HEADER + b"".join(map(pack_frame, (*beginning, *frames))), tmp_path)


@given(shaken_bytes(BINS_HEADER + b"".join(map(pack_frame, _BEGINNING))))
@tried()
def test_whatever_bytes_they_are(tmp_path: Path, content: bytes) -> None:
    with suppress(FlowdrillError):
        _judged(content, tmp_path)
