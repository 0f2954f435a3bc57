"""How `benchmarks/schedule_lag.py` counts what was late, and what did not leave."""

from __future__ import annotations

import numpy as np
from flow_load.departures import Departures, Schedule, Window

SECOND_NS = 1_000_000_000
TEN_A_SECOND = Schedule(start_ns=5 * SECOND_NS, per_second=10)


def departures(due_ns: list[int], lag_ns: int) -> Departures:
    due = np.array(due_ns, np.int64)
    return Departures(due, due + lag_ns)


def test_a_windows_first_instant_belongs_to_it_and_its_last_does_not():
    assert TEN_A_SECOND.due_within(Window(5 * SECOND_NS, 6 * SECOND_NS)) == 10
    assert TEN_A_SECOND.due_within(Window(5 * SECOND_NS + 1, 6 * SECOND_NS + 1)) == 10
    assert TEN_A_SECOND.due_within(Window(0, 5 * SECOND_NS + 1)) == 1


def test_lag_is_that_of_the_requests_due_in_the_window_alone():
    late = departures([TEN_A_SECOND.due_ns(number) for number in range(10)], 3_000_000)
    both = Departures(np.append(late.due_ns, 9 * SECOND_NS), np.append(late.left_ns, 19 * SECOND_NS))
    assert both.lag_p99_ms(Window(5 * SECOND_NS, 6 * SECOND_NS)) == 3


def test_a_request_is_left_out_when_it_leaves_after_the_window_or_never():
    window = Window(5 * SECOND_NS, 8 * SECOND_NS)
    on_time = [TEN_A_SECOND.due_ns(number) for number in range(10)]
    due_ns = np.array([*on_time, 6 * SECOND_NS], np.int64)
    left_ns = np.array([*on_time, 9 * SECOND_NS], np.int64)
    assert Departures(due_ns, left_ns).left_out(TEN_A_SECOND, window) == (10, 20)


def test_what_is_due_just_before_the_end_may_leave_after_it():
    due_ns = [TEN_A_SECOND.due_ns(number) for number in range(20)]
    window = Window(5 * SECOND_NS, 7 * SECOND_NS)
    assert departures(due_ns, 50_000_000).left_out(TEN_A_SECOND, window) == (0, 10)
