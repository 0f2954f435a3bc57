"""What the guard in the cluster needs to be allowed: to put everything back, and nothing that breaks anything.

Like `access_needs`: preflight asks about this list, and `flowdrill rbac --for guard` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from flowdrill.analysis.access_needs import Need
from flowdrill.analysis.load_needs import removal_questions
from flowdrill.model.access import AccessQuestion
from flowdrill.model.drill import Drill
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.obstacle_plan import ObstacleKind
from flowdrill.model.scenario import Scenario, WorkloadChanges
from flowdrill.model.workload import WorkloadKind

_Row = tuple[str, str, str, str]  # verbs, group/resource, the object's name or "", what for
_APPS = "apps"
_STABLE = "to see whether the stable image serves again"


def guard_needs(drill: Drill, scenario: Scenario) -> tuple[Need, ...]:
    """Return what it needs, each thing once. Obstacles that only the drill's plan can take away (a permission, a
    command of the team's) are no business of a guard that has no more than the Lease."""
    found: dict[tuple[str, ...], Need] = {}
    own = (*_workload(drill), *_lease(drill), *_obstacles(drill), *_load(drill))
    rows = (*own, *_beside(drill, scenario), *_provider(drill, scenario))
    for verbs, resource, name, why in rows:
        group, _, plural = resource.rpartition("/")
        for verb in verbs.split():
            question = AccessQuestion(verb, group, plural, "", drill.target.namespace, name, why)
            found.setdefault((verb, resource, name), Need(question))
    return tuple(found.values())


def _workload(drill: Drill) -> Iterator[_Row]:
    target = drill.target
    revisions = "replicasets" if target.kind is WorkloadKind.DEPLOYMENT else "controllerrevisions"
    yield "get list", f"{_APPS}/{target.kind}s", target.name, "to see what runs"
    yield "patch", f"{_APPS}/{target.kind}s", target.name, "to bring the stable image back"
    yield "list", "pods", "", _STABLE
    yield "list", "events", "", _STABLE
    yield "create", "events", "", "to leave word of what it did, since its log goes with it"
    yield "list", "discovery.k8s.io/endpointslices", "", _STABLE
    yield "list delete", f"{_APPS}/{revisions}", "", "to delete the broken revision"
    if target.kind is WorkloadKind.STATEFULSET:
        yield "delete", "pods", "", "to free pods that would never become ready"


def _lease(drill: Drill) -> Iterator[_Row]:
    target, leases = drill.target, "coordination.k8s.io/leases"
    held = "to see whether the harness is alive, to act in its place, and to give the workload back"
    yield "get patch delete", leases, f"flowdrill-{target.kind}-{target.name}", held
    yield "create", leases, "", "to keep the workload where somebody deletes the Lease meanwhile"
    yield "get delete", "batch/jobs", guard_job_name(target), "to take itself away at the end"


def _load(drill: Drill) -> Iterator[_Row]:
    if drill.load.in_cluster is None:
        return
    for verbs, question, why in removal_questions(drill.target):
        yield " ".join(verbs), f"{question.group}/{question.resource}", question.name, why


def _beside(drill: Drill, scenario: Scenario) -> Iterator[_Row]:
    changes = scenario.changes.workload
    if changes != WorkloadChanges() and changes.config_map is not None:
        yield "patch", "configmaps", "", "to put the ConfigMap back that the scenario breaks"
        if drill.target.kind is WorkloadKind.DEPLOYMENT:
            yield "delete", "pods", "", "to start pods anew on the ConfigMap put back"
    if scenario.recovery is not None and drill.target.kind is WorkloadKind.DEPLOYMENT:
        yield "delete", "pods", "", "to put the data back once more where that is needed"


def _provider(drill: Drill, scenario: Scenario) -> Iterator[_Row]:
    plan = drill.provider
    if plan is None:
        return
    named = plan.target(drill.target.namespace)
    resource = f"{_APPS}/{named.kind}s"
    yield "get", resource, named.name, "to see how the model provider is"
    if scenario.changes.provider is not None:
        yield "patch", resource, named.name, "to put the model provider's mode back"
    if named.kind is WorkloadKind.DEPLOYMENT:
        yield "delete", resource, named.name, "to take the model provider away that the drill has started"


def _obstacles(drill: Drill) -> Iterator[_Row]:
    if ObstacleKind.DISRUPTION_BUDGET in {one.kind for one in drill.obstacles}:
        yield "list delete", "policy/poddisruptionbudgets", "", "to take the drill's PodDisruptionBudget away"
