"""The arithmetic of a rolling update, whatever the numbers and whichever pod becomes ready when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cluster.controllers.rollout import Share, next_shares, proportional, resolved, surge_and_unavailable

_LIMITS = st.one_of(st.integers(0, 6), st.integers(0, 100).map(lambda percent: f"{percent}%"))


@pytest.mark.parametrize(
    ("surge", "unavailable", "wanted", "numbers"),
    [
        ("25%", "25%", 1, (1, 0)),
        ("25%", "25%", 4, (1, 1)),
        ("25%", "25%", 10, (3, 2)),
        (2, 1, 3, (2, 1)),
        (0, "10%", 3, (0, 1)),
        ("0%", "0%", 5, (0, 1)),
        ("100%", 0, 3, (3, 0)),
        (None, None, 3, (0, 1)),
    ],
)
def test_surge_is_rounded_up_and_unavailable_down(
    surge: Any, unavailable: Any, wanted: int, numbers: tuple[int, int]
) -> None:
    assert surge_and_unavailable(surge, unavailable, wanted) == numbers


def test_percentages_of_huge_numbers_are_exact() -> None:
    assert resolved("1%", 10**18 + 1, up=True) == 10**16 + 1
    assert resolved("1%", 10**400, up=False) == 10**398


def test_old_pods_that_serve_nobody_go_first() -> None:
    broken, working = Share("broken", 3, 0), Share("working", 5, 5)
    assert next_shares(Share("new", 1, 1), [working, broken], 6, 3, 0) == {"broken": 0}


def test_no_more_of_them_go_than_there_is_room_for() -> None:
    broken, working = Share("broken", 3, 0), Share("working", 3, 3)
    assert next_shares(Share("new", 1, 0), [broken, working], 5, 2, 1) == {"broken": 1}


def test_pods_of_a_set_that_was_just_scaled_down_do_not_count_as_available() -> None:
    old = Share("old", 4, 5)  # one of its five pods is about to go
    assert next_shares(Share("new", 10, 8), [old], 10, 5, 0) == {"old": 2}


def test_a_new_set_that_is_too_large_shrinks_first() -> None:
    assert next_shares(Share("new", 5, 5), [Share("old", 2, 2)], 3, 1, 1) == {"new": 3}


class Rollout:
    """ReplicaSets of which only the readiness of pods is left to chance."""

    def __init__(self, old: list[Share], wanted: int, surge: int, unavailable: int) -> None:
        self.new, self.old = Share("new", 0, 0), old
        self.wanted, self.surge, self.unavailable = wanted, surge, unavailable

    @property
    def sets(self) -> list[Share]:
        return [self.new, *self.old]

    def step(self) -> bool:
        sizes = next_shares(self.new, self.old, self.wanted, self.surge, self.unavailable)
        assert sizes != {one.name: one.replicas for one in self.sets if one.name in sizes} or not sizes
        changed = [replace(one, replicas=sizes.get(one.name, one.replicas)) for one in self.sets]
        self.new, *self.old = (replace(one, available=min(one.available, one.replicas)) for one in changed)
        return bool(sizes)

    def become_ready(self, choice: int) -> None:
        waiting = [one for one in self.sets if one.available < one.replicas]
        if waiting:
            chosen = waiting[choice % len(waiting)]
            ready = replace(chosen, available=chosen.available + 1)
            self.new, *self.old = (ready if one is chosen else one for one in self.sets)


@given(
    sizes=st.lists(st.integers(0, 7), max_size=4),
    surge=_LIMITS,
    unavailable=_LIMITS,
    choices=st.lists(st.integers(0, 100), max_size=60),
)
def test_a_rollout_keeps_its_limits_and_ends_whichever_pods_become_ready_first(
    sizes: list[int], surge: Any, unavailable: Any, choices: list[int]
) -> None:
    wanted = max(1, sum(sizes))
    limits = surge_and_unavailable(surge, unavailable, wanted)
    rollout = Rollout([Share(str(number), size, size) for number, size in enumerate(sizes)], wanted, *limits)
    least = min(sum(sizes), wanted - limits[1])
    for choice in [*choices, *range(4 * wanted)]:  # at last every pod becomes ready
        while rollout.step():
            assert sum(one.replicas for one in rollout.sets) <= wanted + limits[0]
            assert sum(one.available for one in rollout.sets) >= least
        rollout.become_ready(choice)
    assert [one.replicas for one in rollout.sets] == [wanted] + [0] * len(sizes)


@given(
    sizes=st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), min_size=1, max_size=4),
    wanted=st.integers(0, 12),
    surge=st.integers(0, 3),
    unavailable=st.integers(0, 3),
)
def test_no_step_takes_available_pods_below_the_least_there_may_be(
    sizes: list[tuple[int, int]], wanted: int, surge: int, unavailable: int
) -> None:
    new, *old = (Share(str(number), most, min(most, few)) for number, (most, few) in enumerate(sizes))
    after = next_shares(new, old, wanted, surge, unavailable)
    assert all(size >= 0 for size in after.values())
    taken = {one.name: one.replicas - after.get(one.name, one.replicas) for one in (new, *old)}
    spared = sum(min(one.available, one.replicas - taken[one.name]) for one in (new, *old))
    before = sum(one.available for one in (new, *old))
    if new.name not in after:
        assert spared >= min(before, wanted - unavailable)


def test_a_scaled_deployment_shares_out_in_proportion_and_the_rest_goes_to_the_largest() -> None:
    shares = [Share("old", 8, 8, 13), Share("new", 5, 0, 13)]
    assert proportional(shares, 15, 5) == {"old": 12, "new": 8}
    assert proportional(shares, 5, 1) == {"old": 4, "new": 2}


def test_half_a_pod_is_rounded_up() -> None:
    assert proportional([Share("b", 7, 7, 12), Share("a", 5, 5, 12)], 6, 0) == {"b": 3, "a": 3}


def test_of_equally_large_sets_the_newer_grows_and_the_older_shrinks_first() -> None:
    shares = [Share("old", 2, 2, 4), Share("new", 2, 2, 4)]
    assert proportional(shares, 5, 0) == {"old": 2, "new": 3}
    assert proportional(shares, 3, 0) == {"old": 1, "new": 2}


def test_scaling_to_nothing_leaves_nothing() -> None:
    assert proportional([Share("old", 3, 3, 6), Share("new", 2, 2, 6)], 0, 1) == {"old": 0, "new": 0}


@given(
    sizes=st.lists(st.tuples(st.integers(1, 50), st.integers(0, 60)), min_size=2, max_size=5),
    wanted=st.integers(0, 100),
    surge=st.integers(0, 20),
)
def test_sharing_out_grows_to_what_is_allowed_and_never_shrinks_below(
    sizes: list[tuple[int, int]], wanted: int, surge: int
) -> None:
    shares = [Share(str(number), size, size, most) for number, (size, most) in enumerate(sizes)]
    before, allowed = sum(one.replicas for one in shares), wanted + surge if wanted else 0
    after = proportional(shares, wanted, surge)
    assert all(size >= 0 for size in after.values())
    assert allowed <= sum(after.values()) <= max(allowed, before)
