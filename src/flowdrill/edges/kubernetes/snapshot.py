"""From the API's objects to frozen snapshots. Pure; the only place that knows how Kubernetes spells a status."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.field_managers import image_set_by, template_digest
from flowdrill.edges.kubernetes.probe_events import first_probe_failures
from flowdrill.model.workload import PodSnapshot, WorkloadKind, WorkloadSnapshot

CHANGE_CAUSE = "kubernetes.io/change-cause"


@dataclass(frozen=True, slots=True)
class Seen:
    """What the API server has of a workload, as it sent it."""

    workload: Json
    revisions: Collection[Json]  # ReplicaSets; not needed for a StatefulSet
    pods: Collection[Json]
    pulled_events: Collection[Json]
    endpoints: Collection[Json]  # EndpointSlices or Endpoints
    probe_events: Collection[Json] = ()


def workload_snapshot(kind: WorkloadKind, container: str, seen: Seen) -> WorkloadSnapshot:
    """Return the workload and its pods, by name; pods that have ended for good (evicted ones, say) are left out, as
    the controllers count them out."""
    meta, spec, status = seen.workload["metadata"], seen.workload["spec"], seen.workload.get("status") or {}
    containers = spec["template"]["spec"]["containers"]
    ready = status.get("readyReplicas") or 0
    # Before 1.22 a StatefulSet does not say how many are available; without minReadySeconds that is how many are ready.
    available = status.get("availableReplicas", ready if kind is WorkloadKind.STATEFULSET else 0)
    replicas = spec.get("replicas")
    return WorkloadSnapshot(
        kind=kind,
        namespace=meta["namespace"],
        name=meta["name"],
        uid=meta["uid"],
        generation=meta.get("generation") or 0,
        observed_generation=status.get("observedGeneration") or 0,
        wanted_replicas=1 if replicas is None else replicas,
        replicas=status.get("replicas") or 0,
        updated_replicas=status.get("updatedReplicas") or 0,
        ready_replicas=ready,
        available_replicas=available or 0,
        paused=bool(spec.get("paused")),
        on_delete=(spec.get("updateStrategy") or {}).get("type") == "OnDelete",
        containers=tuple(one["name"] for one in containers),
        image=image_of(containers, container) or "",
        change_cause=(meta.get("annotations") or {}).get(CHANGE_CAUSE),
        pods=_pods(kind, container, seen),
        stalled=any(
            one.get("type") == "Progressing" and one.get("reason") == "ProgressDeadlineExceeded"
            for one in status.get("conditions") or ()
        ),
        image_set_by=image_set_by(meta.get("managedFields"), container),
        template_digest=template_digest(spec["template"]),
    )


def owned_pods(kind: WorkloadKind, workload: Json, revisions: Iterable[Json], pods: Iterable[Json]) -> list[Json]:
    """Return the pods that belong to the workload: owned by it, or by one of its ReplicaSets."""
    uid = workload["metadata"]["uid"]
    owners = {uid}
    if kind is WorkloadKind.DEPLOYMENT:
        owners = {one["metadata"]["uid"] for one in revisions if is_owned_by(one, {uid})}
    return [pod for pod in pods if is_owned_by(pod, owners)]


def is_owned_by(item: Json, uids: Collection[str]) -> bool:
    """Whether the controller that owns `item` is one of `uids`."""
    owners = item["metadata"].get("ownerReferences") or ()
    return any(owner.get("controller") and owner.get("uid") in uids for owner in owners)


def image_of(containers: Iterable[Json], container: str) -> str | None:
    """Return the image of the container with this name."""
    return next((str(one.get("image") or "") for one in containers if one.get("name") == container), None)


def is_ready(pod: Json) -> bool:
    """Whether the pod's Ready condition holds."""
    return _holds(pod.get("status") or {}, "Ready")


