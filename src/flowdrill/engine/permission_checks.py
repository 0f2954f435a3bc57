"""May whoever would roll back do it, and nothing that is no business of a rollback; and may the drill do its part?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flowdrill.analysis.access_needs import change_questions, excess, harness_needs, on_call_needs, patch_question
from flowdrill.engine.findings import Findings
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import ClusterAwayError, FlowdrillError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Actor
from flowdrill.model.readiness import AccessRow
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status

HARNESS_WORDS = "the harness itself"
_MOST_NAMED = 6


@dataclass(frozen=True, slots=True)
class Permissions:
    """What was answered. `responder_may_patch` is False when it is known that a patch would be refused."""

    rows: tuple[AccessRow, ...]
    responder_may_patch: bool


def check_permissions(order: RunOrder, ports: LookPorts, findings: Findings) -> Permissions:
    """Ask the API server about the responder, the harness, and everybody who must not patch. Changes nothing."""
    responder = ports.workload.responder
    _check_identity(responder, ports, findings, by_people=order.drill.by_people)
    needs = on_call_needs(order.drill.target, order.drill.rollback.way)
    answers = ports.workload.may(Actor.RESPONDER, tuple(need.question for need in needs))
    _check_responder(order, responder or HARNESS_WORDS, answers, findings)
    rows = _rows(responder or HARNESS_WORDS, answers, wanted=True)
    if responder is not None:
        rows += _check_bounds(order, responder, ports, findings)
    rows += _check_others(order, ports, findings)
    rows += _check_harness(order, ports, findings)
    patch = patch_question(order.drill.target)
    denied = any(_same(one.question, patch) and one.allowed is False for one in answers)
    return Permissions(tuple(rows), responder_may_patch=not denied)


def _check_identity(responder: str | None, ports: LookPorts, findings: Findings, *, by_people: bool) -> None:
    name, required = "rollback_identity", "the identity that would really roll back"
    if responder is None:
        nobody = "the harness itself rolls back, which says nothing about who is on call"
        if by_people:
            nobody = "nothing is known of what people may do, but of the harness alone, which takes over"
        findings.check(
            name,
            Status.WARNING,
            required=required,
            observed=f"the drill names nobody: {nobody}",
            detail="name who would: `rollback: {as: system:serviceaccount:NAMESPACE:NAME}`, or a kubeconfig of theirs",
        )
        return
    try:
        doubt = ports.workload.responder_problem()
    except FlowdrillError as error:
        raise findings.refused(name, required=required, observed=error.problem, remedy=error.remedy) from error
    status = Status.PASS if doubt is None else Status.UNKNOWN
    findings.check(name, status, required=required, observed=doubt or responder)


def _check_responder(order: RunOrder, who: str, answers: Sequence[AccessAnswer], findings: Findings) -> None:
    missing, unknown = _split(answers)
    told = _observed(missing, unknown, len(answers))
    patches = "" if order.drill.rollback.way is Strategy.COMMAND else ", and patch it"
    findings.check(
        "responder_may_roll_back",
        _status(missing, unknown),
        required=f"{who} may see the workload, its revisions and its pods{patches}",
        observed=f"{who} {told}" if missing else told,
        detail=_remedy("on-call", missing, order) if missing else _why(unknown),
    )


def _check_bounds(order: RunOrder, who: str, ports: LookPorts, findings: Findings) -> list[AccessRow]:
    answers = ports.workload.may(Actor.RESPONDER, excess(order.drill.target.namespace))
    allowed = [one for one in answers if one.allowed]
    unknown = [one for one in answers if one.allowed is None]
    by = sorted({one.granted_by for one in allowed if one.granted_by})
    findings.check(
        "responder_bounded",
        Status.WARNING if allowed else Status.UNKNOWN if unknown else Status.PASS,
        required=f"{who} cannot delete the namespace, read all secrets, or change roles",
        observed=f"it may {_named(allowed)}" if allowed else _none_of(unknown, len(answers)),
        detail=f"granted by {'; '.join(by)}" if by else _why(unknown),
    )
    return _rows(who, answers, wanted=False)


def _check_others(order: RunOrder, ports: LookPorts, findings: Findings) -> list[AccessRow]:
    names = order.drill.rollback.not_by
    if not names:
        return []
    told = [
        (name, one)
        for question in change_questions(order.drill.target)
        for name, one in zip(names, ports.workload.others_may(names, question), strict=True)
    ]
    answers = [one for _, one in told]
    who_may = list(dict.fromkeys(name for name, one in told if one.allowed))
    unknown = [one for one in answers if one.allowed is None]
    by = sorted({one.granted_by for one in answers if one.allowed and one.granted_by})
    findings.check(
        "nobody_else_may_patch",
        Status.FAIL if who_may else Status.UNKNOWN if unknown else Status.PASS,
        required=f"none of rollback.not_by may patch the workload: {', '.join(names)}",
        observed=f"{', '.join(who_may)} may" if who_may else _none_of(unknown, len(answers)),
        detail=f"granted by {'; '.join(by)}" if by else _why(unknown),
    )
    return [_row(name, one, wanted=False) for name, one in told]


def _check_harness(order: RunOrder, ports: LookPorts, findings: Findings) -> list[AccessRow]:
    starts = ports.provider is not None and not ports.provider.stands()
    needs = harness_needs(order.drill, order.scenario, starts_provider=starts)
    answers = ports.workload.may(Actor.HARNESS, tuple(need.question for need in needs))
    pairs = list(zip(needs, answers, strict=True))
    missing, unknown = _split([answer for need, answer in pairs if not need.optional])
    unseen, doubtful = _split([answer for need, answer in pairs if need.optional])
    denied, open_ = missing or ([] if unknown else unseen), unknown or doubtful
    findings.check(
        "harness_may_drill",
        Status.FAIL if missing else Status.UNKNOWN if unknown else Status.WARNING if denied or open_ else Status.PASS,
        required="the harness may do everything that a drill does, from the first look to the clean-up",
        observed=_observed(denied, open_, len(answers)),
        detail=_remedy("harness", denied, order) if denied else _why(open_),
    )
    return [_row("the harness", answer, wanted=True, optional=need.optional) for need, answer in pairs]


def check_pod(image: str, ports: LookPorts, findings: Findings, *, may_try: bool) -> None:
    """Try a pod of the stable image against quotas, limits and admission, which the workload's own patch does not
    meet: a rollout whose pods are refused never completes."""
    name, required = "pod_admitted", "the API server would admit a pod of the stable image (server-side dry run)"
    if not may_try:
        observed = "not tried: the harness may not create pods, not even as a dry run"
        findings.check(name, Status.WARNING, required=required, observed=observed, detail="see harness_may_drill")
        return
    try:
        unseen = ports.workload.pod_would_start(image)
    except FlowdrillError as error:
        status = Status.UNKNOWN if isinstance(error, ClusterAwayError) else Status.FAIL
        findings.check(name, status, required=required, observed=error.problem, detail=error.remedy)
        return
    status = Status.PASS if unseen is None else Status.WARNING
    findings.check(name, status, required=required, observed=unseen or "admitted")


def may_create_pods(rows: Iterable[AccessRow]) -> bool:
    """Return whether the harness may try a pod."""
    return any(row.verb == "create" and row.resource == "pods" and row.allowed for row in rows)


def _split(answers: Iterable[AccessAnswer]) -> tuple[list[AccessAnswer], list[AccessAnswer]]:
    """What is denied, and what is not known."""
    told = list(answers)
    return [one for one in told if one.allowed is False], [one for one in told if one.allowed is None]


def _status(missing: Sequence[AccessAnswer], unknown: Sequence[AccessAnswer]) -> Status:
    return Status.FAIL if missing else Status.UNKNOWN if unknown else Status.PASS


def _observed(missing: Sequence[AccessAnswer], unknown: Sequence[AccessAnswer], asked: int) -> str:
    if missing:
        return f"must not {_named(missing)}"
    if unknown:
        return f"not found out: {_named(unknown)}"
    return f"all of {asked} permissions"


def _none_of(unknown: Sequence[AccessAnswer], asked: int) -> str:
    return f"not found out: {_named(unknown)}" if unknown else f"none of {asked} is allowed"


def _named(answers: Sequence[AccessAnswer]) -> str:
    """`get, patch deployments.apps app in namespace demo; list pods in namespace demo`."""
    words = [f"{', '.join(verbs)} {_words(one)}" for one, verbs in _grouped(answers)]
    more = f" and {len(words) - _MOST_NAMED} more" if len(words) > _MOST_NAMED else ""
    return "; ".join(words[:_MOST_NAMED]) + more


def _grouped(answers: Sequence[AccessAnswer]) -> list[tuple[AccessQuestion, list[str]]]:
    """The questions that differ in nothing but the verb, and their verbs."""
    grouped: dict[AccessQuestion, list[str]] = {}
    for one in answers:
        grouped.setdefault(replace(one.question, verb="", needed_for=""), []).append(one.question.verb)
    return list(grouped.items())


def _words(question: AccessQuestion) -> str:
    where = f" in namespace {question.namespace}" if question.namespace else " in the cluster"
    named = f" {question.name}" if question.name else ""
    return f"{question.full_resource}{named}{where}"


def _why(unknown: Sequence[AccessAnswer]) -> str:
    return unknown[0].granted_by if unknown else ""


def _remedy(role: str, missing: Sequence[AccessAnswer], order: RunOrder) -> str:
    rules = "; ".join(_rule(one, verbs) for one, verbs in _grouped(missing)[:_MOST_NAMED])
    drill = order.drill.drill
    return f"`flowdrill rbac --for {role}` prints a Role for drill {drill}; what it lacks: {rules}"


def _rule(question: AccessQuestion, verbs: Sequence[str]) -> str:
    resource = f"{question.resource}/{question.subresource}" if question.subresource else question.resource
    names = f", resourceNames: [{question.name}]" if question.name else ""
    return f"{{apiGroups: [{question.group!r}], resources: [{resource}]{names}, verbs: [{', '.join(verbs)}]}}"


def _rows(who: str, answers: Iterable[AccessAnswer], *, wanted: bool) -> list[AccessRow]:
    return [_row(who, one, wanted=wanted) for one in answers]


def _row(who: str, answer: AccessAnswer, *, wanted: bool, optional: bool = False) -> AccessRow:
    question = answer.question
    return AccessRow(
        who=who,
        verb=question.verb,
        resource=question.full_resource,
        where=f"namespace/{question.namespace}" if question.namespace else "the cluster",
        name=question.name,
        wanted=wanted,
        optional=optional,
        allowed=answer.allowed,
        granted_by=answer.granted_by,
        needed_for=question.needed_for,
    )


def _same(question: AccessQuestion, other: AccessQuestion) -> bool:
    return (question.verb, question.full_resource) == (other.verb, other.full_resource)
