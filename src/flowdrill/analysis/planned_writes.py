"""Every kind of request by which a drill changes something, step by step. A test holds this list against the
permissions (`access_needs.py`), another one against the audit log of a real drill."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from flowdrill.analysis.access_needs import ledger_name
from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import REDACTED, follows_secret_option, redact
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import PlannedWrite, System
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.load_job import master_job_name, worker_job_name
from flowdrill.model.obstacle_plan import AFTER_THE_ROLLOUT, KEEPS_PODS_FROM_PULLING, ObstacleKind
from flowdrill.model.rollback_plan import Decider, Strategy
from flowdrill.model.scenario import Scenario
from flowdrill.model.workload import WorkloadKind

HARNESS = "flowdrill"
_LEASES = "leases.coordination.k8s.io"
_BINDINGS, _BUDGETS = "rolebindings.rbac.authorization.k8s.io", "poddisruptionbudgets.policy"
_POLICIES = "networkpolicies.networking.k8s.io"
_NOT_THERE = "the model provider is not there"


@dataclass(frozen=True, slots=True)
class Scope:
    """What the writes of a drill depend on."""

    drill: Drill
    scenario: Scenario
    embedded: bool  # whether it is the embedded cluster, where the drill deploys the target that it brings along
    deployed: tuple[tuple[str, str], ...] = ()  # (resource, name) of what is deployed there

    @property
    def responder(self) -> str:
        """Who rolls back, where a policy decides."""
        rollback = self.drill.rollback
        if rollback.as_user is not None:
            return f"{rollback.as_user}{''.join(f', group {one}' for one in rollback.groups)} (impersonated)"
        return HARNESS if rollback.kubeconfig is None else f"whoever the kubeconfig {rollback.kubeconfig} is for"

    @property
    def workload(self) -> str:
        """The target's resource: `deployments.apps`."""
        return f"{self.drill.target.kind}s.apps"

    @property
    def lease(self) -> str:
        """The name of the Lease that locks it."""
        return f"flowdrill-{self.drill.target.kind}-{self.drill.target.name}"

    @property
    def revisions(self) -> str:
        """What keeps its revisions."""
        deployment = self.drill.target.kind is WorkloadKind.DEPLOYMENT
        return "replicasets.apps" if deployment else "controllerrevisions.apps"

    @property
    def obstacles(self) -> frozenset[ObstacleKind]:
        """What is put in the way."""
        return frozenset(ObstacleKind(one.kind) for one in self.drill.obstacles)

    @property
    def load_in_cluster(self) -> bool:
        """Whether pods send the load."""
        return self.drill.load.in_cluster is not None and not self.embedded

    @property
    def breaks_config_map(self) -> bool:
        """Whether the release changes a ConfigMap."""
        return self.scenario.changes.workload.config_map is not None


def _asked(verb: str, what: str, name: str, does: str, *, by: str = HARNESS, only_if: str = "") -> PlannedWrite:
    return PlannedWrite(system=System.KUBERNETES, verb=verb, what=what, name=name, by=by, does=does, only_if=only_if)


def _tried(verb: str, what: str, name: str, does: str, *, by: str = HARNESS, only_if: str = "") -> PlannedWrite:
    return _asked(verb, what, name, does, by=by, only_if=only_if).model_copy(update={"dry_run": True})


def _done(system: System, verb: str, what: str, does: str, *, by: str = HARNESS, only_if: str = "") -> PlannedWrite:
    return PlannedWrite(system=system, verb=verb, what=what, name="", by=by, does=does, only_if=only_if)


_image = partial(_done, System.REGISTRY)


def deploying(scope: Scope) -> Iterator[PlannedWrite]:
    """The target that the drill brings along."""
    if scope.drill.embedded is not None and scope.drill.embedded.flow is not None:
        yield _image("push", "the target's image", "the flow, laid on this machine's LangFlow runtime")
    for resource, name in scope.deployed:
        yield _asked("patch", resource, name, "apply it (server-side)")


