"""The shapes of the built-in kinds: which fields there are, of which type, and how lists are merged.

Written as data: a text names a scalar type, a dict an object's fields, `[item]` a list that is replaced as a whole,
`Keyed` a list that is merged by keys, `Map` an object with free keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType


@dataclass(frozen=True, slots=True)
class Keyed:
    """A list of objects that is merged: strategic merge patches use the first key, server-side apply all of them."""

    item: Any
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Map:
    """An object with free keys."""

    value: Any


@dataclass(frozen=True, slots=True)
class Unchecked:
    """Anything at all: parts of an object that nothing here acts on."""


S, I, B, IS, Q = "string", "integer", "boolean", "integer or string", "quantity"  # noqa: E741 - short on purpose
ANY = Unchecked()
STRINGS = Map(S)
SELECTOR = {
    "matchLabels": STRINGS,
    "matchExpressions": [{"key": S, "operator": S, "values": [S]}],
}
OWNER = {"apiVersion": S, "kind": S, "name": S, "uid": S, "controller": B, "blockOwnerDeletion": B}
METADATA = {
    "name": S, "generateName": S, "namespace": S, "uid": S, "resourceVersion": S, "generation": I, "selfLink": S,
    "creationTimestamp": S, "deletionTimestamp": S, "deletionGracePeriodSeconds": I, "labels": STRINGS,
    "annotations": STRINGS, "finalizers": Keyed(S, ()), "ownerReferences": Keyed(OWNER, ("uid",)),
    "managedFields": [ANY], "clusterName": S,
}  # fmt: skip
CONDITIONS = Keyed(ANY, ("type",))
_EXEC = {"command": [S]}
_HTTP = {"path": S, "port": IS, "host": S, "scheme": S, "httpHeaders": [{"name": S, "value": S}]}
_TCP = {"port": IS, "host": S}
_PROBE = {
    "exec": _EXEC, "httpGet": _HTTP, "tcpSocket": _TCP, "grpc": {"port": I, "service": S}, "initialDelaySeconds": I,
    "timeoutSeconds": I, "periodSeconds": I, "successThreshold": I, "failureThreshold": I,
    "terminationGracePeriodSeconds": I,
}  # fmt: skip
_HOOK = {"exec": _EXEC, "httpGet": _HTTP, "tcpSocket": _TCP, "sleep": {"seconds": I}}
_KEY_REFERENCE = {"name": S, "key": S, "optional": B}
_FIELD_REFERENCE = {"apiVersion": S, "fieldPath": S}
_RESOURCE_REFERENCE = {"containerName": S, "resource": S, "divisor": Q}
_ENV = {
    "name": S, "value": S,
    "valueFrom": {"configMapKeyRef": _KEY_REFERENCE, "secretKeyRef": _KEY_REFERENCE, "fieldRef": _FIELD_REFERENCE,
                  "resourceFieldRef": _RESOURCE_REFERENCE, "fileKeyRef": ANY},
}  # fmt: skip
_ENV_FROM = {"prefix": S, "configMapRef": {"name": S, "optional": B}, "secretRef": {"name": S, "optional": B}}
CONTAINER = {
    "name": S, "image": S, "command": [S], "args": [S], "workingDir": S, "imagePullPolicy": S,
    "ports": Keyed({"name": S, "containerPort": I, "hostPort": I, "hostIP": S, "protocol": S},
                   ("containerPort", "protocol")),
    "env": Keyed(_ENV, ("name",)), "envFrom": [_ENV_FROM],
    "resources": {"limits": Map(Q), "requests": Map(Q), "claims": [ANY]},
    "volumeMounts": Keyed({"name": S, "mountPath": S, "subPath": S, "subPathExpr": S, "readOnly": B,
                           "mountPropagation": S, "recursiveReadOnly": S}, ("mountPath",)),
    "volumeDevices": [ANY], "livenessProbe": _PROBE, "readinessProbe": _PROBE, "startupProbe": _PROBE,
    "lifecycle": {"postStart": _HOOK, "preStop": _HOOK, "stopSignal": S}, "terminationMessagePath": S,
    "terminationMessagePolicy": S, "securityContext": ANY, "stdin": B, "stdinOnce": B, "tty": B, "restartPolicy": S,
    "resizePolicy": ANY, "restartPolicyRules": ANY,
}  # fmt: skip
_ITEMS = [{"key": S, "path": S, "mode": I}]
_CONFIG_MAP_SOURCE = {"name": S, "items": _ITEMS, "defaultMode": I, "optional": B}
_SECRET_SOURCE = {"secretName": S, "name": S, "items": _ITEMS, "defaultMode": I, "optional": B}
_DOWNWARD_SOURCE = {
    "items": [{"path": S, "fieldRef": _FIELD_REFERENCE, "resourceFieldRef": _RESOURCE_REFERENCE, "mode": I}],
    "defaultMode": I,
}
_VOLUME = {
    "name": S, "configMap": _CONFIG_MAP_SOURCE, "secret": _SECRET_SOURCE, "downwardAPI": _DOWNWARD_SOURCE,
    "emptyDir": {"medium": S, "sizeLimit": Q}, "hostPath": {"path": S, "type": S}, "projected": ANY,
    "persistentVolumeClaim": ANY, "csi": ANY, "nfs": ANY, "ephemeral": ANY, "image": ANY,
}  # fmt: skip
POD_SPEC = {
    "containers": Keyed(CONTAINER, ("name",)), "initContainers": Keyed(CONTAINER, ("name",)),
    "ephemeralContainers": Keyed(ANY, ("name",)), "volumes": Keyed(_VOLUME, ("name",)), "restartPolicy": S,
    "terminationGracePeriodSeconds": I, "activeDeadlineSeconds": I, "dnsPolicy": S, "nodeSelector": STRINGS,
    "serviceAccountName": S, "serviceAccount": S, "automountServiceAccountToken": B, "nodeName": S, "hostNetwork": B,
    "hostPID": B, "hostIPC": B, "hostUsers": B, "shareProcessNamespace": B, "securityContext": ANY,
    "imagePullSecrets": Keyed({"name": S}, ("name",)), "hostname": S, "subdomain": S, "affinity": ANY,
    "schedulerName": S, "tolerations": [ANY], "hostAliases": [ANY], "priorityClassName": S, "priority": I,
    "dnsConfig": ANY, "readinessGates": [ANY], "runtimeClassName": S, "enableServiceLinks": B, "preemptionPolicy": S,
    "overhead": ANY, "topologySpreadConstraints": [ANY], "setHostnameAsFQDN": B, "os": ANY, "schedulingGates": [ANY],
    "resourceClaims": [ANY], "resources": ANY,
}  # fmt: skip
_TEMPLATE = {"metadata": METADATA, "spec": POD_SPEC}
_ROLLING = {"maxSurge": IS, "maxUnavailable": IS, "partition": I}
_STATUS_OF_WORKLOAD = {"conditions": CONDITIONS}
DEPLOYMENT = {
    "replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "strategy": {"type": S, "rollingUpdate": _ROLLING},
    "minReadySeconds": I, "revisionHistoryLimit": I, "paused": B, "progressDeadlineSeconds": I,
}  # fmt: skip
REPLICA_SET = {"replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "minReadySeconds": I}
STATEFUL_SET = {
    "replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "serviceName": S, "podManagementPolicy": S,
    "updateStrategy": {"type": S, "rollingUpdate": _ROLLING}, "minReadySeconds": I, "revisionHistoryLimit": I,
    "volumeClaimTemplates": [ANY], "persistentVolumeClaimRetentionPolicy": ANY, "ordinals": {"start": I},
}  # fmt: skip
SERVICE = {
    "type": S, "selector": STRINGS, "clusterIP": S, "clusterIPs": [S], "externalIPs": [S], "externalName": S,
    "ports": Keyed({"name": S, "port": I, "targetPort": IS, "nodePort": I, "protocol": S, "appProtocol": S},
                   ("port", "protocol")),
    "sessionAffinity": S, "sessionAffinityConfig": ANY, "externalTrafficPolicy": S, "internalTrafficPolicy": S,
    "publishNotReadyAddresses": B, "ipFamilies": [S], "ipFamilyPolicy": S, "healthCheckNodePort": I,
    "loadBalancerIP": S, "loadBalancerSourceRanges": [S], "loadBalancerClass": S, "allocateLoadBalancerNodePorts": B,
    "trafficDistribution": S,
}  # fmt: skip
_RULE = {"apiGroups": [S], "resources": [S], "verbs": [S], "resourceNames": [S], "nonResourceURLs": [S]}
_SUBJECT = {"kind": S, "apiGroup": S, "name": S, "namespace": S}
_BINDING = {"roleRef": {"apiGroup": S, "kind": S, "name": S}, "subjects": [_SUBJECT]}
_LEASE = {
    "holderIdentity": S, "leaseDurationSeconds": I, "acquireTime": S, "renewTime": S, "leaseTransitions": I,
    "preferredHolder": S, "strategy": S,
}  # fmt: skip

_KINDS: dict[str, Json] = {
    "Deployment": {"spec": DEPLOYMENT, "status": _STATUS_OF_WORKLOAD},
    "ReplicaSet": {"spec": REPLICA_SET, "status": _STATUS_OF_WORKLOAD},
    "StatefulSet": {"spec": STATEFUL_SET, "status": _STATUS_OF_WORKLOAD},
    "Pod": {"spec": POD_SPEC, "status": {"conditions": CONDITIONS}},
    "Service": {"spec": SERVICE, "status": ANY},
    "Namespace": {"spec": {"finalizers": [S]}, "status": {"phase": S, "conditions": CONDITIONS}},
    "Node": {
        "spec": {"taints": [ANY], "unschedulable": B, "podCIDR": S, "podCIDRs": [S], "providerID": S},
        "status": {"conditions": CONDITIONS, "addresses": Keyed(ANY, ("type",))},
    },
    "ConfigMap": {"data": STRINGS, "binaryData": STRINGS, "immutable": B},
    "Secret": {"data": STRINGS, "stringData": STRINGS, "type": S, "immutable": B},
    "ServiceAccount": {
        "secrets": Keyed(ANY, ("name",)), "imagePullSecrets": Keyed({"name": S}, ("name",)),
        "automountServiceAccountToken": B,
    },
    "Role": {"rules": [_RULE]},
    "ClusterRole": {"rules": [_RULE], "aggregationRule": {"clusterRoleSelectors": [SELECTOR]}},
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Lease": {"spec": _LEASE},
    "Endpoints": {"subsets": [ANY]},
    "ControllerRevision": {"data": ANY, "revision": I},
}  # fmt: skip
_OPEN = frozenset({"Pod", "Deployment", "ReplicaSet", "StatefulSet", "Node"})  # whose status is not spelled out


def schema_of(resource: ResourceType) -> Json | None:
    """Return the fields of a built-in kind's objects, None for kinds that are not spelled out (and custom ones)."""
    fields = _KINDS.get(resource.kind)
    if fields is None or (resource.group.count(".") > 1 and not resource.group.endswith(".k8s.io")):
        return None
    return {"apiVersion": S, "kind": S, "metadata": METADATA, **fields}


