"""The instants at which a run is hit: shortly after something that it has written down, at random within its reach."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.real.kill.running import RunningDrill

_LOOK_SECONDS = 0.003  # how closely a run is followed: a kill must hit the moment that it is meant for


@dataclass(frozen=True)
class Moment:
    """Something that is seen in the run folder, and how long after it the kill may come."""

    name: str
    reached: Callable[[RunningDrill], bool]
    within_seconds: float


@dataclass(frozen=True)
class Instant:
    """One kill."""

    moment: Moment
    delay_seconds: float

    def __str__(self) -> str:
        return f"{self.delay_seconds:.3f} s after {self.moment.name}"

    def await_it(self, drill: RunningDrill, limit_seconds: float = 120.0) -> bool:
        """Return once it has come; False when the run ended before."""
        end = time.monotonic() + limit_seconds
        while not self.moment.reached(drill):
            if drill.ended():
                return False
            assert time.monotonic() < end, f"{self.moment.name} did not come: {drill.told()}"
            time.sleep(_LOOK_SECONDS)
        time.sleep(self.delay_seconds)
        return not drill.ended()


def _file(name: str) -> Callable[[RunningDrill], bool]:
    return lambda drill: drill.folder is not None and (drill.folder / name).exists()


def _event(event: str, **fields: str) -> Callable[[RunningDrill], bool]:
    def reached(drill: RunningDrill) -> bool:
        return any(one["event"] == event and all(one[k] == v for k, v in fields.items()) for one in drill.events)

    return reached


def _check(name: str) -> Callable[[RunningDrill], bool]:
    return lambda drill: any(one["event"] == "checked" and one["check"]["name"] == name for one in drill.events)


def _phase(name: str, within_seconds: float) -> Moment:
    return Moment(f"phase {name}", _event("phase started", phase=name), within_seconds)


STARTED = Moment("the start", lambda _: True, 3.0)
PREFLIGHT = _phase("preflight", 1.0)
WRITTEN = Moment("undo.json", _file("undo.json"), 0.1)
GUARD_STARTS = Moment("the guard's start", _file("guard.log"), 0.4)
REGISTERED = Moment("undo registered", _event("undo registered"), 0.5)
BASELINE = _phase("baseline", 3.0)
HELD = Moment("baseline held", _event("baseline held"), 0.05)  # the broken image is pushed
MADE = Moment("the broken image", _event("broken image made"), 0.05)
BREAK = _phase("break", 0.1)
BROKEN = Moment("the break", _event("image set", purpose="break"), 2.5)
DETECT = _phase("detect", 1.0)
DECIDED = Moment("the decision", _event("decided"), 0.05)  # the rollback's patch
ROLLED = Moment("the rollback", _event("image set", purpose="roll back"), 2.5)
SETTLE = _phase("settle", 1.0)
RESTORE = _phase("restore", 0.4)
CLEANING = Moment("the restore's check", _check("ends_on_stable_digest"), 0.8)
UNLOCKED = Moment("the cleaning up", _check("nothing_left_behind"), 0.3)

OF_THE_HARNESS = (
    STARTED, PREFLIGHT, WRITTEN, GUARD_STARTS, REGISTERED, BASELINE, HELD, MADE, BREAK, BROKEN, DETECT, DECIDED, ROLLED,
    SETTLE, RESTORE, CLEANING, UNLOCKED,
)  # fmt: skip
UNDER_LOAD = (HELD, MADE, BREAK, BROKEN, DETECT, DECIDED, ROLLED, SETTLE)  # Locust runs, and is needed
GUARDED = (REGISTERED, BASELINE, *UNDER_LOAD)  # the run needs its guard
OF_THE_CLUSTER = (REGISTERED, BASELINE, *UNDER_LOAD, RESTORE, CLEANING)


def instants(moments: tuple[Moment, ...], count: int, seed: str) -> list[Instant]:
    """Return so many instants: every moment in turn, in an order of the seed's, at random delays."""
    chance = random.Random(seed)
    found: list[Instant] = []
    while len(found) < count:
        found += [Instant(one, chance.uniform(0, one.within_seconds)) for one in chance.sample(moments, len(moments))]
    return found[:count]
