from __future__ import annotations

import pytest
from api_speed.patches import percentile_99
from api_speed.side_by_side import compared, in_turns
from proof.measure import Goal


def test_each_round_begins_with_the_next_side() -> None:
    order: list[tuple[str, int]] = []

    def measure(side: str, turn: int) -> int:
        order.append((side, turn))
        return len(order)

    told = in_turns(("a", "b"), 3, measure)

    assert order == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert told == {"a": [1, 4, 5], "b": [2, 3, 6]}


def test_ratios_are_of_the_same_round_and_the_goal_is_theirs() -> None:
    ours, theirs, ratio = compared("case", "start", "s", {"ours": [1, 2], "real": [10, 40]}, Goal(at_most=0.1))

    assert (ours.name, theirs.name, ratio.name) == ("start: ours", "start: real", "start: ours / real")
    assert ratio.values == (0.1, 0.05)
    assert [one.goal for one in (ours, theirs, ratio)] == [None, None, Goal(at_most=0.1)]


def test_one_side_alone_has_no_goal_to_meet() -> None:
    (alone,) = compared("case", "start", "s", {"ours": [1, 2]}, Goal(at_most=0.1))

    assert alone.goal is None


def test_the_99th_percentile_lies_between_the_highest_two_of_a_hundred() -> None:
    assert percentile_99([float(one) for one in range(1, 101)]) == pytest.approx(99.01)
    assert percentile_99([7.0]) == 7.0
