"""How bad a drill can become: the sum of its own limits, and what that costs users and the error budget."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from flowdrill.analysis.error_budget import burned_ratio
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import Duration, Expected, WorstCase
from flowdrill.model.obstacle_plan import AFTER_THE_ROLLOUT, RegistryDown
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.scenario import Scenario

# as the engine has them: engine/restore.py, undoing.py, rolling_back.py, baseline.py, provider_start.py
LEAST_RESTORE_SECONDS, SERVED_SECONDS = 300.0, 5.0
LAST_LOOK_SECONDS, WARM_UP_SECONDS = 2.0, 1.0
PROVIDER_START_SECONDS, PROVIDER_END_SECONDS = 180.0, 120.0


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit that stops a drill once so many of its requests were bad, or so long after the break; the restore begins
    then. None: it says nothing of that."""

    named: str  # the drill's key, and its value
    bad_requests: int | None = None
    seconds: float | None = None


def worst_case(drill: Drill, scenario: Scenario, caps: tuple[Cap, ...] = ()) -> WorstCase:
    """Return the worst case of everything that the drill itself limits. `caps`: limits that stop it earlier."""
    parts = [tuple(part) for part in (_before(drill), _waiting(drill, scenario), _putting_back(drill), _after(drill))]
    before, waiting, putting_back, after = (sum(one.seconds for one in part) for part in parts)
    rate, told = drill.load.requests_per_second, dict[str, None]()
    late = putting_back + drill.load.latency_objective  # requests under way count once they are that old
    for cap in caps:
        if cap.seconds is not None and cap.seconds < waiting:
            waiting, told = cap.seconds, {cap.named: None}
    bad = math.ceil(rate * (waiting + putting_back))
    for cap in caps:
        if cap.bad_requests is not None and cap.bad_requests + math.ceil(rate * late) < bad:
            bad, told = cap.bad_requests + math.ceil(rate * late), told | {cap.named: None}
    return WorstCase(
        steps=tuple(one for part in parts for one in part),
        whole_seconds=before + waiting + putting_back + after,
        bad_seconds=waiting + putting_back,
        bad_requests=bad,
        stopped_by=", ".join(told),
        burned_ratio=burned_ratio(drill, bad),
        beyond=tuple(_beyond(drill, scenario)),
    )


def expected(drill: Drill) -> Expected | None:
    """Return what it costs when the objective for the outage is kept; None where the drill has none."""
    outage = drill.objectives.outage
    if outage is None:
        return None
    bad = math.ceil(drill.load.requests_per_second * outage)
    return Expected(outage_seconds=outage, bad_requests=bad, burned_ratio=burned_ratio(drill, bad))


def caps_of(drill: Drill) -> tuple[Cap, ...]:
    """Return the drill's own limits, as far as they cap what it costs."""
    limits, caps = drill.limits, list[Cap]()
    if limits.bad_requests is not None:
        caps.append(Cap(f"limits.bad_requests: {limits.bad_requests}", bad_requests=limits.bad_requests))
    if limits.error_budget is not None:
        bad = math.ceil(limits.error_budget / burned_ratio(drill, 1))
        caps.append(Cap(f"limits.error_budget: {format_ratio(limits.error_budget)}", bad_requests=bad))
    clock = drill.wall_clock_limit_seconds
    from_the_break = clock - drill.baseline.window - WARM_UP_SECONDS  # it counts since the run began
    return (*caps, Cap(f"limits.wall_clock: {format_seconds(clock)}", seconds=max(0.0, from_the_break)))


def restore_seconds(drill: Drill) -> float:
    """Return how long the restore tries, at most."""
    return max(drill.rollback.limit, LEAST_RESTORE_SECONDS)


def _before(drill: Drill) -> Iterator[Duration]:
    if drill.provider is not None:
        yield _took("the model provider is started, where it is not there", PROVIDER_START_SECONDS)
    yield _took("baseline: users are served as always", WARM_UP_SECONDS + drill.baseline.window)
    for one in (*drill.chaos.steady_state, *drill.chaos.before):
        yield _took(f"activity `{one.name}` before the break", drill.chaos.limit_seconds(one))


def _waiting(drill: Drill, scenario: Scenario) -> Iterator[Duration]:
    if any(one.kind in AFTER_THE_ROLLOUT for one in drill.obstacles):
        yield _took("the broken release reaches every replica, for the obstacles to be put", drill.detect_limit_seconds)
    for one in drill.obstacles:
        if isinstance(one, RegistryDown) and one.down:
            yield _took("the registry is taken down, and brought up again", 2 * one.limit)
    if scenario.is_candidate:
        yield _took("the candidate does not reach every replica", drill.rollback.limit)
    waits = "nobody rolls back, until flowdrill takes over" if drill.by_people else "nothing detects the failure"
    yield _took(waits, drill.detect_limit_seconds)
    if drill.rollback.way is Strategy.COMMAND:
        yield _took("the rollback's command does not end", drill.rollback.limit + LAST_LOOK_SECONDS)
    yield _took("the rollback does not complete, or does not hold", drill.rollback.limit + drill.hold)


def _putting_back(drill: Drill) -> Iterator[Duration]:
    yield _took("flowdrill dies, and the guard finds out", drill.guard.lease)
    yield _took("the restore needs all of its time", restore_seconds(drill))


def _after(drill: Drill) -> Iterator[Duration]:
    yield _took("users are watched once more", SERVED_SECONDS)
    for one in drill.chaos.after:
        yield _took(f"activity `{one.name}` after the restore", drill.chaos.limit_seconds(one))
    for probe in drill.chaos.steady_state:  # asked again and again within its limit, and the last time takes all of it
        yield _took(f"activity `{probe.name}` after the restore", 2 * drill.chaos.limit_seconds(probe))
    if drill.provider is not None:
        yield _took("the model provider is removed, where the drill has started it", PROVIDER_END_SECONDS)


def _took(what: str, seconds: float) -> Duration:
    return Duration(what=what, seconds=seconds)


def _beyond(drill: Drill, scenario: Scenario) -> Iterator[str]:
    yield (
        "Requests of real users come on top: whatever they ask while the service is broken may be bad. "
        "The drill knows the rate of its own load alone."
    )
    yield (
        f"A restore that does not succeed within {format_seconds(restore_seconds(drill))} ends the drill with exit "
        "code 2 and the commands that put the workload back: the outage then lasts until somebody runs them."
    )
    yield "An API server or a registry that gives no answer makes every request take longer than its limit says."
    if drill.chaos.activities:
        yield (
            "What Chaos Toolkit's activities do is theirs: flowdrill cannot know it, and neither the restore nor the "
            "guard takes it back."
        )
    if not scenario.rollback_helps:
        yield "The rollback does not end this fault, by the scenario: users are served again by the restore alone."