def manifest_digest(image_id: str) -> str | None:
    """Return the digest in a container status' imageID: `repository@sha256:…`, with or without `docker-pullable://`.
    A bare `sha256:…` is the image's configuration, which no registry can be asked for: None."""
    _, at, digest = image_id.rpartition("@")
    return digest if at else None


def pod_snapshot(pod: Json, container: str) -> PodSnapshot:
    """Return a pod that belongs to no workload; what its Services and its events say is left out."""
    return _pod(pod, container, (), (), {})


def _pods(kind: WorkloadKind, container: str, seen: Seen) -> tuple[PodSnapshot, ...]:
    pulled, served = _pulled_pods(seen.pulled_events, container), _served_pods(seen.endpoints)
    probes = first_probe_failures(seen.probe_events, container)
    owned = owned_pods(kind, seen.workload, seen.revisions, seen.pods)
    active = [pod for pod in owned if (pod.get("status") or {}).get("phase") not in {"Succeeded", "Failed"}]
    return tuple(
        _pod(pod, container, pulled, served, probes)
        for pod in sorted(active, key=lambda pod: str(pod["metadata"]["name"]))
    )


def _pod(
    pod: Json, container: str, pulled: Collection[str], served: Collection[str], probes: Mapping[str, str]
) -> PodSnapshot:
    meta, status = pod["metadata"], pod.get("status") or {}
    labels = meta.get("labels") or {}
    statuses = status.get("containerStatuses") or ()
    mine: Json = next((one for one in statuses if one.get("name") == container), {})
    state = mine.get("state") or {}
    image_id = mine.get("imageID") or ""
    return PodSnapshot(
        name=meta["name"],
        uid=meta["uid"],
        image=image_of(pod["spec"]["containers"], container) or "",
        image_digest=manifest_digest(image_id),
        template_hash=labels.get("pod-template-hash") or labels.get("controller-revision-hash"),
        scheduled=_holds(status, "PodScheduled"),
        pulled=bool(image_id) or "running" in state or meta["uid"] in pulled,
        started="running" in state,
        ready=_holds(status, "Ready"),
        in_endpoints=meta["uid"] in served or meta["name"] in served,
        deleting="deletionTimestamp" in meta,
        restarts=mine.get("restartCount") or 0,
        waiting_reason=(state.get("waiting") or {}).get("reason"),
        ended=_ended(state) or _ended(mine.get("lastState") or {}),
        failed_probe=probes.get(meta["uid"]),
    )


def _ended(state: Json) -> str | None:
    ended = state.get("terminated")
    return f"{ended.get('reason') or 'ended'} (exit code {ended.get('exitCode')})" if ended else None


def _holds(status: Json, condition: str) -> bool:
    return any(one.get("type") == condition and one.get("status") == "True" for one in status.get("conditions") or ())


def _pulled_pods(events: Iterable[Json], container: str) -> frozenset[str]:
    """The uids of pods whose kubelet said `Pulled` of this container: also when the image was already there."""
    field = f"spec.containers{{{container}}}"
    about = [event.get("involvedObject") or {} for event in events]
    return frozenset(one["uid"] for one in about if one.get("fieldPath") == field and one.get("uid"))


def _served_pods(endpoints: Iterable[Json]) -> frozenset[str]:
    """The uids (names where there is no uid) of pods that a Service sends traffic to. An EndpointSlice whose `ready`
    is missing means ready (discovery.k8s.io/v1, EndpointConditions)."""
    refs: list[Json] = []
    for one in endpoints:
        refs.extend(
            endpoint.get("targetRef") or {}
            for endpoint in one.get("endpoints") or ()
            if (endpoint.get("conditions") or {}).get("ready") is not False
        )
        for subset in one.get("subsets") or ():
            refs.extend(address.get("targetRef") or {} for address in subset.get("addresses") or ())
    return frozenset(str(ref.get("uid") or ref.get("name")) for ref in refs if ref.get("kind") == "Pod")
