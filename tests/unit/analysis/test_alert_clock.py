"""Another host's time stamps on this host's clock: the truth is always within the bounds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.alert_clock import MILLISECOND_NS, ClockReading, ServerClock, agreed
from flowdrill.model.instant import Instant

SECOND = 10**9
OFFSETS = st.integers(-(10**18), 10**18)
TRIPS = st.lists(st.tuples(st.integers(0, SECOND), st.integers(0, SECOND)), min_size=1, max_size=20)


def reading(offset_ns: int, at_ns: int, there_ns: int, back_ns: int) -> ClockReading:
    """The server reads its clock at `at_ns` of ours; ours is the server's plus the offset."""
    server_ns = (at_ns - offset_ns) // MILLISECOND_NS * MILLISECOND_NS
    return ClockReading(at_ns - there_ns, at_ns + back_ns, server_ns)


@given(OFFSETS, TRIPS, st.integers(0, 60 * SECOND))
def test_a_stamp_is_within_its_bounds_whatever_the_offset_and_the_delays(
    offset_ns: int, trips: list[tuple[int, int]], later_ns: int
) -> None:
    clock = ServerClock()
    for number, (there_ns, back_ns) in enumerate(trips):
        clock.take(reading(offset_ns, 10 * SECOND * (number + 1), there_ns, back_ns))
    truth_ns = 10 * SECOND + later_ns
    stamp_ns = (truth_ns - offset_ns) // MILLISECOND_NS * MILLISECOND_NS
    here = clock.here(stamp_ns)
    assert here is not None
    assert here.earliest_ns <= truth_ns <= here.latest_ns


def test_the_tightest_reading_counts() -> None:
    clock = ServerClock()
    clock.take(reading(0, 10 * SECOND, SECOND, SECOND))
    clock.take(reading(0, 11 * SECOND, MILLISECOND_NS, MILLISECOND_NS))
    clock.take(reading(0, 12 * SECOND, SECOND, SECOND))
    here = clock.here(11 * SECOND)
    assert here is not None
    assert here.latest_ns - here.earliest_ns < 5 * MILLISECOND_NS


def test_a_clock_that_was_set_counts_from_then_on() -> None:
    clock = ServerClock()
    clock.take(reading(0, 10 * SECOND, 1000, 1000))
    clock.take(reading(-60 * SECOND, 11 * SECOND, SECOND // 2, SECOND // 2))
    here = clock.here(12 * SECOND + 60 * SECOND)
    assert here is not None
    assert here.earliest_ns <= 12 * SECOND <= here.latest_ns


def test_without_a_reading_nothing_is_known() -> None:
    assert ServerClock().here(1) is None
    assert ServerClock().server_ms(1) is None


def test_stamps_count_where_they_agree_with_polling_and_are_cut_to_it() -> None:
    polled = Instant(100, 200)
    assert agreed((), polled) == polled
    assert agreed((None, Instant(90, 110), Instant(150, 160)), polled) == Instant(100, 110)
    assert agreed((Instant(10, 20), Instant(150, 160)), polled) == Instant(150, 160)
    assert agreed((Instant(10, 20), Instant(201, 300)), polled) == polled
