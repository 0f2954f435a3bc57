"""What a drill and a rollback need to be allowed on the cluster, and what whoever rolls back should not be.

The one list that preflight asks about and `flowdrill rbac` prints: an identity with the printed rules passes the
checks, and no rule of them can be left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import Drill, Target
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


def on_call_needs(target: Target) -> tuple[Need, ...]:
    """Return what whoever sets the stable image needs: to see the workload, its revisions and its pods, and to patch
    it. `kubectl set image`, `rollout status` and `rollout history` need no more."""
    workload = _workload(target)
    return _in(
        target.namespace,
        _each(("get", "list", "watch"), workload, "to see what runs, and to follow the rollout"),
        _each(("patch",), workload, "to set the stable image"),
        _each(("list",), _revisions(target.kind), "to see which versions there are to go back to"),
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
    ]
    if drill.rollback.not_by:
        review = AccessQuestion("", "authorization.k8s.io", "localsubjectaccessreviews")
        parts.append(_each(("create",), review, "to ask what rollback.not_by may do"))
    return (
        *_in(target.namespace, *parts),
        *_impersonation(drill),
        *_ledger_needs(drill),
        *_provider_start(drill, optional=not starts_provider),
        *_looking_around(target.namespace),
        Need(AccessQuestion("list", "", "nodes", needed_for="to see the nodes' platforms and caches"), optional=True),
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
    yield _each(("get", "delete"), named, "to see who holds the lock, and to give it back")


def _cleaning(target: Target) -> Iterator[list[AccessQuestion]]:
    yield _each(("delete",), _revisions(target.kind), "to delete the broken revision")
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


def _each(verbs: Iterable[str], question: AccessQuestion, needed_for: str) -> list[AccessQuestion]:
    return [replace(question, verb=verb, needed_for=needed_for) for verb in verbs]


def _in(namespace: str, *parts: list[AccessQuestion]) -> tuple[Need, ...]:
    """Every question once, in the namespace."""
    seen: dict[AccessQuestion, Need] = {}
    for question in (replace(one, namespace=namespace) for part in parts for one in part):
        seen.setdefault(replace(question, needed_for=""), Need(question))
    return tuple(seen.values())
