"""The sequential test that says "this service is broken": a slotted mixture Shiryaev-Roberts e-detector.

Time is cut into slots. For a slot in which requests finished, X = bad / finished, and for every alternative ratio q
R(q) becomes (R(q) + 1) * (1 + (q - p0) / (p0 (1 - p0)) * (X - p0)), from 0. The alarm is raised when the mean of all
R(q) reaches the threshold A. Whatever the requests of one slot have in common, as long as each slot's expected X,
given the past, is at most p0: the mean time between false alarms is at least A slots, and the probability of one
within n slots is at most n / A.

Source: Shin, Ramdas, Rinaldo, "E-detectors: a nonparametric framework for sequential change detection" (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from flowdrill.analysis.binomial import clopper_pearson_upper
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.outcome import Outcome

SLOT_NS = 100_000_000
PIPE_GRACE_NS = 20_000_000  # how long a slot stays open for outcomes that are still on their way to the harness
ALTERNATIVES = (0.1, 0.2, 0.4, 0.6, 0.8, 0.95)
LEAST_NORMAL_BAD_RATIO = 0.01
_CAP = 1e200  # far above any threshold, far below where another factor of 1 / p0 would overflow


@dataclass(frozen=True, slots=True)
class Alarm:
    """The service is broken. `newest_outcome_ns`: when the newest outcome that was used became known."""

    newest_outcome_ns: int
    statistic: float
    threshold: float
    slot_end_ns: int


class SequentialDetector:
    """Raises one alarm. Feed it with `take`, let time pass with `advance`; outcomes known before `start_ns` are not
    evidence. ValueError for a normal ratio that leaves no alternative to tell it from."""

    def __init__(self, *, normal_bad_ratio: float, threshold: float, start_ns: int, slot_ns: int = SLOT_NS) -> None:
        if not 0 < normal_bad_ratio < ALTERNATIVES[-1]:
            raise ValueError(f"normal_bad_ratio must lie between 0 and {ALTERNATIVES[-1]}, not {normal_bad_ratio}")
        self._normal = normal_bad_ratio
        self._threshold = threshold
        self._start_ns = start_ns
        self._slot_ns = slot_ns
        variance = normal_bad_ratio * (1 - normal_bad_ratio)
        # a bet on a ratio at or below the normal one would be a bet on health, and void the guarantee
        self._slopes = [(q - normal_bad_ratio) / variance for q in ALTERNATIVES if q > normal_bad_ratio]
        self._sums = [0.0] * len(self._slopes)
        self._slots: dict[int, _Slot] = {}
        self._first_open = 0
        self._newest_outcome_ns = start_ns
        self._alarmed = False

    @property
    def statistic(self) -> float:
        """The mean of R(q) over all closed slots, to be held against the threshold."""
        return math.fsum(self._sums) / len(self._sums)

    def take(self, outcome: Outcome) -> None:
        """Count an outcome in its slot, or in the oldest open one when its own is closed."""
        if outcome.known_ns < self._start_ns:
            return
        index = max(self._first_open, (outcome.known_ns - self._start_ns) // self._slot_ns)
        self._slots.setdefault(index, _Slot()).count(outcome)

    def advance(self, now_ns: int) -> Alarm | None:
        """Close every slot that ended `PIPE_GRACE_NS` ago or earlier; return the alarm when one of them raised it,
        None before and ever after. An empty slot changes nothing."""
        self._first_open = max(self._first_open, (now_ns - PIPE_GRACE_NS - self._start_ns) // self._slot_ns)
        for index in sorted(index for index in self._slots if index < self._first_open):
            self._close(self._slots.pop(index))
            if self.statistic >= self._threshold and not self._alarmed:
                self._alarmed = True
                end_ns = self._start_ns + (index + 1) * self._slot_ns
                return Alarm(self._newest_outcome_ns, self.statistic, self._threshold, end_ns)
        return None

    def _close(self, slot: _Slot) -> None:
        surplus = slot.bad / slot.finished - self._normal
        self._sums = [
            min(_CAP, (total + 1) * (1 + slope * surplus))
            for total, slope in zip(self._sums, self._slopes, strict=True)
        ]
        self._newest_outcome_ns = max(self._newest_outcome_ns, slot.newest_ns)


class _Slot:
    """What finished in one slot."""

    __slots__ = ("bad", "finished", "newest_ns")

    def __init__(self) -> None:
        self.bad = self.finished = self.newest_ns = 0

    def count(self, outcome: Outcome) -> None:
        self.finished += outcome.requests
        self.bad += outcome.requests * outcome.bad
        self.newest_ns = max(self.newest_ns, outcome.known_ns)


def threshold_for(run_limit_seconds: float, false_alarm_probability: float = 0.001, slot_ns: int = SLOT_NS) -> float:
    """Return the threshold A at which a false alarm within the run's limit has at most the given probability."""
    return math.ceil(seconds_to_ns(run_limit_seconds) / slot_ns) / false_alarm_probability


def normal_bad_ratio_of(bad: int, finished: int) -> float:
    """Return p0, the error ratio taken for normal after a baseline: its upper 99 % Clopper-Pearson bound, and at
    least 1 %. 1.0 when nothing finished."""
    return max(LEAST_NORMAL_BAD_RATIO, clopper_pearson_upper(bad, finished))
