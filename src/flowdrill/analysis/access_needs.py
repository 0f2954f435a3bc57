"""What a drill and a rollback need to be allowed on the cluster, and what whoever rolls back should not be.

The one list that preflight asks about and `flowdrill rbac` prints: an identity with the printed rules passes the
checks, and no rule of them can be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flowdrill.analysis.load_needs import load_questions
from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import Drill, Target
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.obstacle_plan import KEEPS_PODS_FROM_PULLING, ObstacleKind
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.scenario import Scenario, WorkloadChanges
from flowdrill.model.workload import WorkloadKind

_APPS, _RBAC = "apps", "rbac.authorization.k8s.io"
_CHANGE = "create update patch"
_SERVED = "to see which pods serve users"


@dataclass(frozen=True, slots=True)
class Need:
    """One thing that must be allowed. Without an `optional` one less can be looked at, and the drill still runs."""

    question: AccessQuestion
    optional: bool = False


def ledger_name(drill: Drill) -> str | None:
    """Return the ConfigMap that holds the ledger; None where it is a file."""
    plan = drill.policy.ledger
    if plan.file is not None:
        return None
    return plan.config_map or default_ledger_name(drill.target)


def default_ledger_name(target: Target) -> str:
    """Return the ConfigMap that holds a workload's ledger where no drill says otherwise."""
    return f"flowdrill-ledger-{target.kind}-{target.name}"


def on_call_needs(target: Target, way: Strategy = Strategy.SET_IMAGE) -> tuple[Need, ...]:
    """Return what whoever rolls back needs: to see the workload, its revisions and its pods, and by `way` to patch it.
    `kubectl set image`, `rollout undo`, `rollout status` and `rollout history` need no more; what a command of the
    team's needs to change anything, and as whom it does that, is the team's business."""
    workload, revisions = _workload(target), _revisions(target.kind)
    by_way = {
        Strategy.SET_IMAGE: [_each(("patch",), workload, "to set the stable image")],
        Strategy.UNDO: [
            _each(("patch",), workload, "to bring the stable template back"),
            _each(("get",), revisions, "to read the revision that holds the stable template"),
        ],
        Strategy.COMMAND: [],
    }
    return _in(
        target.namespace,
        _each(("get", "list", "watch"), workload, "to see what runs, and to follow the rollout"),
        *by_way[way],
        _each(("list",), revisions, "to see which versions there are to go back to"),
        _each(("list",), AccessQuestion("", "", "pods"), "to see that the stable image runs again"),
    )


def harness_needs(drill: Drill, scenario: Scenario, *, starts_provider: bool = False) -> tuple[Need, ...]:
    """Return what flowdrill itself needs for a drill, from preflight to the last thing it removes. `starts_provider`:
    whether it is known that the model provider is not there, and must be started and taken away."""
    target = drill.target
    parts = [
        *_watching(target),
        *_locking(target),
        *_cleaning(target),
        *_scenario_needs(drill, scenario),
        *_provider_needs(drill, scenario),
        *_obstacle_needs(drill),
    ]
    if drill.rollback.as_user is None and drill.rollback.kubeconfig is None:  # the harness is who rolls back, too
        parts.append([need.question for need in on_call_needs(target, drill.rollback.way)])
    review = AccessQuestion("", "authorization.k8s.io", "localsubjectaccessreviews")
    if drill.rollback.not_by:
        parts.append(_each(("create",), review, "to ask what rollback.not_by may do"))
    if drill.guard.in_cluster is not None:
        job = AccessQuestion("", "batch", "jobs")
        parts.append(_each(("create",), review, "to ask what the guard in the cluster may do"))
        parts.append(_each(("create",), job, "to start the guard in the cluster"))
        named = replace(job, name=guard_job_name(target))
        parts.append(_each(("get", "delete"), named, "to take the guard in the cluster away again"))
    if drill.load.in_cluster is not None:
        parts += [_each(verbs, question, why) for verbs, question, why in load_questions(target)]
    return (
        *_in(target.namespace, *parts),
        *_impersonation(drill),
        *_ledger_needs(drill),
        *_giving_back(drill),
        *_provider_start(drill, optional=not starts_provider),
        *_being_allowed(target.namespace),
        *_looking_around(target.namespace),
        Need(AccessQuestion("list", "", "nodes", needed_for="to see the nodes' platforms and caches"), optional=True),
        *_limit_needs(drill),
    )


def excess(namespace: str) -> tuple[AccessQuestion, ...]:
    """Return what nobody needs for a rollback, and what makes an on-call identity a way into the cluster."""
    why = "no rollback needs it"

    def ask(verbs: str, group: str, resource: str, where: str, name: str = "") -> list[AccessQuestion]:
        return [AccessQuestion(verb, group, resource, "", where, name, why) for verb in verbs.split()]

    return (
        *ask("delete", "", "namespaces", namespace, namespace),
        *ask("get list watch", "", "secrets", namespace),
        *ask("get list watch", "", "secrets", ""),
        *(one for resource in ("roles", "rolebindings") for one in ask(_CHANGE, _RBAC, resource, namespace)),
        *(one for resource in ("clusterroles", "clusterrolebindings") for one in ask(_CHANGE, _RBAC, resource, "")),
    )


