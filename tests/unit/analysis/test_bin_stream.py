"""Bins say of a load what its records say, within bounds that hold the truth whatever the workers' clocks do."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowdrill.analysis.bin_stream import SILENT_NS, BinStream
from flowdrill.analysis.binning import Binner
from flowdrill.analysis.clock_bounds import ClockBounds
from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outcomes import outcomes_of, requests_of
from flowdrill.model.load_frames import ClockTold, Frame, Hello, ReportCame, WorkerNews, WorkerTold
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.outcome_bins import BIN_NS, BINNED_SLOT_NS, Bin, WorkerReport, merged, unpack_report
from tests.unit.analysis.binned_load import MS, T0_NS, Clock, Request, frames_of, records_of

OBJECTIVE_NS = 2_000 * MS


def stream_of(frames: list[Frame]) -> BinStream:
    stream = BinStream()
    for frame in frames:
        stream.take(frame)
    return stream


def outage_of(rng: random.Random, rate: int, outages: list[tuple[int, int]], end_ns: int) -> list[Request]:
    """Requests that meet the service, up or down, at a moment between their sending and their answer."""
    found = []
    for number in range(end_ns * rate // 10**9):
        sent = number * 10**9 // rate + rng.randrange(MS)
        took = rng.choice([rng.randrange(1, 20 * MS), rng.randrange(1, 400 * MS)])
        met = sent + rng.randrange(took)
        down = any(start <= met < stop for start, stop in outages)
        found.append(
            Request(sent, sent + took, rng.choice([Reason.HTTP_STATUS, Reason.CONNECTION]) if down else Reason.GOOD)
        )
    return found


def exact(requests: list[Request], until_ns: int = 2**60) -> list[Outcome]:
    return list(outcomes_of(records_of(requests), OBJECTIVE_NS, until_ns).outcomes)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([10, 90, 400]), st.integers(0, 2))
def test_bounds_from_bins_hold_those_from_records_where_clocks_are_one(seed: int, rate: int, flaps: int) -> None:
    rng = random.Random(seed)
    starts = [rng.randrange(800 * MS, 1_500 * MS) + flap * 1_500 * MS for flap in range(flaps + 1)]
    outages = [(start, start + rng.randrange(200 * MS, 1_200 * MS)) for start in starts]
    requests = outage_of(rng, rate, outages, 7_000 * MS)
    truth = failing_window(exact(requests), normal_bad_ratio=0.0, from_ns=0)
    binned = failing_window(
        stream_of(frames_of(requests, [Clock()] * 3)).known(None), normal_bad_ratio=0.0, from_ns=T0_NS
    )
    if truth is None:
        assert binned is None
        return
    assert binned is not None
    assert binned.bad == truth.bad
    assert binned.impact.earliest_ns - T0_NS <= truth.impact.earliest_ns
    assert binned.impact.latest_ns - T0_NS == truth.impact.latest_ns
    assert truth.recovered is not None
    assert binned.recovered is not None
    assert binned.recovered.earliest_ns - T0_NS <= truth.recovered.earliest_ns
    assert binned.recovered.latest_ns - T0_NS >= truth.recovered.latest_ns
    # and what is lost is less than two bins, where the service has flipped once
    if binned.stretches == truth.stretches == 1:
        assert truth.impact.earliest_ns - (binned.impact.earliest_ns - T0_NS) <= 100 * MS
        assert binned.recovered.latest_ns - T0_NS - truth.recovered.latest_ns <= 100 * MS


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([10, 90, 400]))
@example(28912, 400)  # an outage nearly as long as the clocks are apart
def test_bounds_hold_the_truth_whatever_the_clocks_do_within_theirs(seed: int, rate: int) -> None:
    rng = random.Random(seed)
    down_ns, up_ns = rng.randrange(1_000 * MS, 1_800 * MS), rng.randrange(3_000 * MS, 4_000 * MS)
    # bins of clocks 3 s apart may be merged, and say nothing of 3 s: the stream goes on for longer
    requests = outage_of(rng, rate, [(down_ns, up_ns)], 11_000 * MS)
    clocks = []
    for _ in range(3):
        width_ns = rng.choice([MS, 30 * MS, 300 * MS])
        behind_ns = rng.choice([0, 0, 3_000 * MS]) + rng.randrange(width_ns)
        earliest_ns = behind_ns - rng.randrange(width_ns)
        clocks.append(Clock(behind_ns, earliest_ns, earliest_ns + width_ns))
    late = [Request(one.sent_ns + 4_000 * MS, one.finished_ns + 4_000 * MS, one.reason) for one in requests]
    known = stream_of(frames_of(late, clocks)).known(None)
    window = failing_window(known, normal_bad_ratio=0.0, from_ns=T0_NS)
    assert window is not None
    moved_ns = T0_NS + 4_000 * MS
    assert window.impact.earliest_ns <= moved_ns + down_ns <= window.impact.latest_ns
    assert window.recovered is not None
    assert window.recovered.earliest_ns <= moved_ns + up_ns <= window.recovered.latest_ns


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([30, 200]), st.sampled_from([0, MS, 30 * MS, 300 * MS]))
def test_where_a_baseline_is_noisy_the_bounds_hold_those_from_records(seed: int, rate: int, width_ns: int) -> None:
    rng = random.Random(seed)
    down_ns, up_ns = rng.randrange(3_000 * MS, 3_800 * MS), rng.randrange(5_000 * MS, 6_000 * MS)
    ratio = rng.choice([0.5, 1.0])
    requests = [
        Request(
            one.sent_ns,
            one.finished_ns,
            Reason.HTTP_STATUS if rng.random() < 0.02 or (one.reason and rng.random() < ratio) else Reason.GOOD,
        )
        for one in outage_of(rng, rate, [(down_ns, up_ns)], 8_000 * MS)
        if one.sent_ns > 1_000 * MS
    ]
    clocks = [clock_within(rng, width_ns) for _ in range(3)]
    truth = failing_window(exact(requests), normal_bad_ratio=0.02, from_ns=0)
    known = stream_of(frames_of(requests, clocks)).known(None)
    binned = failing_window(known, normal_bad_ratio=0.02, from_ns=T0_NS)
    if truth is None:
        return
    assert binned is not None
    assert binned.impact.earliest_ns - T0_NS <= truth.impact.earliest_ns
    assert truth.impact.latest_ns <= binned.impact.latest_ns - T0_NS
    if truth.recovered is not None and binned.recovered is not None:
        assert binned.recovered.earliest_ns - T0_NS <= truth.recovered.earliest_ns
        assert truth.recovered.latest_ns <= binned.recovered.latest_ns - T0_NS


def clock_within(rng: random.Random, width_ns: int) -> Clock:
    """A clock that is off by something in bounds of this width."""
    if width_ns == 0:
        return Clock()
    behind_ns = rng.randrange(-width_ns, width_ns)
    earliest_ns = behind_ns - rng.randrange(width_ns)
    return Clock(behind_ns, earliest_ns, earliest_ns + width_ns)


def test_a_clock_that_drifts_is_known_less_well_for_what_was_long_ago() -> None:
    """A request of a minute's length, in a report that comes ten seconds late: the clock lost 500 ppm all the while,
    and was compared at the report's end alone."""
    end_ns, lost = 100_000 * MS, 2_002
    sent_ns, known_ns = 20_000 * MS, 80_000 * MS

    def by_worker(stream_ns: int) -> int:
        return stream_ns + (end_ns - stream_ns) // lost

    binner = Binner(90_000 * MS)
    for record in records_of([Request(by_worker(sent_ns), by_worker(known_ns), Reason.HTTP_STATUS)]):
        binner.take(record)
    stream = stream_of(
        [
            Hello(T0_NS, 1, 10.0, 90_000 * MS),
            ClockTold(0, 0, 0, 0, 0),
            ClockTold(1, end_ns, 0, -1, 1),
            ReportCame(1, binner.report(end_ns, 0).pack()),
        ]
    )
    (one,) = stream.known(None)
    assert one.sent_ns - T0_NS <= sent_ns
    assert one.known_ns - one.before_ns - T0_NS <= known_ns <= one.known_ns - T0_NS