def trying(scope: Scope) -> Iterator[PlannedWrite]:
    """Dry runs of preflight."""
    name = scope.drill.target.name
    if scope.drill.rollback.way is not Strategy.COMMAND:
        yield _tried("patch", scope.workload, name, "try the rollback", by=scope.responder)
    yield _tried("patch", scope.workload, name, "try the break, and the restore")
    yield _tried("create", "pods", "", "try a pod of the stable image against quotas and admission")
    if scope.breaks_config_map:
        yield _tried("patch", "configmaps", "", "try the change of the ConfigMap, and putting it back")
    yield from _provider_tried(scope)
    if scope.drill.guard.in_cluster is not None:
        yield _tried("create", "jobs.batch", guard_job_name(scope.drill.target), "try the guard in the cluster")
    if scope.load_in_cluster:
        target = scope.drill.target
        for name in (master_job_name(target), worker_job_name(target)):
            yield _tried("create", "jobs.batch", name, "try the load in the cluster")
        yield _tried("create", _POLICIES, master_job_name(target), "try to keep others away from the load's master")
        yield _tried("create", "pods", "", "try a pod of the load against quotas and admission")
    if ObstacleKind.DISRUPTION_BUDGET in scope.obstacles:
        yield _tried("create", _BUDGETS, "", "try the PodDisruptionBudget")
    if ObstacleKind.PERMISSION_REMOVED in scope.obstacles:
        yield _tried("create", _BINDINGS, "", "try to give the responder's RoleBinding back")
    if ObstacleKind.ROLLOUT_PAUSED in scope.obstacles:
        yield _tried("patch", scope.workload, name, "try to pause the rollout")


def _provider_tried(scope: Scope) -> Iterator[PlannedWrite]:
    plan = scope.drill.provider
    if plan is None:
        return
    target = plan.target(scope.drill.target.namespace)
    if target.kind is WorkloadKind.DEPLOYMENT:
        yield _tried("create", "deployments.apps", target.name, "try the model provider", only_if=_NOT_THERE)
    if scope.scenario.changes.provider is not None:
        yield _tried("patch", f"{target.kind}s.apps", target.name, "try the change of the model provider's mode")


def locking(scope: Scope) -> Iterator[PlannedWrite]:
    """The undo, written down twice, and the guard that would use it."""
    yield _asked("create", _LEASES, scope.lease, "lock the workload, and write the undo down beside it")
    yield _asked("patch", _LEASES, scope.lease, "say every few seconds, to the end, that the run is still at it")
    yield _done(System.HOST, "write", "undo.json", "write the undo down in the run's folder, to outlive a power cut")
    yield _done(System.HOST, "start", "the guard", "a process that restores when this one cannot")
    job = scope.drill.guard.in_cluster
    if job is not None:
        does = f"a second guard, on {printable(job.image)}, as service account {job.service_account}"
        yield _asked("create", "jobs.batch", guard_job_name(scope.drill.target), does)


def starting_provider(scope: Scope) -> Iterator[PlannedWrite]:
    """The model provider, where it is not there."""
    plan = scope.drill.provider
    if plan is None or plan.target(scope.drill.target.namespace).kind is not WorkloadKind.DEPLOYMENT:
        return
    name = plan.target(scope.drill.target.namespace).name
    yield _image("push", "the model provider's image", "one layer over the stable image", only_if=_NOT_THERE)
    yield _asked("create", "deployments.apps", name, "start the model provider", only_if=_NOT_THERE)


def loading(scope: Scope) -> Iterator[PlannedWrite]:
    """What users do."""
    plan, target = scope.drill.load.in_cluster, scope.drill.target
    if plan is not None and scope.load_in_cluster:
        does = f"Locust's master, on {printable(plan.image)}"
        yield _asked("create", "jobs.batch", master_job_name(target), does)
        yield _asked("create", _POLICIES, master_job_name(target), "keep all but its workers away from the master")
        yield _asked("create", "pods/portforward", "", "connect to the master's pod, and anew when that breaks")
        yield _asked("create", "jobs.batch", worker_job_name(target), f"{scope.drill.load.workers} Locust workers")
    rate, url = scope.drill.load.requests_per_second, scope.drill.load.url
    yield _done(System.SERVICE, "send", f"{rate:g} requests/s to {url}", "ask as users do, from now to the clean-up")


