"""Several sides measured in the same rounds, each round beginning with another one, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from proof.measure import Goal, Measure

T = TypeVar("T")


def in_turns(sides: Sequence[str], rounds: int, measure: Callable[[str, int], T]) -> dict[str, list[T]]:
    """What `measure(side, round)` returned for each side, in the rounds' order."""
    told: dict[str, list[T]] = {side: [] for side in sides}
    for turn in range(rounds):
        first = turn % len(sides)
        for side in (*sides[first:], *sides[:first]):
            told[side].append(measure(side, turn))
    return told


def compared(
    case: str, name: str, unit: str, values: Mapping[str, Sequence[float]], goal: Goal | None = None
) -> tuple[Measure, ...]:
    """A row for each side; with two sides also the rounds' ratios, first / second, which the goal is for."""
    rows = [Measure(case, f"{name}: {side}", unit, tuple(of_side)) for side, of_side in values.items()]
    if len(values) == 2:
        ours, theirs = values.values()
        ratios = tuple(our / their for our, their in zip(ours, theirs, strict=True))
        rows.append(Measure(case, f"{name}: {' / '.join(values)}", "times", ratios, goal))
    return tuple(rows)
