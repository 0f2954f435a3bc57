"""Several drills at once, one in a namespace."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.lanes import next_of, scheduled, shortest_possible

DRILLS = st.lists(st.tuples(st.sampled_from("abcde"), st.integers(1, 50).map(float)), max_size=30)


def test_the_longest_queue_comes_first_and_no_busy_one() -> None:
    assert next_of(["a", "b", "b"], set()) == 1
    assert next_of(["a", "b", "b"], {"b"}) == 0
    assert next_of(["a", "a"], {"a"}) is None
    assert next_of([], set()) is None


def test_one_namespace_takes_as_long_as_its_drills_together() -> None:
    assert scheduled([("a", 2.0), ("a", 3.0), ("b", 1.0)], 4) == 5.0
    assert shortest_possible([("a", 2.0), ("a", 3.0), ("b", 1.0)], 4) == 5.0


def test_lanes_share_what_no_namespace_holds_up() -> None:
    forty = [(f"n{one % 10}", 10.0) for one in range(40)]
    assert scheduled(forty, 4) == 100.0
    assert shortest_possible(forty, 4) == 100.0
    assert scheduled([], 4) == 0.0


@given(DRILLS, st.integers(1, 6))
def test_no_order_is_shorter_than_the_bound_nor_longer_than_one_after_the_other(
    drills: list[tuple[str, float]], lanes: int
) -> None:
    took = scheduled(drills, lanes)
    assert shortest_possible(drills, lanes) <= took + 1e-9
    assert took <= sum(seconds for _, seconds in drills)