def pushing(scope: Scope) -> Iterator[PlannedWrite]:
    """The images that the drill makes."""
    if scope.scenario.recovery is not None:
        yield _image("push", "the recovery's image", "one layer over the stable image, which puts the data back")
    tag = f"drill-{scope.scenario.scenario}…"
    yield _image("push", "the broken image", f"one layer over the stable image, tagged {tag}")


def putting_before(scope: Scope) -> Iterator[PlannedWrite]:
    """Obstacles that let the broken release be rolled out."""
    kinds = scope.obstacles - AFTER_THE_ROLLOUT
    if ObstacleKind.STABLE_IMAGE_DELETED in kinds:
        yield _image("delete", "the stable image", "its manifest, and every tag of it")
    if ObstacleKind.PERMISSION_REMOVED in kinds:
        yield _asked("delete", _BINDINGS, "", f"take the permission of {scope.responder} away")
    if ObstacleKind.DISRUPTION_BUDGET in kinds:
        yield _asked("create", _BUDGETS, "", "allow no eviction of the workload's pods")
    if ObstacleKind.CONTROLLER_REVERTS in kinds:
        name = scope.drill.target.name
        yield _asked("patch", scope.workload, name, "set the broken image again whenever it is rolled back")


def breaking(scope: Scope) -> Iterator[PlannedWrite]:
    """The broken release: what lies beside the workload first."""
    name = scope.drill.target.name
    yield _asked("patch", scope.workload, name, "let the history keep three revisions more, so that none is lost")
    yield from _beside(scope, "break the flow in the ConfigMap", "change the model provider's mode")
    yield _asked("patch", scope.workload, name, "roll the broken image out")


def putting_after(scope: Scope) -> Iterator[PlannedWrite]:
    """Obstacles that need the broken release on every replica."""
    if ObstacleKind.REVISION_PRUNED in scope.obstacles:
        yield _asked("delete", scope.revisions, "", "delete the revision that holds the stable template")
    if ObstacleKind.ROLLOUT_PAUSED in scope.obstacles:
        yield _asked("patch", scope.workload, scope.drill.target.name, "pause the rollout")
    if ObstacleKind.REGISTRY_DOWN in scope.obstacles:
        yield _done(System.HOST, "run", "the command that takes the registry down", "keep nodes from pulling")


def rolling_back(scope: Scope) -> Iterator[PlannedWrite]:
    """The way back, as the drill measures it."""
    rollback, name = scope.drill.rollback, scope.drill.target.name
    late = "nobody has rolled back by then" if rollback.by is Decider.HUMAN else ""
    if rollback.way is Strategy.COMMAND:
        does = "the team's own rollback, in the drill file's folder"
        yield _done(System.HOST, "run", shown_command(rollback.command), does, only_if=late)
        return
    does = "set the stable image, by digest" if rollback.way is Strategy.SET_IMAGE else "undo the rollout"
    yield _asked("patch", scope.workload, name, does, by=scope.responder, only_if=late)


def restoring(scope: Scope) -> Iterator[PlannedWrite]:
    """Everything back, whatever ended the drill."""
    yield from _obstacles_taken(scope)
    yield from _beside(scope, "put the ConfigMap back", "put the model provider's mode back")
    name = scope.drill.target.name
    if scope.scenario.recovery is not None:
        yield _asked("patch", scope.workload, name, "roll out the image that puts the data back, and wait for it")
    yield _asked("patch", scope.workload, name, "set the image as it was written, with what came with it")
    for why in _pods_deleted(scope):
        yield _asked("delete", "pods", "", "replace pods", only_if=why)


