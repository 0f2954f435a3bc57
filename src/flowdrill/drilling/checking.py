"""Looking whether a drill could start, and the workload be rolled back: preflight alone. Nothing is changed."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flowdrill.analysis.judge import assessed, judge_checks
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Activities, LookPorts
from flowdrill.engine.preflight import preflight, whole_reach
from flowdrill.errors import DrillRefusedError, FlowdrillError
from flowdrill.model.events import BrakeSeen, Check, Checked, Event, Noted
from flowdrill.model.preflight import PreflightResult
from flowdrill.model.reach import Reach
from flowdrill.model.readiness import Readiness
from flowdrill.model.status import Status
from flowdrill.preparing.allowing import LOOKING
from flowdrill.preparing.chaos_activities import activities_of
from flowdrill.preparing.drill_file import plan_of
from flowdrill.preparing.opening import Cluster, OpenDrill, Say, open_drill, order_of, permit_for


@dataclass(frozen=True, slots=True)
class Looked:
    """What preflight found. `error`: why it ended before it had looked at everything, or refuses the drill."""

    result: PreflightResult
    error: FlowdrillError | None


class _Seen:
    """The events of a preflight."""

    def __init__(self, told: Callable[[Check], None]) -> None:
        self.checks: list[Check] = []
        self.readiness: Readiness | None = None
        self._told = told

    def emit(self, event: Event) -> None:
        if isinstance(event, Checked):
            self.checks.append(event.check)
            self._told(event.check)
        elif isinstance(event, BrakeSeen):
            self.readiness = event.readiness


def look_at_drill(
    drill_file: Path, cluster: Cluster, say: Say, told: Callable[[Check], None], *, strict: bool = False
) -> Looked:
    """Carry out a drill's first phase and nothing else; `told` hears of every check when it was made. With `strict` a
    warning counts as a failure. FlowdrillError when the plan cannot be used, or the cluster or the workload is not
    there; DrillRefusedError when no drill may run there."""
    plan = plan_of(drill_file)
    permit = permit_for(plan, cluster)
    seen, error = _Seen(told), None
    with open_drill(plan, cluster, say) as here:
        order = order_of(plan, here.workload, datetime.now(UTC), permit)
        ports = _ports(here, activities_of(plan.drill, here.post, here.environ))
        started = time.monotonic()
        try:
            preflight(order, ports, Narrator(ports.clock, seen.emit))
        except FlowdrillError as problem:
            error = problem
        took_seconds = time.monotonic() - started
    verdict, reasons = judge_checks(seen.checks, _problem(error, seen.checks), strict=strict)
    result = PreflightResult(
        drill=plan.drill.drill,
        scenario=plan.found.scenario.scenario,
        cluster=order.cluster,
        kubernetes_version=order.kubernetes_version,
        namespace=plan.drill.target.namespace,
        workload=plan.drill.target.workload,
        verdict=verdict,
        reasons=reasons,
        checks=tuple(assessed(check) for check in seen.checks),
        readiness=seen.readiness,
        took_seconds=took_seconds,
    )
    return Looked(result, error)


def _problem(error: FlowdrillError | None, checks: Sequence[Check]) -> str | None:
    """Why not everything was looked at; None where a check says it already."""
    told = any(check.status in (Status.FAIL, Status.UNKNOWN) for check in checks)
    return None if error is None or (isinstance(error, DrillRefusedError) and told) else error.problem


def reach_of_drill(drill_file: Path, cluster: Cluster, say: Say) -> Reach:
    """Return how far back the drill's target can be rolled right now, by everything that the cluster, the registry and
    the ledger know. FlowdrillError when that cannot be looked at."""
    plan = plan_of(drill_file)
    with open_drill(plan, cluster, say) as here:
        ports = _ports(here)
        order = order_of(plan, here.workload, datetime.now(UTC), LOOKING)
        return whole_reach(order, ports, Narrator(ports.clock, partial(_tell_notes, say)))


def _ports(here: OpenDrill, activities: Activities | None = None) -> LookPorts:
    return LookPorts(
        clock=MonotonicClock(),
        workload=here.workload,
        registry=here.registry,
        provider=here.provider,
        scanner=here.scanner,
        ledger=here.ledger,
        obstacles=here.obstacles,
        program=here.command,
        alerts=here.alerts,
        guard_job=here.guard_job,
        activities=activities,
        load_jobs=here.load_jobs,
    )


def _tell_notes(say: Say, event: Event) -> None:
    """What is left out; of the rest the rows say it all."""
    if isinstance(event, Noted):
        say(f"note: {event.text}")
