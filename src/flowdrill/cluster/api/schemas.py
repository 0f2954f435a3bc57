"""The shapes of the built-in kinds: which fields there are, of which type, and how lists are merged.

Written as data: a text names a scalar type (with `!`: it is there even when it was left out), a dict an object's
fields, `[item]` a list that is replaced as a whole, `Keyed` a list that is merged by keys, `Map` an object with free
keys.
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


S, I, L, B = "string", "int32", "int64", "boolean"  # noqa: E741 - short on purpose
IS, Q = "integer or string", "quantity"
ANY = Unchecked()
STRINGS = Map(S)
SELECTOR = {
    "matchLabels": STRINGS,
    "matchExpressions": [{"key": S, "operator": S, "values": [S]}],
}
OWNER = {"apiVersion": S, "kind": S, "name": S, "uid": S, "controller": B, "blockOwnerDeletion": B}
_MANAGED = {
    "manager": S, "operation": S, "apiVersion": S, "time": S, "fieldsType": S, "fieldsV1": Map(ANY), "subresource": S,
}  # fmt: skip
METADATA = {
    "name": S, "generateName": S, "namespace": S, "uid": S, "resourceVersion": S, "generation": L, "selfLink": S,
    "creationTimestamp": S, "deletionTimestamp": S, "deletionGracePeriodSeconds": L, "labels": STRINGS,
    "annotations": STRINGS, "finalizers": Keyed(S, ()), "ownerReferences": Keyed(OWNER, ("uid",)),
    "managedFields": [_MANAGED], "clusterName": S,
}  # fmt: skip
REFERENCE = {
    "kind": S, "namespace": S, "name": S, "uid": S, "apiVersion": S, "resourceVersion": S, "fieldPath": S,
}  # fmt: skip
_CONDITION = {
    "type": "string!", "status": "string!", "reason": S, "message": S, "lastTransitionTime": S, "lastUpdateTime": S,
    "lastProbeTime": S, "lastHeartbeatTime": S, "observedGeneration": L,
}  # fmt: skip
CONDITIONS = Keyed(_CONDITION, ("type",))
_EXEC = {"command": [S]}
_HTTP = {"path": S, "port": IS, "host": S, "scheme": S, "httpHeaders": [{"name": S, "value": S}]}
_TCP = {"port": IS, "host": S}
_PROBE = {
    "exec": _EXEC, "httpGet": _HTTP, "tcpSocket": _TCP, "grpc": {"port": I, "service": S}, "initialDelaySeconds": I,
    "timeoutSeconds": I, "periodSeconds": I, "successThreshold": I, "failureThreshold": I,
    "terminationGracePeriodSeconds": L,
}  # fmt: skip
_HOOK = {"exec": _EXEC, "httpGet": _HTTP, "tcpSocket": _TCP, "sleep": {"seconds": L}}
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
_PROJECTED = {
    "sources": [{"configMap": _CONFIG_MAP_SOURCE, "secret": _SECRET_SOURCE, "downwardAPI": _DOWNWARD_SOURCE,
                 "serviceAccountToken": {"audience": S, "expirationSeconds": L, "path": S}, "clusterTrustBundle": ANY,
                 "podCertificate": ANY}],
    "defaultMode": I,
}  # fmt: skip
_VOLUME = {
    "name": S, "configMap": _CONFIG_MAP_SOURCE, "secret": _SECRET_SOURCE, "downwardAPI": _DOWNWARD_SOURCE,
    "emptyDir": {"medium": S, "sizeLimit": Q}, "hostPath": {"path": S, "type": S}, "projected": _PROJECTED,
    "persistentVolumeClaim": {"claimName": S, "readOnly": B}, "csi": ANY, "nfs": ANY, "ephemeral": ANY, "image": ANY,
}  # fmt: skip
POD_SPEC = {
    "containers": Keyed(CONTAINER, ("name",)), "initContainers": Keyed(CONTAINER, ("name",)),
    "ephemeralContainers": Keyed({**CONTAINER, "targetContainerName": S}, ("name",)),
    "volumes": Keyed(_VOLUME, ("name",)), "restartPolicy": S,
    "terminationGracePeriodSeconds": L, "activeDeadlineSeconds": L, "dnsPolicy": S, "nodeSelector": STRINGS,
    "serviceAccountName": S, "serviceAccount": S, "automountServiceAccountToken": B, "nodeName": S, "hostNetwork": B,
    "hostPID": B, "hostIPC": B, "hostUsers": B, "shareProcessNamespace": B, "securityContext": ANY,
    "imagePullSecrets": Keyed({"name": S}, ("name",)), "hostname": S, "subdomain": S, "affinity": ANY,
    "schedulerName": S, "tolerations": [Map(ANY)], "hostAliases": [ANY], "priorityClassName": S, "priority": I,
    "dnsConfig": ANY, "readinessGates": [ANY], "runtimeClassName": S, "enableServiceLinks": B, "preemptionPolicy": S,
    "overhead": ANY, "topologySpreadConstraints": [ANY], "setHostnameAsFQDN": B, "os": ANY, "schedulingGates": [ANY],
    "resourceClaims": [ANY], "resources": ANY,
}  # fmt: skip
_TEMPLATE = {"metadata": METADATA, "spec": POD_SPEC}
_DATA_SOURCE = {"apiGroup": S, "kind": S, "name": S}
_CLAIM = {
    "accessModes": [S], "resources": {"requests": Map(Q), "limits": Map(Q)}, "storageClassName": S, "volumeMode": S,
    "volumeName": S, "selector": SELECTOR, "dataSource": _DATA_SOURCE,
    "dataSourceRef": {**_DATA_SOURCE, "namespace": S}, "volumeAttributesClassName": S,
}  # fmt: skip
_CLAIM_STATUS = {"phase": S, "accessModes": [S], "capacity": Map(Q), "conditions": CONDITIONS}
_CLAIM_TEMPLATE = {"apiVersion": S, "kind": S, "metadata": METADATA, "spec": _CLAIM, "status": _CLAIM_STATUS}
_ROLLING = {"maxSurge": IS, "maxUnavailable": IS, "partition": I}
_STATUS_OF_WORKLOAD = {
    "conditions": CONDITIONS, "observedGeneration": L, "currentRevision": S, "updateRevision": S,
    **dict.fromkeys(("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas",
                     "terminatingReplicas", "fullyLabeledReplicas", "currentReplicas", "collisionCount"), I),
}  # fmt: skip
_STATE = {
    "waiting": {"reason": S, "message": S}, "running": {"startedAt": S},
    "terminated": {"exitCode": "int32!", "signal": I, "reason": S, "message": S, "startedAt": S, "finishedAt": S,
                   "containerID": S},
}  # fmt: skip
_CONTAINER_STATUS = {
    "name": "string!", "ready": "boolean!", "restartCount": "int32!", "image": S, "imageID": S, "containerID": S,
    "started": B, "state": _STATE, "lastState": _STATE,
}  # fmt: skip
_POD_STATUS = {
    **dict.fromkeys(("phase", "message", "reason", "hostIP", "podIP", "nominatedNodeName", "startTime", "qosClass"), S),
    "containerStatuses": [_CONTAINER_STATUS], "initContainerStatuses": [_CONTAINER_STATUS],
    "ephemeralContainerStatuses": [_CONTAINER_STATUS],
    "conditions": CONDITIONS, "podIPs": Keyed({"ip": "string!"}, ("ip",)), "hostIPs": [{"ip": "string!"}],
}  # fmt: skip
DEPLOYMENT = {
    "replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "strategy": {"type": S, "rollingUpdate": _ROLLING},
    "minReadySeconds": I, "revisionHistoryLimit": I, "paused": B, "progressDeadlineSeconds": I,
}  # fmt: skip
REPLICA_SET = {"replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "minReadySeconds": I}
STATEFUL_SET = {
    "replicas": I, "selector": SELECTOR, "template": _TEMPLATE, "serviceName": S, "podManagementPolicy": S,
    "updateStrategy": {"type": S, "rollingUpdate": _ROLLING}, "minReadySeconds": I, "revisionHistoryLimit": I,
    "volumeClaimTemplates": [_CLAIM_TEMPLATE], "ordinals": {"start": I},
    "persistentVolumeClaimRetentionPolicy": {"whenDeleted": S, "whenScaled": S},
}  # fmt: skip
SERVICE = {
    "type": S, "selector": STRINGS, "clusterIP": S, "clusterIPs": [S], "externalIPs": [S], "externalName": S,
    "ports": Keyed({"name": S, "port": I, "targetPort": IS, "nodePort": I, "protocol": S, "appProtocol": S},
                   ("port", "protocol")),
    "sessionAffinity": S, "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": I}},
    "externalTrafficPolicy": S, "internalTrafficPolicy": S,
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

_ADDRESSES = [{"ip": "string!", "hostname": S, "nodeName": S, "targetRef": REFERENCE}]
_PORTS = [{"name": S, "port": "int32!", "protocol": S, "appProtocol": S}]
_SLICE = {
    "addressType": S, "ports": [{"name": S, "port": I, "protocol": S, "appProtocol": S}],
    "endpoints": [{"addresses": [S], "conditions": {"ready": B, "serving": B, "terminating": B}, "hostname": S,
                   "targetRef": REFERENCE, "nodeName": S, "zone": S, "hints": ANY, "deprecatedTopology": ANY}],
}  # fmt: skip
_EVENT = {
    "involvedObject": REFERENCE, "reason": S, "message": S, "source": {"component": S, "host": S}, "type": S,
    "firstTimestamp": S, "lastTimestamp": S, "count": I, "eventTime": S, "action": S, "related": REFERENCE,
    "series": {"count": I, "lastObservedTime": S}, "reportingComponent": S, "reportingInstance": S,
}  # fmt: skip
_NAMES = {"plural": S, "singular": S, "kind": S, "listKind": S, "shortNames": [S], "categories": [S]}
_DEFINITION = {
    "group": S, "scope": S, "names": _NAMES, "conversion": ANY, "preserveUnknownFields": B,
    "versions": [{"name": S, "served": B, "storage": B, "deprecated": B, "deprecationWarning": S, "schema": ANY,
                  "subresources": {"status": Map(ANY), "scale": ANY}, "additionalPrinterColumns": [ANY],
                  "selectableFields": [ANY]}],
}  # fmt: skip
_QUOTA = {"hard": Map(Q), "scopes": [S], "scopeSelector": ANY}
_LIMITS = {
    "type": S, **dict.fromkeys(("max", "min", "default", "defaultRequest", "maxLimitRequestRatio"), Map(Q)),
}  # fmt: skip
_AUTOSCALER = {
    "scaleTargetRef": {"kind": S, "name": S, "apiVersion": S}, "minReplicas": I, "maxReplicas": I,
    "targetCPUUtilizationPercentage": I,
}  # fmt: skip
_AUTOSCALER_STATUS = {
    "observedGeneration": L, "lastScaleTime": S, "currentReplicas": "int32!", "desiredReplicas": "int32!",
    "currentCPUUtilizationPercentage": I,
}  # fmt: skip
_BUDGET = {"minAvailable": IS, "maxUnavailable": IS, "selector": SELECTOR, "unhealthyPodEvictionPolicy": S}
_BUDGET_STATUS = {
    "observedGeneration": L, "disruptedPods": STRINGS, "conditions": CONDITIONS,
    **dict.fromkeys(("disruptionsAllowed", "currentHealthy", "desiredHealthy", "expectedPods"), "int32!"),
}  # fmt: skip
_WEBHOOK = {
    "name": S, "clientConfig": {"url": S, "caBundle": S, "service": {"namespace": S, "name": S, "path": S, "port": I}},
    "rules": [{"operations": [S], "apiGroups": [S], "apiVersions": [S], "resources": [S], "scope": S}],
    "failurePolicy": S, "matchPolicy": S, "namespaceSelector": SELECTOR, "objectSelector": SELECTOR, "sideEffects": S,
    "timeoutSeconds": I, "admissionReviewVersions": [S], "reinvocationPolicy": S,
    "matchConditions": [{"name": S, "expression": S}],
}  # fmt: skip
_NODE_STATUS = {
    "conditions": CONDITIONS, "addresses": Keyed({"type": "string!", "address": "string!"}, ("type",)),
    "capacity": Map(Q), "allocatable": Map(Q), "nodeInfo": Map(ANY), "images": [Map(ANY)],
}  # fmt: skip
DELETE_OPTIONS = {
    "kind": S, "apiVersion": S, "gracePeriodSeconds": L, "preconditions": {"uid": S, "resourceVersion": S},
    "orphanDependents": B, "propagationPolicy": S, "dryRun": [S], "ignoreStoreReadErrorWithClusterBreakingPotential": B,
}  # fmt: skip

_KINDS: dict[str, Json] = {
    "Deployment": {"spec": DEPLOYMENT, "status": _STATUS_OF_WORKLOAD},
    "ReplicaSet": {"spec": REPLICA_SET, "status": _STATUS_OF_WORKLOAD},
    "StatefulSet": {"spec": STATEFUL_SET, "status": _STATUS_OF_WORKLOAD},
    "Pod": {"spec": POD_SPEC, "status": _POD_STATUS},
    "Service": {"spec": SERVICE, "status": {"loadBalancer": {"ingress": [ANY]}, "conditions": CONDITIONS}},
    "Namespace": {"spec": {"finalizers": [S]}, "status": {"phase": S, "conditions": CONDITIONS}},
    "Node": {
        "spec": {"taints": [ANY], "unschedulable": B, "podCIDR": S, "podCIDRs": [S], "providerID": S},
        "status": _NODE_STATUS,
    },
    "ConfigMap": {"data": STRINGS, "binaryData": STRINGS, "immutable": B},
    "Secret": {"data": STRINGS, "stringData": STRINGS, "type": S, "immutable": B},
    "ServiceAccount": {
        "secrets": Keyed(REFERENCE, ("name",)), "imagePullSecrets": Keyed({"name": S}, ("name",)),
        "automountServiceAccountToken": B,
    },
    "PersistentVolumeClaim": {"spec": _CLAIM, "status": _CLAIM_STATUS},
    "Role": {"rules": [_RULE]},
    "ClusterRole": {"rules": [_RULE], "aggregationRule": {"clusterRoleSelectors": [SELECTOR]}},
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
    "Lease": {"spec": _LEASE},
    "Endpoints": {"subsets": [{"addresses": _ADDRESSES, "notReadyAddresses": _ADDRESSES, "ports": _PORTS}]},
    "EndpointSlice": _SLICE,
    "Event": _EVENT,
    "ControllerRevision": {"data": ANY, "revision": L},
    "ResourceQuota": {"spec": _QUOTA, "status": {"hard": Map(Q), "used": Map(Q)}},
    "LimitRange": {"spec": {"limits": [_LIMITS]}},
    "HorizontalPodAutoscaler": {"spec": _AUTOSCALER, "status": _AUTOSCALER_STATUS},
    "PodDisruptionBudget": {"spec": _BUDGET, "status": _BUDGET_STATUS},
    "ValidatingWebhookConfiguration": {"webhooks": Keyed(_WEBHOOK, ("name",))},
    "MutatingWebhookConfiguration": {"webhooks": Keyed(_WEBHOOK, ("name",))},
    "CustomResourceDefinition": {
        "spec": _DEFINITION, "status": {"conditions": CONDITIONS, "acceptedNames": _NAMES, "storedVersions": [S]},
    },
}  # fmt: skip
OPEN = frozenset(
    {"Pod", "Deployment", "ReplicaSet", "StatefulSet", "Node", "PersistentVolumeClaim"}
)  # whose status is not spelled out


def schema_of(resource: ResourceType) -> Json | None:
    """Return the fields of a built-in kind's objects, None for kinds that are not spelled out (and custom ones)."""
    fields = _KINDS.get(resource.own_kind)
    if fields is None:
        return None
    return {"apiVersion": S, "kind": S, "metadata": METADATA, **fields}