def decode_error(resource: ResourceType, value: Json) -> str | None:
    """Return what cannot be decoded, as the API says it, or None: a text where a number is needed, for example."""
    schema: Any = schema_of(resource) or {"metadata": METADATA, "apiVersion": S, "kind": S}
    return _mismatch(schema, value, "")


def unknown_fields(resource: ResourceType, value: Json) -> list[str]:
    """Return the paths of fields that the kind does not have."""
    schema = schema_of(resource)
    return [] if schema is None else [*_unknown(schema, value, "", resource.kind in _OPEN)]


_PYTHON: dict[str, tuple[type, ...]] = {
    S: (str,), I: (int,), B: (bool,), IS: (int, str), Q: (int, float, str),
}  # fmt: skip


def _mismatch(schema: Any, value: Any, path: str) -> str | None:
    if value is None or isinstance(schema, Unchecked):
        return None
    if isinstance(schema, str):
        fits = isinstance(value, _PYTHON[schema]) and (schema == B or not isinstance(value, bool))
        return None if fits else f"cannot unmarshal {_json_type(value)} into field {path} of type {schema}"
    is_list = isinstance(schema, (list, Keyed))
    if not isinstance(value, list if is_list else dict):
        return f"cannot unmarshal {_json_type(value)} into field {path} of type {'list' if is_list else 'object'}"
    if isinstance(value, list):
        children = [(f"{path}[{n}]", _item(schema), one) for n, one in enumerate(value)]
    else:
        children = [(f"{path}.{name}", _field(schema, name), one) for name, one in value.items()]
    return next((found for at, part, one in children if (found := _mismatch(part, one, at)) is not None), None)


def _unknown(schema: Any, value: Any, path: str, status_is_open: bool) -> list[str]:
    if isinstance(schema, (list, Keyed)) and isinstance(value, list):
        return [one for n, item in enumerate(value) for one in _unknown(_item(schema), item, f"{path}[{n}]", False)]
    if not isinstance(value, dict) or not isinstance(schema, (dict, Map)):
        return []
    found = []
    for name, one in value.items():
        at = f"{path}.{name}" if path else name
        if isinstance(schema, dict) and name not in schema:
            found.append(at)
        elif not (name == "status" and status_is_open):
            found += _unknown(_field(schema, name), one, at, False)
    return found


def _item(schema: Any) -> Any:
    return schema.item if isinstance(schema, Keyed) else schema[0]


def _field(schema: Any, name: str) -> Any:
    return schema.value if isinstance(schema, Map) else schema.get(name, ANY)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {str: "string", int: "number", float: "number", list: "array", dict: "object"}.get(type(value), "value")