def patch_question(target: Target) -> AccessQuestion:
    """Return whether somebody may set the workload's image as a rollback does."""
    return replace(_workload(target), verb="patch", namespace=target.namespace, needed_for="to change the workload")


def change_questions(target: Target) -> tuple[AccessQuestion, ...]:
    """Return whether somebody may change the workload at all, in whatever way."""
    return tuple(replace(patch_question(target), verb=verb) for verb in ("patch", "update"))


def _workload(target: Target) -> AccessQuestion:
    return AccessQuestion("", _APPS, f"{target.kind}s", name=target.name)


def _revisions(kind: WorkloadKind) -> AccessQuestion:
    return AccessQuestion("", _APPS, "replicasets" if kind is WorkloadKind.DEPLOYMENT else "controllerrevisions")


def _watching(target: Target) -> Iterator[list[AccessQuestion]]:
    look = ("list", "watch")
    yield _each(("get", *look), _workload(target), "to see the workload, and every change of it")
    yield _each(("patch",), _workload(target), "to deploy the broken image, and to restore the stable one")
    yield _each(look, AccessQuestion("", "", "pods"), "to see the workload's pods")
    yield _each(look, AccessQuestion("", "", "events"), "to see when images were pulled")
    yield _each(look, AccessQuestion("", "discovery.k8s.io", "endpointslices"), _SERVED)
    revisions = _revisions(target.kind)
    yield _each(look if target.kind is WorkloadKind.DEPLOYMENT else ("list",), revisions, "to see its revisions")
    yield _each(("get",), AccessQuestion("", "", "pods", "log"), "to keep the logs of broken pods as evidence")


def _locking(target: Target) -> Iterator[list[AccessQuestion]]:
    lease = AccessQuestion("", "coordination.k8s.io", "leases")
    yield _each(("create",), lease, "to lock the workload, and to write down the undo")
    named = replace(lease, name=f"flowdrill-{target.kind}-{target.name}")
    yield _each(("get", "patch", "delete"), named, "to see who holds the lock, to keep it, and to give it back")


def _cleaning(target: Target) -> Iterator[list[AccessQuestion]]:
    yield _each(("delete",), _revisions(target.kind), "to delete the broken revision")
    yield _each(("patch",), _revisions(target.kind), "to give the stable revision back its change-cause and its place")
    if target.kind is WorkloadKind.STATEFULSET:
        yield _each(("delete",), AccessQuestion("", "", "pods"), "to free pods that would never become ready")


def _scenario_needs(drill: Drill, scenario: Scenario) -> Iterator[list[AccessQuestion]]:
    changes = scenario.changes.workload
    if changes != WorkloadChanges() and changes.config_map is not None:
        config_map = AccessQuestion("", "", "configmaps")
        yield _each(
            ("get", "patch"), config_map, "to change the ConfigMap that the scenario breaks, and to put it back"
        )
        if drill.target.kind is WorkloadKind.DEPLOYMENT:
            yield _each(("delete",), AccessQuestion("", "", "pods"), "to start pods anew on the ConfigMap put back")
    if scenario.recovery is not None and drill.target.kind is WorkloadKind.DEPLOYMENT:
        yield _each(("delete",), AccessQuestion("", "", "pods"), "to put the data back once more where that is needed")


def _obstacle_needs(drill: Drill) -> Iterator[list[AccessQuestion]]:
    """What putting an obstacle, and taking it away again, needs beside what every drill does."""
    kinds = {one.kind for one in drill.obstacles}
    if kinds & KEEPS_PODS_FROM_PULLING:
        yield _each(("delete",), AccessQuestion("", "", "pods"), "to replace pods that wait to pull the image again")
    if ObstacleKind.DISRUPTION_BUDGET in kinds:
        budgets = AccessQuestion("", "policy", "poddisruptionbudgets")
        yield _each(("create", "list", "delete"), budgets, "to put a PodDisruptionBudget in the way, and to remove it")
    if ObstacleKind.PERMISSION_REMOVED in kinds:
        bindings = AccessQuestion("", _RBAC, "rolebindings")
        yield _each(
            ("list", "create", "delete"), bindings, "to take the responder's permission away, and to give it back"
        )
        yield _each(("get",), AccessQuestion("", _RBAC, "roles"), "to see which RoleBindings let the responder patch")


def _giving_back(drill: Drill) -> Iterator[Need]:
    """A RoleBinding may be made by who has all that it grants, or may `bind` its role: preflight tries it."""
    if ObstacleKind.PERMISSION_REMOVED not in {one.kind for one in drill.obstacles}:
        return
    namespace, seen = drill.target.namespace, "to see which RoleBindings let the responder patch"
    yield Need(AccessQuestion("get", _RBAC, "clusterroles", needed_for=seen), optional=True)
    bind = "to give back a RoleBinding of a role that grants more than the harness has"
    for resource in ("roles", "clusterroles"):
        yield Need(AccessQuestion("bind", _RBAC, resource, "", namespace, "", bind), optional=True)


