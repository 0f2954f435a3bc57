"""A measure of a benchmark: its values, one a round, and what they should be."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for a measure's median, one of the two."""

    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        if (self.at_most is None) == (self.at_least is None):
            raise ValueError("a goal is either at most or at least something")

    def met_by(self, value: float) -> bool:
        """Whether the value is within the limit."""
        return value <= self.at_most if self.at_most is not None else value >= (self.at_least or 0.0)

    def __str__(self) -> str:
        at_most = self.at_most is not None
        return f"{'≤' if at_most else '≥'} {self.at_most if at_most else self.at_least:g}"


@dataclass(frozen=True, slots=True)
class Measure:
    """One row of a benchmark's table: the same quantity, once a round.

    `case`: under which circumstances ("100 requests/s"); rows of one case stand together. `unit`: "s", "ms", "MB",
    "times", "requests/s", … A ratio is computed for each round, from what was measured side by side in it.
    """

    case: str
    name: str
    unit: str
    values: tuple[float, ...]
    goal: Goal | None = None

    def __post_init__(self) -> None:
        if not self.values:
            raise ValueError(f"{self.case}: {self.name}: nothing was measured")

    @property
    def median(self) -> float:
        """The value that is told."""
        return statistics.median(self.values)

    @property
    def missed(self) -> bool:
        """Whether there is a goal, and the median does not meet it."""
        return self.goal is not None and not self.goal.met_by(self.median)


@dataclass(frozen=True, slots=True)
class Found:
    """What a benchmark found: its measures, and what was not measured, and why.

    `skipped`: whole sentences, such as "skopeo: no such program on PATH (Debian's package of that name)". `notes`: what
    a reader must know beside the numbers, such as the reason for a goal that is missed. `versions`: of the peers.
    """

    measures: tuple[Measure, ...]
    skipped: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    versions: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What a benchmark proves: its file's name, a title, against what, and the seed of everything that is drawn."""

    name: str
    title: str
    against: str
    seed: int = 1
