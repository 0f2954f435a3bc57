"""The guard in the cluster: may it be made, and may it put everything back? And at the end: it is taken away."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.engine.findings import Findings
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import ClusterAwayError, ClusterError, FlowdrillError, ForbiddenError
from flowdrill.model.access import AccessAnswer
from flowdrill.model.guard_job import account_user
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

_NAME = "guard_job_permitted"
_END_SECONDS, _LOOK_AGAIN_SECONDS = 60.0, 0.5
_MOST_NAMED = 6


def check_guard_job(order: RunOrder, ports: LookPorts, findings: Findings) -> None:
    """Record whether the cluster would have the Job, and whether its service account may do what it is for. Changes
    nothing; no check where the drill names no guard in the cluster."""
    plan, job = order.drill.guard.in_cluster, ports.guard_job
    if plan is None or job is None:
        return
    required = f"the API server accepts the guard's Job, and {plan.service_account} may put everything back"
    try:
        job.try_out(order.run_id)
        answers = _answers(order, plan.service_account, ports)
    except FlowdrillError as error:
        status = Status.UNKNOWN if isinstance(error, ClusterAwayError) else Status.FAIL
        findings.check(_NAME, status, required=required, observed=error.problem, detail=error.remedy)
        return
    denied = [one for one in answers if one.allowed is False]
    unknown = [one for one in answers if one.allowed is None]
    findings.check(
        _NAME,
        Status.FAIL if denied else Status.UNKNOWN if unknown else Status.PASS,
        required=required,
        observed=_observed(plan.service_account, denied, unknown, len(answers)),
        detail=f"`flowdrill rbac --for guard` prints its Role for drill {order.drill.drill}"
        if denied
        else unknown[0].granted_by
        if unknown
        else "",
    )


def remove_guard_job(undo: Undo, ports: LookPorts, pause: Callable[[float], None]) -> tuple[str, ...]:
    """Delete the Job and wait until its pod is gone; return what is left of it. Harmless when it was never made."""
    job = ports.guard_job
    if undo.guard_job is None or job is None:
        return ()
    deadline_ns = ports.clock.now_ns() + seconds_to_ns(_END_SECONDS)
    while True:
        try:
            problem = job.remove(undo.run_id)
        except ForbiddenError:
            raise  # it will not be allowed in a minute, either
        except ClusterError as error:
            problem = error.problem
        if problem is None:
            return ()
        if ports.clock.now_ns() >= deadline_ns:
            return (f"{problem}; `kubectl -n {undo.namespace} delete job {undo.guard_job}`",)
        pause(_LOOK_AGAIN_SECONDS)


def _answers(order: RunOrder, account: str, ports: LookPorts) -> list[AccessAnswer]:
    drill = order.drill
    user = (account_user(drill.target.namespace, account),)
    asked = [one.question for one in guard_needs(drill, order.scenario)]
    return [answer for question in asked for answer in ports.workload.others_may(user, question)]


def _observed(account: str, denied: list[AccessAnswer], unknown: list[AccessAnswer], asked: int) -> str:
    if not denied and not unknown:
        return f"accepted, with all of {asked} permissions"
    named = [f"{one.question.verb} {one.question.full_resource}" for one in denied or unknown]
    more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
    words = f"{account} must not" if denied else "not found out:"
    return f"{words} {', '.join(named[:_MOST_NAMED])}{more}"
