"""The limits that stop a drill, looked at whenever it waits. While everything is being put back, none counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from flowdrill.analysis.error_budget import burned_ratio
from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outcomes import requests_of
from flowdrill.engine.facts import AroundSeen, LookTold, OutsideAlertsSeen
from flowdrill.engine.suffering import SUFFERS_SECONDS, Neighbours, Nodes, OutsideAlerts
from flowdrill.model.around import Neighbour, NodeState
from flowdrill.model.drill import Drill
from flowdrill.model.instant import NS_PER_SECOND, ns_to_seconds
from flowdrill.model.limits_plan import Limit, LimitName
from flowdrill.model.outcome import Outcome
from flowdrill.model.quantity import format_ratio, format_seconds

Around = AroundSeen | OutsideAlertsSeen | LookTold
_RECOMPUTE_NS = NS_PER_SECOND  # the failing window takes time in proportion to the run


class LimitReachedError(Exception):
    """A limit was reached; ends the wait, and through it the drill. Not an error of the user's."""


def limits_in_force(drill: Drill, around: Collection[LimitName]) -> tuple[Limit, ...]:
    """Return the drill's limits, with `around` those that somebody looks for."""
    plan, clock = drill.limits, format_seconds(drill.wall_clock_limit_seconds)
    bounds = {LimitName.WALL_CLOCK: f"less than {clock} since the run began"}
    if plan.bad_requests is not None:
        bounds[LimitName.BAD_REQUESTS] = f"fewer than {plan.bad_requests} bad requests from the break on"
    if plan.error_budget is not None:
        share, period = format_ratio(plan.error_budget), format_seconds(drill.slo.period)
        bounds[LimitName.ERROR_BUDGET] = f"less than {share} of the error budget of {period} burned"
    suffers = format_seconds(SUFFERS_SECONDS)
    words = {
        LimitName.OTHER_WORKLOADS: f"no other workload of the namespace is short of ready replicas for {suffers}",
        LimitName.NODES: "no node goes, or stops being ready",
        LimitName.ALERTS: "no alert begins to fire but the drill's own, and those that may",
    }
    bounds |= {name: text for name, text in words.items() if name in around}
    return tuple(Limit(name, bounds[name]) for name in LimitName if name in bounds)


class Limits:
    """The limits of one run."""

    def __init__(self, drill: Drill, began_ns: int, around: Collection[LimitName]) -> None:
        self._drill, self._began_ns = drill, began_ns
        self.in_force = limits_in_force(drill, around)
        self._taken = self._bad = 0  # of the outcomes
        self._computed_ns: int | None = None
        self._neighbours, self._nodes, self._alerts = Neighbours(), Nodes(), OutsideAlerts()
        self.normal_bad_ratio = 0.0  # what the baseline showed

    def see(self, fact: Around, broken_ns: int) -> None:
        """Take in what happens around the drill; `broken_ns`: when the break was asked for, 0 before."""
        match fact:
            case AroundSeen(arrived_ns=arrived, what=Neighbour() as neighbour):
                self._neighbours.see(neighbour, arrived, broken=broken_ns > 0)
            case AroundSeen(what=NodeState() as node):
                self._nodes.see(node)
            case OutsideAlertsSeen():
                self._alerts.see(fact, broken_ns)
            case LookTold(limit=LimitName.OTHER_WORKLOADS, problem=str()):
                self._neighbours.lose_sight()

    def reached(self, outcomes: Sequence[Outcome], broken_ns: int, now_ns: int) -> tuple[Limit, str] | None:
        """Return the first one that is reached, with what was seen; None when there is none. `outcomes` is the same
        growing sequence at every call."""
        self._count(outcomes, broken_ns)
        observed = dict(self._observed(outcomes, broken_ns, now_ns))
        return next(((one, observed[one.name]) for one in self.in_force if one.name in observed), None)

    def _count(self, outcomes: Sequence[Outcome], broken_ns: int) -> None:
        if broken_ns:
            self._bad += requests_of((one for one in outcomes[self._taken :] if one.known_ns >= broken_ns), bad=True)
            self._taken = len(outcomes)

    def _observed(self, outcomes: Sequence[Outcome], broken_ns: int, now_ns: int) -> Iterator[tuple[LimitName, str]]:
        """Each limit that is reached, with what was seen."""
        plan, took_seconds = self._drill.limits, ns_to_seconds(now_ns - self._began_ns)
        if plan.bad_requests is not None and self._bad >= plan.bad_requests:
            yield LimitName.BAD_REQUESTS, f"{self._bad} bad requests since the break"
        if plan.error_budget is not None and self._may_have_burned(plan.error_budget, now_ns):
            bad = self._bad_of_the_failure(outcomes, broken_ns)
            burned = burned_ratio(self._drill, bad)
            if burned >= plan.error_budget:
                yield LimitName.ERROR_BUDGET, f"{format_ratio(burned)} burned by {bad} bad requests"
        if took_seconds >= self._drill.wall_clock_limit_seconds:
            yield LimitName.WALL_CLOCK, f"{format_seconds(took_seconds)} since the run began"
        around = {
            LimitName.OTHER_WORKLOADS: self._neighbours.suffering(now_ns),
            LimitName.NODES: self._nodes.lost(),
            LimitName.ALERTS: self._alerts.firing(),
        }
        yield from ((name, text) for name, text in around.items() if text is not None)

    def _may_have_burned(self, share: float, now_ns: int) -> bool:
        """Whether all bad requests, of which some may be noise, would be enough: only then it is worth looking closely,
        and at most once a second."""
        if burned_ratio(self._drill, self._bad) < share:
            return False
        if self._computed_ns is not None and now_ns - self._computed_ns < _RECOMPUTE_NS:
            return False
        self._computed_ns = now_ns
        return True

    def _bad_of_the_failure(self, outcomes: Sequence[Outcome], broken_ns: int) -> int:
        """The bad requests as the report's error budget counts them."""
        window = failing_window(outcomes, normal_bad_ratio=self.normal_bad_ratio, from_ns=broken_ns)
        return window.bad if window is not None else 0
