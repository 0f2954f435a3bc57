"""What the API fills in where an object leaves it open."""

from __future__ import annotations

import base64
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType

_RBAC = "rbac.authorization.k8s.io"


def fill_defaults(resource: ResourceType, value: Json) -> None:
    """Fill the given copy in. What has a wrong type is left for validation to refuse."""
    value.setdefault("apiVersion", resource.api_version)
    value.setdefault("kind", resource.kind)
    fill = _OF_KIND.get(resource.own_kind)
    if fill is not None:
        fill(value)


def _deployment(value: Json) -> None:
    spec = _dict(value, "spec")
    _set(spec, replicas=1, revisionHistoryLimit=10, progressDeadlineSeconds=600)
    strategy = _dict(spec, "strategy")
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(_dict(strategy, "rollingUpdate"), maxSurge="25%", maxUnavailable="25%")
    _template(spec)


def _replica_set(value: Json) -> None:
    spec = _dict(value, "spec")
    _set(spec, replicas=1)
    _template(spec)


def _stateful_set(value: Json) -> None:
    spec = _dict(value, "spec")
    _set(spec, replicas=1, revisionHistoryLimit=10, podManagementPolicy="OrderedReady")
    strategy = _dict(spec, "updateStrategy")
    _set(strategy, type="RollingUpdate")
    if strategy["type"] == "RollingUpdate":
        _set(_dict(strategy, "rollingUpdate"), partition=0)
    _template(spec)
    for claim in dicts(spec.get("volumeClaimTemplates")):
        _set(claim, apiVersion="v1", kind="PersistentVolumeClaim")
        _dict(claim, "metadata").setdefault("creationTimestamp", None)
        _claim(claim)


def _claim(value: Json) -> None:
    _set(_dict(value, "spec"), volumeMode="Filesystem")
    _set(_dict(value, "status"), phase="Pending")


def _template(spec: Json) -> None:
    template = _dict(spec, "template")
    _dict(template, "metadata").setdefault("creationTimestamp", None)
    _pod_spec(_dict(template, "spec"))


def _pod(value: Json) -> None:
    spec = _dict(value, "spec")
    _pod_spec(spec)
    _set(spec, serviceAccountName=spec.get("serviceAccount") or "default", enableServiceLinks=True, priority=0)
    _set(spec, serviceAccount=spec["serviceAccountName"], preemptionPolicy="PreemptLowerPriority")
    if "tolerations" not in spec:
        taints = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
        common = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
        spec["tolerations"] = [{"key": key, **common} for key in taints]
    _set(_dict(value, "status"), phase="Pending", qosClass=quality_of(spec))


def _pod_spec(spec: Json) -> None:
    _set(spec, restartPolicy="Always", dnsPolicy="ClusterFirst", terminationGracePeriodSeconds=30)
    _set(spec, schedulerName="default-scheduler", securityContext={})
    for name in ("initContainers", "containers"):
        for container in dicts(spec.get(name)):
            _container(container)
    for volume in dicts(spec.get("volumes")):
        if set(volume) == {"name"}:
            volume["emptyDir"] = {}
        for kind in ("configMap", "secret", "downwardAPI", "projected"):
            if isinstance(volume.get(kind), dict):
                _set(volume[kind], defaultMode=420)


def _container(container: Json) -> None:
    image = str(container.get("image", ""))
    moves = "@" not in image and (":" not in image.rpartition("/")[2] or image.endswith(":latest"))
    _set(container, imagePullPolicy="Always" if moves else "IfNotPresent", resources={})
    _set(container, terminationMessagePath="/dev/termination-log", terminationMessagePolicy="File")
    for port in dicts(container.get("ports")):
        _set(port, protocol="TCP")
    for name in ("livenessProbe", "readinessProbe", "startupProbe"):
        if isinstance(container.get(name), dict):
            probe = container[name]
            _set(probe, timeoutSeconds=1, periodSeconds=10, successThreshold=1, failureThreshold=3)
            _http(probe)
    for hook in dicts(list((container.get("lifecycle") or {}).values())):
        _http(hook)
    for one in dicts(container.get("env")):
        source = one.get("valueFrom")
        if isinstance(source, dict) and isinstance(source.get("fieldRef"), dict):
            _set(source["fieldRef"], apiVersion="v1")
        if isinstance(source, dict) and isinstance(source.get("resourceFieldRef"), dict):
            _set(source["resourceFieldRef"], divisor="0")
    resources = container["resources"]
    if isinstance(resources, dict) and isinstance(resources.get("limits"), dict):
        requests = _dict(resources, "requests")
        for name, limit in resources["limits"].items():
            requests.setdefault(name, limit)


