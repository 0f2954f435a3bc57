"""What `kubectl get` prints: the columns of each kind, computed on the server's side."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType

_Row = Callable[[Json, datetime], list[Any]]
_ACCESS_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}


def table_of(
    resource: ResourceType, objects: Iterable[Json], now: datetime, *, list_metadata: Json, include_object: str
) -> Json:
    """Return a meta.k8s.io/v1 Table. Columns whose name begins with `~` are only shown by `-o wide`."""
    columns, cells = _COLUMNS.get(resource.own_kind, ("Name Age", lambda one, at: [_name(one), _age(one, at)]))
    names = columns.split(" ")
    definitions: list[Json] = [
        {
            "name": name.lstrip("~").replace("_", " "), "type": "string", "format": "name" if name == "Name" else "",
            "description": "", "priority": 1 if name.startswith("~") else 0,
        }
        for name in names
    ]  # fmt: skip
    rows = []
    for one in objects:
        row: Json = {"cells": [*cells(one, now)]}
        if include_object == "Object":
            row["object"] = one
        elif include_object != "None":
            row["object"] = {
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": one["metadata"],
            }  # fmt: skip
        rows.append(row)
    head: Json = {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": list_metadata}
    return {**head, "columnDefinitions": definitions, "rows": rows}


def age_text(since: str | None, now: datetime) -> str:
    """Return a time span as kubectl writes it: 5s, 3m20s, 2h, 3d4h."""
    if not since:
        return "<unknown>"
    try:
        then = datetime.fromisoformat(since.replace("Z", "+00:00"))
    except ValueError:
        return "<invalid>"
    seconds = max(0, int((now - (then if then.tzinfo else then.replace(tzinfo=UTC))).total_seconds()))
    for limit, big, small, units in (
        (120, 1, 0, "s"), (600, 60, 1, "ms"), (10800, 60, 0, "m"), (28800, 3600, 60, "hm"), (172800, 3600, 0, "h"),
        (691200, 86400, 3600, "dh"),
    ):  # fmt: skip
        if seconds < limit:
            rest = seconds % big // small if small else 0
            return f"{seconds // big}{units[0]}" + (f"{rest}{units[1]}" if rest else "")
    return f"{seconds // 86400}d"


def pod_status_text(pod: Json) -> str:
    """Return a pod's STATUS as kubectl shows it."""
    status, meta = pod.get("status") or {}, pod["metadata"]
    if "deletionTimestamp" in meta:
        return "Terminating"
    total = len(pod["spec"].get("initContainers") or ())
    for number, one in enumerate(status.get("initContainerStatuses") or ()):
        state = one.get("state") or {}
        if (state.get("terminated") or {}).get("exitCode") == 0:
            continue
        reason = (state.get("terminated") or state.get("waiting") or {}).get("reason")
        return f"Init:{reason}" if reason and reason != "PodInitializing" else f"Init:{number}/{total}"
    text = str(status.get("reason") or status.get("phase") or "Unknown")
    for one in status.get("containerStatuses") or ():
        state = one.get("state") or {}
        text = (state.get("waiting") or state.get("terminated") or {}).get("reason") or text
    return text


def _name(value: Json) -> str:
    return str(value["metadata"]["name"])


def _age(value: Json, now: datetime) -> str:
    return age_text(value["metadata"].get("creationTimestamp"), now)


def _spec(value: Json) -> Json:
    return value.get("spec") or {}


def _status(value: Json) -> Json:
    return value.get("status") or {}


def _containers(template: Json) -> list[str]:
    containers = (template.get("spec") or {}).get("containers") or ()
    return [",".join(str(one.get(part)) for one in containers) for part in ("name", "image")]


def _selector(value: Json) -> str:
    labels = (_spec(value).get("selector") or {}).get("matchLabels") or {}
    return ",".join(f"{key}={text}" for key, text in labels.items()) or "<none>"