def _ledger_needs(drill: Drill) -> Iterator[Need]:
    name, namespace = ledger_name(drill), drill.target.namespace
    if name is None:
        return
    begun = "to begin the ledger of verified versions"
    yield Need(AccessQuestion("create", "", "configmaps", "", namespace, "", begun), optional=True)
    for verb, why in (("get", "to read the ledger"), ("patch", "to add to the ledger")):
        yield Need(AccessQuestion(verb, "", "configmaps", "", namespace, name, why), optional=True)


def _provider_needs(drill: Drill, scenario: Scenario) -> Iterator[list[AccessQuestion]]:
    plan = drill.provider
    if plan is None:
        return
    target = plan.target(drill.target.namespace)
    named = _workload(target)
    yield _each(("get",), named, "to see whether the model provider is there")
    if scenario.changes.provider is not None:
        yield _each(("patch",), named, "to change the model provider's mode")


def _provider_start(drill: Drill, *, optional: bool) -> Iterator[Need]:
    """Where it is there already nothing of this is needed; whether it may be started is tried in preflight."""
    plan = drill.provider
    if plan is None or plan.target(drill.target.namespace).kind is not WorkloadKind.DEPLOYMENT:
        return
    named = replace(_workload(plan.target(drill.target.namespace)), namespace=drill.target.namespace)
    service = AccessQuestion("", "", "services", "", drill.target.namespace, plan.service or named.name)
    for one, verb, why in (
        (replace(named, name=""), "create", "to start the model provider where it is not there"),
        (named, "delete", "to take the model provider away again"),
        (service, "get", "to see by which Service the provider is reached"),
    ):
        yield Need(replace(one, verb=verb, needed_for=why), optional)


def _impersonation(drill: Drill) -> Iterator[Need]:
    subject, why = drill.rollback.subject, "to roll back as whoever is on call"
    if subject is None:
        return
    account = subject.service_account
    if account is None:
        yield Need(AccessQuestion("impersonate", "", "users", name=subject.user, needed_for=why))
    else:
        namespace, name = account
        yield Need(AccessQuestion("impersonate", "", "serviceaccounts", "", namespace, name, why))
        seen = "to see that the service account is there"
        yield Need(AccessQuestion("get", "", "serviceaccounts", "", namespace, name, seen), optional=True)
    for group in subject.groups:
        yield Need(AccessQuestion("impersonate", "", "groups", name=group, needed_for=why))


def _looking_around(namespace: str) -> Iterator[Need]:
    lists = (
        ("autoscaling", "horizontalpodautoscalers", "to see what scales the workload meanwhile"),
        ("policy", "poddisruptionbudgets", "to see what holds evictions up"),
        ("", "resourcequotas", "to see whether there is room for a rollout"),
        ("", "limitranges", "to see whether there is room for a rollout"),
    )
    for group, resource, why in lists:
        yield Need(AccessQuestion("list", group, resource, "", namespace, "", why), optional=True)
    pulls = "to pull as the workload's service account would"
    for resource in ("secrets", "serviceaccounts"):
        yield Need(AccessQuestion("get", "", resource, "", namespace, "", pulls), optional=True)
    tried = "to try a pod of the stable image (a dry run) against quotas and admission"
    yield Need(AccessQuestion("create", "", "pods", "", namespace, "", tried), optional=True)


def _limit_needs(drill: Drill) -> Iterator[Need]:
    """What the limits that stop a drill look at."""
    namespace, limits = drill.target.namespace, drill.limits
    if limits.other_workloads is not False:
        suffers = "to see whether another workload suffers"
        for resource in ("deployments", "statefulsets", "daemonsets"):
            for verb in ("list", "watch"):
                yield Need(AccessQuestion(verb, _APPS, resource, "", namespace, "", suffers), optional=True)
    if limits.nodes is not False:
        yield Need(AccessQuestion("watch", "", "nodes", needed_for="to see whether a node goes"), optional=True)


def _being_allowed(namespace: str) -> Iterator[Need]:
    """Not needed where the workload itself bears the label."""
    why = "to see whether the namespace bears the label that allows a drill"
    yield Need(AccessQuestion("get", "", "namespaces", "", namespace, namespace, why), optional=True)


def _each(verbs: Iterable[str], question: AccessQuestion, needed_for: str) -> list[AccessQuestion]:
    return [replace(question, verb=verb, needed_for=needed_for) for verb in verbs]


def _in(namespace: str, *parts: list[AccessQuestion]) -> tuple[Need, ...]:
    """Every question once, in the namespace."""
    seen: dict[AccessQuestion, Need] = {}
    for question in (replace(one, namespace=namespace) for part in parts for one in part):
        seen.setdefault(replace(question, needed_for=""), Need(question))
    return tuple(seen.values())
