"""The steady state: it must hold before anything is broken, and says what is normal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from flowdrill.analysis.binomial import clopper_pearson_upper
from flowdrill.analysis.detector import normal_bad_ratio_of
from flowdrill.analysis.outcomes import requests_of
from flowdrill.analysis.rollout import unsettled_because
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock
from flowdrill.model.events import BaselineHeld
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Outcome
from flowdrill.model.quantity import format_ratio
from flowdrill.model.status import Status

_WARM_UP_SECONDS = 1.0  # the first connections are no steady state
_LEAST_SHARE_OF_REQUESTS = 0.9  # of what the schedule promised must have come back


@dataclass(frozen=True, slots=True)
class Baseline:
    """What is normal for this service."""

    observed_bad_ratio: float
    normal_bad_ratio: float  # what the detector takes for normal: an upper bound, and at least 1 %


class UnsteadyError(Exception):
    """The baseline does not hold. A result, not an error: the drill ends before anything is broken."""


def hold_baseline(order: RunOrder, lookout: Lookout, clock: Clock, tell: Narrator) -> Baseline:
    """Return the baseline once its window has passed; UnsteadyError when the service is not steady."""
    plan, load = order.drill.baseline, order.drill.load
    lookout.wait(lambda _: None, _WARM_UP_SECONDS)
    start_ns = clock.now_ns()
    lookout.wait(lambda _: None, plan.window)
    window = Instant(start_ns, start_ns + seconds_to_ns(plan.window))
    promised = round(load.requests_per_second * plan.window)
    seen = [o for o in lookout.outcomes if window.earliest_ns <= o.known_ns <= window.latest_ns]
    if requests_of(seen) < promised * _LEAST_SHARE_OF_REQUESTS:
        seen = _sent_in(window, promised, load.latency_objective, lookout)
    finished, bad = requests_of(seen), requests_of(seen, bad=True)
    required = f"at most {format_ratio(plan.max_bad_ratio)} bad over {plan.window:g} s, and every request answered"
    problem = _unsteady_because(order, lookout, seen, bad, promised)
    if problem is not None:
        tell.check("baseline_steady", Status.FAIL, required=required, observed=problem)
        raise UnsteadyError(problem)
    normal = normal_bad_ratio_of(bad, finished)
    tell.check("baseline_steady", Status.PASS, required=required, observed=f"{bad} of {finished} requests bad")
    tell.emit(BaselineHeld(at_ns=clock.now_ns(), window=window, finished=finished, bad=bad, normal_bad_ratio=normal))
    return Baseline(observed_bad_ratio=bad / finished, normal_bad_ratio=normal)


def _sent_in(window: Instant, promised: int, limit_seconds: float, lookout: Lookout) -> list[Outcome]:
    """Return what became of the requests that left in the window, once enough have been answered: the last ones take
    as long as an answer may take."""

    def known() -> list[Outcome]:
        return [o for o in lookout.outcomes if window.earliest_ns <= o.sent_ns <= window.latest_ns]

    lookout.wait(lambda _: True if requests_of(known()) >= promised * _LEAST_SHARE_OF_REQUESTS else None, limit_seconds)
    return known()


def _unsteady_because(order: RunOrder, lookout: Lookout, seen: list[Outcome], bad: int, promised: int) -> str | None:
    cap, finished = order.drill.baseline.max_bad_ratio, requests_of(seen)
    if not seen:
        return f"no request came back from {order.drill.load.url}"
    if finished < promised * _LEAST_SHARE_OF_REQUESTS:
        return f"only {finished} of {promised} requests came back in the window"
    reasons: Counter[str] = Counter()
    for one in seen:
        if one.bad:
            reasons[one.reason.name.lower().replace("_", " ")] += one.requests
    if bad / finished > cap:
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        return f"{bad} of {finished} requests were bad ({told}): the service is not healthy before the drill"
    if clopper_pearson_upper(bad, finished) > cap:
        return (
            f"{bad} bad of only {finished} requests cannot show that fewer than {format_ratio(cap)} are bad: "
            "use a longer baseline.window or more requests per second"
        )
    unsettled = unsettled_because(lookout.workload) if lookout.workload else "the workload was never seen"
    return f"the workload changed: {unsettled}" if unsettled else None