def _http(handler: Json) -> None:
    if isinstance(handler.get("httpGet"), dict):
        _set(handler["httpGet"], path="/", scheme="HTTP")


def quality_of(spec: Json) -> str:
    """Return a pod's class of service."""
    resources = [one.get("resources") or {} for one in dicts(spec.get("containers"))]
    if not any(one.get("limits") or one.get("requests") for one in resources):
        return "BestEffort"
    full = ({"cpu", "memory"} <= set(one.get("limits") or {}) for one in resources)
    same = (all((one.get("requests") or {}).get(k) == v for k, v in (one.get("limits") or {}).items())
            for one in resources)  # fmt: skip
    return "Guaranteed" if all(full) and all(same) else "Burstable"


def _service(value: Json) -> None:
    spec = _dict(value, "spec")
    _set(spec, type="ClusterIP", sessionAffinity="None")
    if spec["type"] != "ExternalName":
        _set(spec, internalTrafficPolicy="Cluster")
    if spec["type"] in ("NodePort", "LoadBalancer"):
        _set(spec, externalTrafficPolicy="Cluster")
    for port in dicts(spec.get("ports")):
        _set(port, protocol="TCP")
        if "port" in port:
            _set(port, targetPort=port["port"])
    _set(value, status={"loadBalancer": {}})


def _namespace(value: Json) -> None:
    _dict(value["metadata"], "labels").setdefault("kubernetes.io/metadata.name", value["metadata"].get("name"))
    _set(_dict(value, "spec"), finalizers=["kubernetes"])
    _set(_dict(value, "status"), phase="Active")


def _secret(value: Json) -> None:
    _set(value, type="Opaque")
    plain = value.pop("stringData", None)
    if isinstance(plain, dict):
        data = _dict(value, "data")
        data |= {name: base64.b64encode(str(text).encode()).decode() for name, text in plain.items()}


def _binding(value: Json) -> None:
    if isinstance(value.get("roleRef"), dict):
        _set(value["roleRef"], apiGroup=_RBAC)
    for subject in dicts(value.get("subjects")):
        if subject.get("kind") in ("User", "Group"):
            _set(subject, apiGroup=_RBAC)


def _event(value: Json) -> None:
    _set(value, type="Normal", source={}, firstTimestamp=None, lastTimestamp=None, reportingComponent="")
    _set(value, reportingInstance="")


def _autoscaler(value: Json) -> None:
    _set(_dict(value, "spec"), minReplicas=1, targetCPUUtilizationPercentage=80)
    _set(_dict(value, "status"), currentReplicas=0, desiredReplicas=0)


def _budget(value: Json) -> None:
    _set(_dict(value, "status"), disruptionsAllowed=0, currentHealthy=0, desiredHealthy=0, expectedPods=0)


def _limit_range(value: Json) -> None:
    """A limit is what there may be at most, a request what the limit is, or else the least."""
    for one in dicts(_dict(value, "spec").get("limits")):
        if one.get("type") == "Container":
            for name, source in (("default", "max"), ("defaultRequest", "default"), ("defaultRequest", "min")):
                if isinstance(one.get(source), dict):
                    _set(_dict(one, name), **one[source])


def _webhooks(value: Json) -> None:
    for one in dicts(value.get("webhooks")):
        _set(one, failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})
        _set(one, timeoutSeconds=10)
        if value["kind"] == "MutatingWebhookConfiguration":
            _set(one, reinvocationPolicy="Never")
        for rule in dicts(one.get("rules")):
            _set(rule, scope="*")
        service = _dict(one, "clientConfig").get("service")
        if isinstance(service, dict):
            _set(service, port=443)


_OF_KIND = {
    "Deployment": _deployment, "ReplicaSet": _replica_set, "StatefulSet": _stateful_set, "Pod": _pod,
    "Service": _service, "Namespace": _namespace, "Secret": _secret, "RoleBinding": _binding,
    "ClusterRoleBinding": _binding, "Event": _event, "PersistentVolumeClaim": _claim,
    "HorizontalPodAutoscaler": _autoscaler, "PodDisruptionBudget": _budget, "LimitRange": _limit_range,
    "ValidatingWebhookConfiguration": _webhooks, "MutatingWebhookConfiguration": _webhooks,
}  # fmt: skip


def _set(value: Json, **defaults: Any) -> None:
    for name, default in defaults.items():
        if value.get(name) is None:
            value[name] = default


def _dict(value: Json, name: str) -> Json:
    """The object at a field, made where there is none; a detached one where something else is."""
    if value.get(name) is None:
        value[name] = {}
    found = value[name]
    return found if isinstance(found, dict) else {}


def dicts(value: Any) -> list[Json]:
    """Return the objects of a list; nothing when it is none."""
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