def _obstacles_taken(scope: Scope) -> Iterator[PlannedWrite]:
    if ObstacleKind.REGISTRY_DOWN in scope.obstacles:
        yield _done(System.HOST, "run", "the command that brings the registry up", "let nodes pull again")
    if ObstacleKind.STABLE_IMAGE_DELETED in scope.obstacles:
        yield _image("push", "the stable image", "its manifest, and every tag it had")
    if ObstacleKind.PERMISSION_REMOVED in scope.obstacles:
        yield _asked("create", _BINDINGS, "", f"give {scope.responder} the permission back")
    if ObstacleKind.DISRUPTION_BUDGET in scope.obstacles:
        yield _asked("delete", _BUDGETS, "", "remove the PodDisruptionBudget")
    if ObstacleKind.ROLLOUT_PAUSED in scope.obstacles:
        yield _asked("patch", scope.workload, scope.drill.target.name, "resume the rollout")


def _pods_deleted(scope: Scope) -> Iterator[str]:
    if scope.drill.target.kind is WorkloadKind.STATEFULSET:
        yield "the StatefulSet would wait for ever for pods of the broken image"
    if scope.breaks_config_map:
        yield "they started with the broken ConfigMap"
    if scope.obstacles & KEEPS_PODS_FROM_PULLING:
        yield "they wait to pull the stable image, which is there again"
    if scope.scenario.recovery is not None:
        yield "they have put the data back, and it was changed once more"


def clearing(scope: Scope) -> Iterator[PlannedWrite]:
    """What the drill has made."""
    for write in starting_provider(scope):
        if write.system is System.KUBERNETES:
            yield _asked("delete", write.what, write.name, "remove the model provider", only_if="the drill started it")
        else:
            yield _image("delete", write.what, "with its own layer", only_if="the drill started the model provider")
    does = "delete the drill's own revisions, so that an undo goes where it went before"
    yield _asked("delete", scope.revisions, "", does)
    does = "take off the kept ones what the drill has written there, and give an older one its number back"
    yield _asked("patch", scope.revisions, "", does, only_if="something of that is left")
    yield _asked("patch", scope.workload, scope.drill.target.name, "put the length of its history back")
    for write in pushing(scope):
        yield _image("delete", write.what, "its tag, its manifest and its own layer")
    if scope.load_in_cluster:
        for name in (worker_job_name(scope.drill.target), master_job_name(scope.drill.target)):
            yield _asked("delete", "jobs.batch", name, "remove what sends the load")
        yield _asked("delete", _POLICIES, master_job_name(scope.drill.target), "remove its NetworkPolicy")
    if scope.drill.guard.in_cluster is not None:
        yield _asked("delete", "jobs.batch", guard_job_name(scope.drill.target), "remove the guard in the cluster")
    yield _asked("delete", _LEASES, scope.lease, "give the workload back")


def noting(scope: Scope) -> Iterator[PlannedWrite]:
    """The ledger of verified images."""
    name, passed = ledger_name(scope.drill), "the run has verified the stable image"
    if name is None:
        file = str(scope.drill.policy.ledger.file)
        yield _done(System.HOST, "append to", file, "note the verified image", only_if=passed)
        return
    yield _asked("create", "configmaps", name, "begin the ledger", only_if=f"{passed}, and there is no ledger yet")
    yield _asked("patch", "configmaps", name, "note the verified image", only_if=passed)


def shown_command(words: tuple[str, ...]) -> str:
    """Return a command as it may be shown: without the values of options that carry secrets."""
    shown = [REDACTED if follows_secret_option(words, at) else one for at, one in enumerate(words)]
    return printable(redact(" ".join(shown)))


def _beside(scope: Scope, config_map: str, provider: str) -> Iterator[PlannedWrite]:
    """What a release changes in other objects, where it does."""
    if scope.breaks_config_map:
        changed = scope.scenario.changes.workload.config_map
        yield _asked("patch", "configmaps", (changed and changed.name) or "", config_map)
    plan = scope.drill.provider
    if plan is not None and scope.scenario.changes.provider is not None:
        target = plan.target(scope.drill.target.namespace)
        yield _asked("patch", f"{target.kind}s.apps", target.name, provider)