def test_no_outcome_is_lost_or_counted_twice_whoever_tells_it_and_when() -> None:
    rng = random.Random(5)
    requests = outage_of(rng, 300, [(1_000 * MS, 2_000 * MS)], 4_000 * MS)
    stream, known, now = BinStream(), [], 0
    for frame in frames_of(requests, [Clock()] * 3):
        stream.take(frame, now)
        known += stream.known(stream.complete_ns(now))
        now += 10 * MS
    known += stream.known(None)
    by_reason: Counter[Reason] = Counter()
    for one in known:
        by_reason[one.reason] += one.requests
    assert by_reason == Counter(one.reason for one in exact(requests))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_in_whatever_order_workers_tell_the_same_is_known(seed: int) -> None:
    rng = random.Random(seed)
    requests = outage_of(rng, 300, [(300 * MS, 700 * MS)], 1_000 * MS)
    frames = frames_of(requests, [Clock(0, -rng.randrange(20 * MS), rng.randrange(20 * MS)) for _ in range(3)])
    reports = {
        number: [one for one in frames if isinstance(one, ReportCame) and one.worker == number] for number in (1, 2, 3)
    }
    turns = [number for number, some in reports.items() for _ in some]
    rng.shuffle(turns)
    mixed = [one for one in frames if not isinstance(one, ReportCame)] + [reports[number].pop(0) for number in turns]
    assert stream_of(mixed).known(None) == stream_of(frames).known(None)


