"""One recorded stream of a healthy service, and the same requests with a failure that begins at a known instant."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from flow_load.recorded_load import RecordedLoad
from flow_load.service import FlowService
from numpy.typing import NDArray

from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.model.instant import NS_PER_SECOND
from flowdrill.model.outcome import Outcome, Reason

BASELINE_SECONDS = 15  # a drill's default
FAILS_SECONDS = 300
_WARM_UP_SECONDS = 1.0
_ROLLED_OUT_SECONDS = 2  # from the break, when the detector starts, to the first failing answer
_S = NS_PER_SECOND


class Kind(StrEnum):
    """What the service does from one instant on. Only FULL, HALF and FIFTH fail each request by itself, at one rate."""

    FULL = "full outage"
    HALF = "50 % fail"
    FIFTH = "20 % fail"
    BURSTS = "bursts"  # everything fails for 0.5 s in the mean, then nothing for 2 s in the mean, in turns
    DRIFT = "drift"  # 0.1 % of the requests more with every second
    NONE = "nothing fails"


SHARE = {Kind.FULL: 1.0, Kind.HALF: 0.5, Kind.FIFTH: 0.2}
_BURST_SECONDS, _PAUSE_SECONDS, _DRIFT_A_SECOND = 0.5, 2.0, 0.001


@dataclass(frozen=True, slots=True)
class Recording:
    """Answers of a healthy service: when each was known, in (0, `seconds`], and how long it had taken."""

    requests_per_second: int
    seconds: int
    known_ns: NDArray[np.int64]
    took_ns: NDArray[np.int64]

    def repeated(self, seconds: float) -> Recording:
        """The recording again and again, for so long."""
        times = int(seconds / self.seconds) + 1
        shifts = np.repeat(np.arange(times, dtype=np.int64) * self.seconds * _S, len(self.known_ns))
        return Recording(
            self.requests_per_second,
            times * self.seconds,
            np.tile(self.known_ns, times) + shifts,
            np.tile(self.took_ns, times),
        )


def recorded(rates: Sequence[int], seconds: int) -> list[Recording]:
    """Real Locust, as a drill starts it, one for each rate and all at once, against a small server on loopback."""
    with tempfile.TemporaryDirectory() as path, FlowService() as service:
        loads = [RecordedLoad(service.url, rate, Path(path) / str(rate), timeout="10s") for rate in rates]
        with ExitStack() as sending:
            for load in loads:
                sending.enter_context(load)
            from_ns = time.monotonic_ns() + round(_WARM_UP_SECONDS * _S)
            time.sleep(_WARM_UP_SECONDS + seconds + 0.5)
        return [recording_of(load, from_ns, seconds) for load in loads]


def recording_of(load: RecordedLoad, from_ns: int, seconds: int) -> Recording:
    """What a load that has ended recorded in a stretch of time."""
    rate, until_ns = round(load.plan.requests_per_second), from_ns + seconds * _S
    objective_ns = round(load.plan.latency_objective * _S)
    known = [one for one in outcomes_of(load.records, objective_ns, until_ns).outcomes if one.known_ns > from_ns]
    assert not any(one.bad for one in known), "the recorded service was to be healthy"
    times = np.array([(one.known_ns - from_ns, one.known_ns - one.sent_ns) for one in known], dtype=np.int64)
    assert abs(len(times) - rate * seconds) <= 2 + 0.02 * rate * seconds, "not the rate that was wanted"
    return Recording(rate, seconds, times[:, 0], times[:, 1])


@dataclass(frozen=True, slots=True)
class Stream:
    """A baseline, a break, a failure. Instants count from the beginning of the baseline.

    `broken_ns`: the baseline's end, when detectors start; `hit_ns`: answers that are known from then on may be bad.
    """

    requests_per_second: int
    known_ns: NDArray[np.int64]
    took_ns: NDArray[np.int64]
    bad: NDArray[np.bool_]
    broken_ns: int
    hit_ns: int
    ends_ns: int

    def outcomes(self) -> list[Outcome]:
        """As the product has them."""
        return [
            Outcome(n, known - took, known - took, known, *((Reason.HTTP_STATUS, 500) if bad else (Reason.GOOD, 200)))
            for n, (known, took, bad) in enumerate(
                zip(self.known_ns.tolist(), self.took_ns.tolist(), self.bad.tolist(), strict=True)
            )
        ]

    def fails_at(self, at_ns: int) -> bool:
        """What one more request would have got: the fate of the next one that was answered."""
        at = int(np.searchsorted(self.known_ns, at_ns))
        return at < len(self.bad) and bool(self.bad[at])


def stream_of(recording: Recording, kind: Kind, chance: np.random.Generator, slot_phase: float) -> Stream:
    """Decide which of the recorded requests fail. `slot_phase`: where in a slot of 100 ms it begins, 0 to 1."""
    broken_ns = BASELINE_SECONDS * _S
    hit_ns = broken_ns + _ROLLED_OUT_SECONDS * _S + round(slot_phase * _S / 10)
    ends_ns = hit_ns + FAILS_SECONDS * _S
    whole = recording.repeated(ends_ns / _S)
    count = int(np.searchsorted(whole.known_ns, ends_ns, "right"))
    known_ns = whole.known_ns[:count]
    since_hit = (known_ns - hit_ns) / _S
    bad = (since_hit >= 0) & _failing(kind, since_hit, chance)
    return Stream(recording.requests_per_second, known_ns, whole.took_ns[:count], bad, broken_ns, hit_ns, ends_ns)


def _failing(kind: Kind, seconds: NDArray[np.float64], chance: np.random.Generator) -> NDArray[np.bool_]:
    if kind is Kind.BURSTS:
        turns = int(2 * FAILS_SECONDS / (_BURST_SECONDS + _PAUSE_SECONDS))
        lengths = chance.exponential((_BURST_SECONDS, _PAUSE_SECONDS), (turns, 2)).ravel()
        return np.searchsorted(np.cumsum(lengths), seconds, "right") % 2 == 0
    shares = _DRIFT_A_SECOND * seconds if kind is Kind.DRIFT else SHARE.get(kind, 0.0)
    return chance.random(len(seconds)) < shares
