import random

from flowdrill.analysis.clock_bounds import DRIFT, ClockBounds
from flowdrill.model.load_frames import ClockTold


def bounds_of(samples: list[ClockTold], at_ns: int) -> tuple[int, int]:
    """By the definition: each widened by the drift since, all of them together."""
    drifts = [abs(at_ns - one.at_ns) // DRIFT if one.earliest_ns < one.latest_ns else 0 for one in samples]
    lows = [one.earliest_ns - drift for one, drift in zip(samples, drifts, strict=True)]
    highs = [one.latest_ns + drift for one, drift in zip(samples, drifts, strict=True)]
    return (max(lows), min(highs)) if max(lows) <= min(highs) else (min(lows), max(highs))


def test_bounds_at_any_instant_are_those_of_all_measurements_together() -> None:
    chance = random.Random(7)
    for _ in range(300):
        clock, samples, now_ns = ClockBounds(), [], 0
        for _ in range(chance.randrange(1, 60)):
            now_ns += chance.randrange(-1_000_000, 50_000_000)
            middle = chance.randrange(-3000, 3000)
            width = chance.choice([0, 1, 5000, 20_000])
            told = ClockTold(1, now_ns, 0, middle - width, middle + width)
            clock.add(told)
            samples = [*samples, told][-32:]
            assert clock.drifts == any(one.earliest_ns < one.latest_ns for one in samples)
            for at_ns in (now_ns, now_ns + chance.randrange(10**9), now_ns - chance.randrange(10**8)):
                assert clock.at(at_ns) == bounds_of(samples, at_ns)
