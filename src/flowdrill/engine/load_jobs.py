"""The load in the cluster: may its pods be made, and can their image be pulled? And at the end: they are taken away."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flowdrill.engine.findings import Findings
from flowdrill.engine.guard_ports import LoadJobs
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import ClusterAwayError, ClusterError, FlowdrillError, ForbiddenError
from flowdrill.model.image_health import Health
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.status import Status
from flowdrill.model.surroundings import PullSecret
from flowdrill.model.undo import Undo

_PERMITTED, _PULLED = "load_jobs_permitted", "load_image_pullable"
_END_SECONDS, _LOOK_AGAIN_SECONDS = 90.0, 0.5


def check_load_jobs(order: RunOrder, ports: LookPorts, findings: Findings, secrets: Sequence[PullSecret]) -> None:
    """Record whether the cluster would have the load's Jobs and their pods, and whether a node could pull their image
    with the workload's pull secrets. Changes nothing; no check where the load is not sent from the cluster."""
    jobs = ports.load_jobs
    if jobs is None:
        return
    count = order.drill.load.workers
    required = f"the API server accepts the load's Jobs: a master and {count} workers"
    try:
        jobs.try_out(order.run_id)
    except FlowdrillError as error:
        status = Status.UNKNOWN if isinstance(error, ClusterAwayError) else Status.FAIL
        findings.check(_PERMITTED, status, required=required, observed=error.problem, detail=error.remedy)
    else:
        findings.check(_PERMITTED, Status.PASS, required=required, observed="accepted, with a pod of each")
    _check_image(jobs.image(), ports, findings, secrets)


def _check_image(image: str, ports: LookPorts, findings: Findings, secrets: Sequence[PullSecret]) -> None:
    required = f"a node can pull {image}, which the load's pods run"
    try:
        health = ports.registry.pullable(parse_image_reference(image), secrets)
    except ValueError as error:
        remedy = "correct load.in_cluster.image in the drill"
        findings.check(_PULLED, Status.FAIL, required=required, observed=str(error), detail=remedy)
        return
    # nodes may have a login of their own, which nobody can see from here
    seen = {Health.RETAINED: Status.PASS, Health.UNKNOWN: Status.UNKNOWN, Health.REFUSED: Status.WARNING}
    observed = "it is there" if health.health is Health.RETAINED else f"{health.health}: {health.problem}"
    status = seen.get(health.health, Status.FAIL)
    findings.check(_PULLED, status, required=required, observed=observed, detail=health.remedy)


def remove_load_jobs(undo: Undo, ports: LookPorts, pause: Callable[[float], None]) -> tuple[str, ...]:
    """Delete what sends the load, and wait until its pods are gone; return what is left. Harmless when it was never
    made."""
    jobs = ports.load_jobs
    if undo.load_job is None or jobs is None:
        return ()
    deadline_ns = ports.clock.now_ns() + seconds_to_ns(_END_SECONDS)
    while True:
        problem = _removed(jobs, undo.run_id)
        if problem is None:
            return ()
        if ports.clock.now_ns() >= deadline_ns:
            return (f"{problem}; `kubectl -n {undo.namespace} delete job {undo.load_job}`",)
        pause(_LOOK_AGAIN_SECONDS)


def _removed(jobs: LoadJobs, run_id: str) -> str | None:
    try:
        return jobs.remove(run_id)
    except ForbiddenError:
        raise  # it will not be allowed in a minute, either
    except ClusterError as error:
        return error.problem
