"""Finds the workload and the container that a drill names, and says what there is instead when it is not there."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api, Json, Query, labels_query
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.errors import ClusterError, ForbiddenError, PlanError, TargetMissingError
from flowdrill.model.drill import Target
from flowdrill.model.workload import WorkloadKind

_MOST_NAMES = 10


@dataclass(frozen=True, slots=True)
class FoundTarget:
    """A workload that exists, and the container of it that the drill is about."""

    namespace: str
    kind: WorkloadKind
    name: str
    uid: str
    container: str
    selector: Query  # what the workload's pods, and their revisions, are listed by

    @property
    def label(self) -> str:
        """`deployment/NAME`."""
        return f"{self.kind}/{self.name}"

    @property
    def collection(self) -> str:
        """The path that lists all workloads of this kind in the namespace."""
        return workloads_path(self.namespace, self.kind)

    @property
    def path(self) -> str:
        """The workload's own path."""
        return f"{self.collection}/{self.name}"

    def core(self, resource: str) -> str:
        """Return the path of a core resource (`pods`, `events`) in the namespace."""
        return f"/api/v1/namespaces/{self.namespace}/{resource}"

    @property
    def revisions(self) -> str:
        """The path that lists what the workload keeps its revisions in."""
        resource = "replicasets" if self.kind is WorkloadKind.DEPLOYMENT else "controllerrevisions"
        return f"/apis/apps/v1/namespaces/{self.namespace}/{resource}"


def workloads_path(namespace: str, kind: WorkloadKind) -> str:
    """Return the path that lists all workloads of `kind` in `namespace`."""
    return f"/apis/apps/v1/namespaces/{namespace}/{kind}s"


def find_target(api: Api, target: Target, context: str, *, key: str = "target") -> FoundTarget:
    """Return the target, which the drill names under `key`; ClusterError when the namespace, the workload or the
    container is not there, or its update strategy keeps an image from reaching every pod; PlanError when the drill must
    name a container."""
    try:
        workload = api.get(f"{workloads_path(target.namespace, target.kind)}/{target.name}")
    except AnswerError as error:
        if error.status != 404:
            raise
        raise _missing(api, target, context, key) from error
    strategy = workload["spec"].get("updateStrategy") or {}
    partition = (strategy.get("rollingUpdate") or {}).get("partition")
    if partition:
        raise ClusterError(
            f"{target.workload} updates only its pods from ordinal {partition} on (rollingUpdate.partition)",
            "set spec.updateStrategy.rollingUpdate.partition to 0 before the drill",
        )
    return FoundTarget(
        namespace=target.namespace,
        kind=target.kind,
        name=target.name,
        uid=workload["metadata"]["uid"],
        container=_container(workload, target, key),
        selector=labels_query(workload["spec"].get("selector") or {}),
    )


def container_in(pod_spec: Json, target: FoundTarget) -> Json:
    """Return the target's container in its pod template; TargetMissingError when somebody has taken it away since the
    target was found."""
    container: Json | None = next((one for one in pod_spec["containers"] if one["name"] == target.container), None)
    if container is None:
        raise TargetMissingError(
            f"{target.label}: container {target.container!r} is no longer in its pod template",
            "somebody has changed the workload meanwhile: run the drill again when that is done",
        )
    return container


def _container(workload: Json, target: Target, key: str) -> str:
    names = [str(container["name"]) for container in workload["spec"]["template"]["spec"]["containers"]]
    listed = _listed(names)
    if target.container is None:
        if len(names) == 1:
            return names[0]
        raise PlanError(
            f"{target.workload} has several containers: {listed}", f"name one in the drill: {key}.container"
        )
    if target.container not in names:
        raise ClusterError(
            f"{target.workload} has no container {target.container!r}; it has: {listed}",
            f"correct {key}.container in the drill",
        )
    return target.container


def _missing(api: Api, target: Target, context: str, key: str) -> TargetMissingError:
    if not namespace_exists(api, target.namespace):
        return TargetMissingError(
            f"the cluster of context {context!r} has no namespace {target.namespace!r}",
            f"correct target.namespace in the drill; `kubectl --context {context} get namespaces` lists them",
        )
    there = {f"{kind}/{name}" for kind in WorkloadKind for name in _names(api, target.namespace, kind)}
    close = difflib.get_close_matches(target.workload, there, n=3)
    same_name = [other for other in there if other.partition("/")[2] == target.name]
    likely = list(dict.fromkeys([*same_name, *close]))
    meant = f"; did you mean {' or '.join(likely)}?" if likely else f"; it has: {_listed(sorted(there))}"
    return TargetMissingError(
        f"namespace {target.namespace} of context {context!r} has no {target.workload}{printable(meant)}",
        f"correct {key}.workload in the drill",
    )


def namespace_exists(api: Api, namespace: str) -> bool:
    """Return whether there is such a namespace, as far as one may know."""
    try:
        api.get(f"/api/v1/namespaces/{namespace}")
    except ForbiddenError:
        return True  # who may not look cannot say that it is missing
    except AnswerError as error:
        if error.status == 404:
            return False
        raise
    return True


def _names(api: Api, namespace: str, kind: WorkloadKind) -> list[str]:
    try:
        return [item["metadata"]["name"] for item in api.items(workloads_path(namespace, kind))]
    except ForbiddenError:
        return []


def _listed(names: Iterable[str]) -> str:
    all_names = [printable(name) for name in names]
    more = f" and {len(all_names) - _MOST_NAMES} more" if len(all_names) > _MOST_NAMES else ""
    return ", ".join(all_names[:_MOST_NAMES]) + more if all_names else "none"