def _pod(pod: Json, now: datetime) -> list[Any]:
    status = _status(pod)
    statuses = status.get("containerStatuses") or []
    ready = sum(bool(one.get("ready")) for one in statuses)
    restarts = sum(one.get("restartCount") or 0 for one in statuses)
    ends = [((one.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for one in statuses]
    ago = f" ({age_text(max(filter(None, ends)), now)} ago)" if restarts and any(ends) else ""
    wide = [status.get("podIP") or "<none>", _spec(pod).get("nodeName") or "<none>", "<none>", "<none>"]
    count = f"{ready}/{len(_spec(pod).get('containers') or ())}"
    return [_name(pod), count, pod_status_text(pod), f"{restarts}{ago}", _age(pod, now), *wide]


def _deployment(value: Json, now: datetime) -> list[Any]:
    spec, status = _spec(value), _status(value)
    counts = [status.get("updatedReplicas", 0), status.get("availableReplicas", 0), _age(value, now)]
    ready = f"{status.get('readyReplicas', 0)}/{spec.get('replicas', 0)}"
    return [_name(value), ready, *counts, *_containers(spec.get("template") or {}), _selector(value)]


def _replica_set(value: Json, now: datetime) -> list[Any]:
    spec, status = _spec(value), _status(value)
    counts = [spec.get("replicas", 0), status.get("replicas", 0), status.get("readyReplicas", 0)]
    return [_name(value), *counts, _age(value, now), *_containers(spec.get("template") or {}), _selector(value)]


def _stateful_set(value: Json, now: datetime) -> list[Any]:
    spec, ready = _spec(value), _status(value).get("readyReplicas", 0)
    return [_name(value), f"{ready}/{spec.get('replicas', 0)}", _age(value, now), *_containers(spec["template"])]


def _service(value: Json, now: datetime) -> list[Any]:
    spec = _spec(value)
    ports = ",".join(
        f"{one['port']}" + (f":{one['nodePort']}" if one.get("nodePort") else "") + f"/{one.get('protocol', 'TCP')}"
        for one in spec.get("ports") or ()
    )
    selector = ",".join(f"{key}={text}" for key, text in (spec.get("selector") or {}).items()) or "<none>"
    address = spec.get("clusterIP") or "<none>"
    return [_name(value), spec.get("type"), address, "<none>", ports or "<none>", _age(value, now), selector]


def _endpoints(value: Json, now: datetime) -> list[Any]:
    found = [
        f"{address['ip']}:{port['port']}"
        for subset in value.get("subsets") or ()
        for address in subset.get("addresses") or ()
        for port in subset.get("ports") or ()
    ]
    return [_name(value), ",".join(found[:3]) + (f" + {len(found) - 3} more..." if found[3:] else "") or "<none>",
            _age(value, now)]  # fmt: skip


def _slice(value: Json, now: datetime) -> list[Any]:
    ports = ",".join(str(one.get("port")) for one in value.get("ports") or ()) or "<unset>"
    addresses = [address for one in value.get("endpoints") or () for address in one.get("addresses") or ()]
    return [_name(value), value.get("addressType"), ports, ",".join(addresses[:3]) or "<unset>", _age(value, now)]


def _node(value: Json, now: datetime) -> list[Any]:
    conditions = {one["type"]: one["status"] for one in _status(value).get("conditions") or ()}
    ready = {"True": "Ready", "False": "NotReady"}.get(conditions.get("Ready", ""), "Unknown")
    state = ready + (",SchedulingDisabled" if _spec(value).get("unschedulable") else "")
    info = _status(value).get("nodeInfo") or {}
    return [_name(value), state, "<none>", _age(value, now), info.get("kubeletVersion", "")]


def _event(value: Json, now: datetime) -> list[Any]:
    about = value.get("involvedObject") or {}
    seen = age_text(value.get("lastTimestamp") or value.get("eventTime"), now)
    what = f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"
    return [seen, value.get("type"), value.get("reason"), what, str(value.get("message", "")).strip()]


def _binding(value: Json, now: datetime) -> list[Any]:
    role = value.get("roleRef") or {}
    return [_name(value), f"{role.get('kind')}/{role.get('name')}", _age(value, now)]


def _claim(value: Json, now: datetime) -> list[Any]:
    spec, status, bound = _spec(value), _status(value), bool(_spec(value).get("volumeName"))
    phase = "Terminating" if "deletionTimestamp" in value["metadata"] else status.get("phase")
    capacity = (status.get("capacity") or {}).get("storage", "") if bound else ""
    modes = ",".join(
        short for mode, short in _ACCESS_MODES.items() if bound and mode in (status.get("accessModes") or ())
    )
    classes = [spec.get("storageClassName") or "", spec.get("volumeAttributesClassName") or "<unset>"]
    row = [_name(value), phase, spec.get("volumeName") or "", capacity, modes, *classes]
    return [*row, _age(value, now), spec.get("volumeMode") or "<unset>"]


def _revision(value: Json, now: datetime) -> list[Any]:
    owner = next((one for one in value["metadata"].get("ownerReferences") or () if one.get("controller")), None)
    controller = f"{owner['kind'].lower()}.apps/{owner['name']}" if owner else "<none>"
    return [_name(value), controller, value.get("revision", 0), _age(value, now)]


def _quota(value: Json, now: datetime) -> list[Any]:
    hard, used = (_status(value).get(part) or {} for part in ("hard", "used"))
    shown = {name: f"{name}: {used.get(name, 0)}/{hard[name]}" for name in sorted(hard)}
    limits = [text for name, text in shown.items() if name.startswith("limits")]
    requests = [text for name, text in shown.items() if not name.startswith("limits")]
    return [_name(value), ", ".join(requests), ", ".join(limits), _age(value, now)]


def _autoscaler(value: Json, now: datetime) -> list[Any]:
    spec, reference = _spec(value), _spec(value).get("scaleTargetRef") or {}
    counts = [spec.get("minReplicas"), spec.get("maxReplicas"), _status(value).get("currentReplicas", 0)]
    targets = f"cpu: <unknown>/{spec.get('targetCPUUtilizationPercentage')}%"
    return [_name(value), f"{reference.get('kind')}/{reference.get('name')}", targets, *counts, _age(value, now)]


def _budget(value: Json, now: datetime) -> list[Any]:
    limits = [_spec(value).get(name, "N/A") for name in ("minAvailable", "maxUnavailable")]
    return [_name(value), *limits, _status(value).get("disruptionsAllowed", 0), _age(value, now)]


def _webhooks(value: Json, now: datetime) -> list[Any]:
    return [_name(value), len(value.get("webhooks") or ()), _age(value, now)]


_COLUMNS: dict[str, tuple[str, _Row]] = {
    "Pod": ("Name Ready Status Restarts Age ~IP ~Node ~Nominated_Node ~Readiness_Gates", _pod),
    "Deployment": ("Name Ready Up-to-date Available Age ~Containers ~Images ~Selector", _deployment),
    "ReplicaSet": ("Name Desired Current Ready Age ~Containers ~Images ~Selector", _replica_set),
    "StatefulSet": ("Name Ready Age ~Containers ~Images", _stateful_set),
    "Service": ("Name Type Cluster-IP External-IP Port(s) Age ~Selector", _service),
    "Endpoints": ("Name Endpoints Age", _endpoints),
    "EndpointSlice": ("Name AddressType Ports Endpoints Age", _slice),
    "Node": ("Name Status Roles Age Version", _node),
    "Event": ("Last_Seen Type Reason Object Message", _event),
    "Namespace": ("Name Status Age", lambda one, at: [_name(one), _status(one).get("phase"), _age(one, at)]),
    "ConfigMap": ("Name Data Age", lambda one, at: [_name(one), len(one.get("data") or ()), _age(one, at)]),
    "Secret": (
        "Name Type Data Age",
        lambda one, at: [_name(one), one.get("type"), len(one.get("data") or ()), _age(one, at)],
    ),
    "PersistentVolumeClaim": (
        "Name Status Volume Capacity Access_Modes StorageClass VolumeAttributesClass Age ~VolumeMode", _claim,
    ),
    "RoleBinding": ("Name Role Age", _binding),
    "ClusterRoleBinding": ("Name Role Age", _binding),
    "Lease": ("Name Holder Age", lambda one, at: [_name(one), _spec(one).get("holderIdentity"), _age(one, at)]),
    "ControllerRevision": ("Name Controller Revision Age", _revision),
    "ResourceQuota": ("Name Request Limit Age", _quota),
    "LimitRange": ("Name Created_At", lambda one, _: [_name(one), one["metadata"].get("creationTimestamp")]),
    "HorizontalPodAutoscaler": ("Name Reference Targets MinPods MaxPods Replicas Age", _autoscaler),
    "PodDisruptionBudget": ("Name Min_Available Max_Unavailable Allowed_Disruptions Age", _budget),
    "ValidatingWebhookConfiguration": ("Name Webhooks Age", _webhooks),
    "MutatingWebhookConfiguration": ("Name Webhooks Age", _webhooks),
    "CustomResourceDefinition": (
        "Name Created_At", lambda one, _: [_name(one), one["metadata"].get("creationTimestamp")],
    ),
}  # fmt: skip