def test_bins_of_all_workers_are_merged_as_bins_merge() -> None:
    requests = outage_of(random.Random(3), 900, [(300 * MS, 700 * MS)], 1_000 * MS)
    frames = frames_of(requests, [Clock()] * 3)
    wanted: dict[tuple[int, int], Bin] = {}
    for frame in frames:
        for one in unpack_report(frame.report).bins if isinstance(frame, ReportCame) else ():
            key = one.number, one.reason
            wanted[key] = merged(wanted[key], one) if key in wanted else one
    found = {
        (one.sent_ns - T0_NS, one.known_ns - T0_NS, one.requests)
        for one in stream_of(frames).known(None)
        if not one.bad
    }
    assert found == {
        (one.newest_sent_ns, one.newest_known_ns, one.outcomes) for one in wanted.values() if one.reason == Reason.GOOD
    }


def test_what_is_kept_does_not_grow_with_requests() -> None:
    sizes = []
    for rate in (5_000, 15_000):
        requests = outage_of(random.Random(1), rate, [], 700 * MS)
        half_bad = [Request(one.sent_ns, one.finished_ns, Reason(number % 2)) for number, one in enumerate(requests)]
        frames = frames_of(half_bad, [Clock()])
        stream = stream_of(frames)
        sizes.append(len(stream.known(None)))
        slots = (max(one.finished_ns for one in requests) // BINNED_SLOT_NS) + 1
        assert sizes[-1] <= slots * 20 * 3  # one good and two bad ones a bin
        assert sum(len(frame.report) for frame in frames if isinstance(frame, ReportCame)) < slots * 8_000
    assert sizes[1] <= 1.2 * sizes[0]


def test_a_report_twice_counts_once_and_one_that_is_missing_is_told() -> None:
    requests = outage_of(random.Random(2), 100, [], 1_000 * MS)
    frames = frames_of(requests, [Clock()])
    reports = [frame for frame in frames if isinstance(frame, ReportCame)]
    repeated = stream_of([*frames, reports[3]])
    assert repeated.workers[1].repeated == 1
    assert requests_of(repeated.known(None)) == len(requests)
    lacking = stream_of([frame for frame in frames if frame is not reports[3]])
    assert (lacking.workers[1].lost, lacking.workers[1].lacking) == (1, 1)
    assert requests_of(lacking.known(None)) < len(requests)


def test_a_damaged_report_is_counted_and_holds_up_nothing() -> None:
    requests = outage_of(random.Random(2), 100, [], 1_000 * MS)
    frames = frames_of(requests, [Clock()])
    at = next(index for index, frame in enumerate(frames) if isinstance(frame, ReportCame)) + 2
    frames[at] = ReportCame(1, b"\xff" * 50)
    stream = stream_of(frames)
    assert stream.workers[1].damaged == 1
    assert stream.workers[1].lost == 1
    assert 0 < requests_of(stream.known(None)) < len(requests)


def test_a_report_from_the_future_is_damaged_and_fills_no_memory() -> None:
    stream = stream_of(frames_of([], [Clock()]))
    told = WorkerReport(9, 10**15, 5, 5, 0, (Bin(10**6, 1, 1, 0, 10**6 * BIN_NS, 0, 10**6 * BIN_NS),))
    assert stream.take(ReportCame(1, told.pack())) is None
    assert stream.workers[1].damaged == 1
    assert stream.workers[1].complete_ns < 10**9
    assert stream.known(None) == []


def test_a_load_may_go_on_for_an_hour_where_clocks_are_compared_meanwhile() -> None:
    hour_ns = 3600 * 10**9
    stream, told = stream_of(frames_of([], [Clock()])), hour_ns - hour_ns % BIN_NS
    late = WorkerReport(
        9, told, 5, 5, 0, (Bin(told // BIN_NS - 1, 1, 1, told - 2 * BIN_NS, told - BIN_NS, 0, told - BIN_NS),)
    )
    assert stream.take(ReportCame(1, late.pack())) is None
    stream.take(ClockTold(0, hour_ns, 0, 0, 0))
    assert stream.take(ReportCame(1, late.pack())) is not None
    assert stream.workers[1].damaged == 1


def test_what_comes_before_a_clock_is_compared_does_not_count() -> None:
    requests = outage_of(random.Random(2), 100, [], 1_000 * MS)
    frames = [frame for frame in frames_of(requests, [Clock()]) if not (isinstance(frame, ClockTold) and frame.worker)]
    stream = stream_of(frames)
    assert stream.workers[1].unplaced > 0
    assert stream.known(None) == []


def test_a_slot_waits_for_every_worker_until_one_is_silent_for_too_long() -> None:
    requests = outage_of(random.Random(2), 300, [], 2_000 * MS)
    frames = frames_of(requests, [Clock()] * 3)
    stream, now = BinStream(), 0
    for frame in frames:
        if isinstance(frame, ReportCame) and frame.worker == 2 and stream.workers[2].complete_ns >= 500 * MS:
            continue
        stream.take(frame, now)
    assert stream.complete_ns(now) == 500 * MS
    assert list(stream.silence(now)) == []
    later = now + SILENT_NS + 1
    stream.take(WorkerTold(1, 0, 2_500 * MS, WorkerNews.TOOK_SHARE), later)
    assert stream.complete_ns(later) > 2_000 * MS
    assert [one.number for one in stream.silence(later)] == [2, 3]


def test_a_worker_that_left_is_not_waited_for() -> None:
    requests = outage_of(random.Random(2), 300, [], 2_000 * MS)
    frames = [
        frame
        for frame in frames_of(requests, [Clock()] * 3)
        if not (isinstance(frame, ReportCame) and frame.worker == 2)
    ]
    stream = stream_of(frames)
    assert stream.complete_ns(0) == 0
    stream.take(WorkerTold(2, 1, 100 * MS, WorkerNews.LEFT), 0)
    assert stream.complete_ns(0) > 2_000 * MS


def test_bounds_of_a_clock_narrow_with_each_measure_and_widen_with_time() -> None:
    bounds = ClockBounds()
    bounds.add(ClockTold(1, 0, 0, -50, 100))
    bounds.add(ClockTold(1, 0, 0, -100, 20))
    assert bounds.at(0) == (-50, 20)
    assert bounds.at(2_000_000) == (-1_050, 1_020)
    bounds.add(ClockTold(1, 0, 0, 500, 900))
    assert bounds.at(0) == (-100, 900)
    assert bounds.contradicts


def test_a_bin_is_five_milliseconds() -> None:
    assert BIN_NS * 20 == BINNED_SLOT_NS
