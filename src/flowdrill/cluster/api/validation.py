"""What an object must be: names, required fields, ranges, and what may never change."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from flowdrill.cluster.api.claim_rules import claim_change_errors, claim_errors
from flowdrill.cluster.api.decoding import decode_error
from flowdrill.cluster.api.limit_rules import autoscaler_errors, budget_errors, limit_range_errors, quota_errors
from flowdrill.cluster.api.metadata_rules import (
    DNS_LABEL,
    DNS_LABEL_SENTENCE,
    Cause,
    dns_label_errors,
    label_errors,
    metadata_errors,
    quoted,
)
from flowdrill.cluster.api.resource_types import BUILT_IN_GROUPS, Json, ResourceType
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.api.value_rules import int_or_percent, is_quantity, not_negative, port
from flowdrill.cluster.api.webhook_rules import webhook_errors

_ENV = re.compile(r"[^=\0]+")
_DATA_KEY = re.compile(r"[-._a-zA-Z0-9]{1,253}")
_LARGEST_DATA = 1 << 20
_OPERATORS = {"In": True, "NotIn": True, "Exists": False, "DoesNotExist": False}  # whether it needs values
_MUTABLE_OF_SET = frozenset({
    "replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
})  # fmt: skip


def field_errors(resource: ResourceType, value: Json, previous: Json | None) -> list[Cause]:
    """Return what is wrong, field by field; nothing when the object may be kept. `previous` is the present state."""
    malformed = decode_error(resource, value)
    if malformed is not None:
        return [("", "FieldValueTypeInvalid", malformed)]
    found = [*metadata_errors(resource, value, previous)]
    check = _CHECKS.get(resource.own_kind)
    if check is not None:
        found += check(value)
    if previous is not None:
        found += _unchangeable(resource, value, previous)
        found += claim_change_errors(value, previous) if resource.own_kind == "PersistentVolumeClaim" else ()
    return found[:20]


def _workload(value: Json) -> Iterator[Cause]:
    spec = value["spec"]
    for name in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from not_negative(spec.get(name), f"spec.{name}")
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if selector is None:
        yield "spec.selector", "FieldValueRequired", "Required value"
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield "spec.selector", "FieldValueInvalid", "Invalid value: {}: empty selector is invalid for deployment"
    elif any(_OPERATORS.get(one.get("operator", "")) is not bool(one.get("values"))
             for one in selector.get("matchExpressions") or ()):  # fmt: skip
        message = "Invalid value: not a valid selector operator, or one with the wrong number of values"
        yield "spec.selector.matchExpressions", "FieldValueInvalid", message
    elif not label_selector_of(selector).matches(labels):
        yield "spec.template.metadata.labels", "FieldValueInvalid", (
            f"Invalid value: {quoted(labels)}: `selector` does not match template `labels`"
        )  # fmt: skip
    yield from label_errors(labels, "spec.template.metadata.labels")
    claims = [str((one.get("metadata") or {}).get("name")) for one in spec.get("volumeClaimTemplates") or ()]
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec", claims)
    if spec["template"]["spec"].get("restartPolicy") != "Always":
        policy = spec["template"]["spec"].get("restartPolicy")
        yield "spec.template.spec.restartPolicy", "FieldValueNotSupported", (
            f'Unsupported value: {quoted(policy)}: supported values: "Always"'
        )  # fmt: skip


def _deployment(value: Json) -> Iterator[Cause]:
    yield from _workload(value)
    spec = value["spec"]
    strategy = spec["strategy"]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] not in ("RollingUpdate", "Recreate"):
        yield "spec.strategy.type", "FieldValueNotSupported", (
            f'Unsupported value: {quoted(strategy["type"])}: supported values: "Recreate", "RollingUpdate"'
        )  # fmt: skip
    elif strategy["type"] == "Recreate" and rolling:
        message = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield "spec.strategy.rollingUpdate", "FieldValueForbidden", message
    if rolling:
        for name in ("maxSurge", "maxUnavailable"):
            yield from int_or_percent(rolling.get(name), f"spec.strategy.rollingUpdate.{name}")
        if all(rolling.get(name) in (0, "0", "0%") for name in ("maxSurge", "maxUnavailable")):
            field = "spec.strategy.rollingUpdate.maxUnavailable"
            yield field, "FieldValueInvalid", "Invalid value: 0: may not be 0 when `maxSurge` is 0"
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline is not None and deadline <= ready:
        message = f"Invalid value: {deadline}: must be greater than minReadySeconds"
        yield "spec.progressDeadlineSeconds", "FieldValueInvalid", message


def _pod(value: Json) -> Iterator[Cause]:
    yield from _pod_spec(value["spec"], "spec")


def _pod_spec(spec: Json, at: str, claim_templates: Iterable[str] = ()) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield f"{at}.containers", "FieldValueRequired", "Required value"
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        message = f'Unsupported value: {quoted(spec.get("restartPolicy"))}: supported values: "Always", "Never", '
        yield f"{at}.restartPolicy", "FieldValueNotSupported", message + '"OnFailure"'
    yield from not_negative(spec.get("terminationGracePeriodSeconds"), f"{at}.terminationGracePeriodSeconds")
    volumes: set[str] = set()
    for number, volume in enumerate(spec.get("volumes") or ()):
        name = str(volume.get("name") or "")
        yield from dns_label_errors(name, f"{at}.volumes[{number}].name")
        if name in volumes:
            yield f"{at}.volumes[{number}].name", "FieldValueDuplicate", f"Duplicate value: {quoted(name)}"
        volumes.add(name)
        if volume.get("persistentVolumeClaim") is not None and not volume["persistentVolumeClaim"].get("claimName"):
            yield f"{at}.volumes[{number}].persistentVolumeClaim.claimName", "FieldValueRequired", "Required value"
    volumes |= {*claim_templates}
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or ()):
            field = f"{at}.{kind}[{number}]"
            yield from _container(container, field, volumes)
            if container.get("name") in names:
                yield f"{field}.name", "FieldValueDuplicate", f"Duplicate value: {quoted(container['name'])}"
            names.add(str(container.get("name")))


def _container(container: Json, at: str, volumes: set[str]) -> Iterator[Cause]:
    yield from dns_label_errors(str(container.get("name") or ""), f"{at}.name")
    if not container.get("image"):
        yield f"{at}.image", "FieldValueRequired", "Required value"
    yield from _environment(container, at)
    yield from _mounts_and_ports(container, at, volumes)
    for part in ("limits", "requests"):
        for what, text in ((container.get("resources") or {}).get(part) or {}).items():
            yield from is_quantity(text, f"{at}.resources.{part}[{what}]")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind) is not None:
            yield from _probe(container[kind], f"{at}.{kind}")


def _environment(container: Json, at: str) -> Iterator[Cause]:
    for number, one in enumerate(container.get("env") or ()):
        if not one.get("name"):
            yield f"{at}.env[{number}].name", "FieldValueRequired", "Required value"
        elif not _ENV.fullmatch(one["name"]):
            message = f"Invalid value: {quoted(one['name'])}: a valid environment variable name has no '='"
            yield f"{at}.env[{number}].name", "FieldValueInvalid", message
        if one.get("value") and one.get("valueFrom"):
            message = 'Invalid value: "": may not be specified when `value` is not empty'
            yield f"{at}.env[{number}].valueFrom", "FieldValueInvalid", message


def _mounts_and_ports(container: Json, at: str, volumes: set[str]) -> Iterator[Cause]:
    for number, one in enumerate(container.get("ports") or ()):
        yield from port(one.get("containerPort"), f"{at}.ports[{number}].containerPort")
    for number, one in enumerate(container.get("volumeMounts") or ()):
        if one.get("name") not in volumes:
            yield f"{at}.volumeMounts[{number}].name", "FieldValueNotFound", f"Not found: {quoted(one.get('name'))}"
        if not one.get("mountPath"):
            yield f"{at}.volumeMounts[{number}].mountPath", "FieldValueRequired", "Required value"


def _probe(probe: Json, at: str) -> Iterator[Cause]:
    handlers = [one for one in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(one) is not None]
    if not handlers:
        yield at, "FieldValueRequired", "Required value: must specify a handler type"
    for extra in handlers[1:]:
        yield f"{at}.{extra}", "FieldValueForbidden", "Forbidden: may not specify more than 1 handler type"
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from not_negative(probe.get(name), f"{at}.{name}")


def _service(value: Json) -> Iterator[Cause]:
    spec = value["spec"]
    if spec["type"] not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        yield "spec.type", "FieldValueNotSupported", f"Unsupported value: {quoted(spec['type'])}"
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield "spec.ports", "FieldValueRequired", "Required value"
    for number, one in enumerate(ports):
        yield from port(one.get("port"), f"spec.ports[{number}].port")
        if len(ports) > 1 and not one.get("name"):
            yield f"spec.ports[{number}].name", "FieldValueRequired", "Required value"


def _binding(value: Json) -> Iterator[Cause]:
    reference = value.get("roleRef") or {}
    kinds = ("ClusterRole",) if value["kind"] == "ClusterRoleBinding" else ("Role", "ClusterRole")
    if not reference.get("name"):
        yield "roleRef.name", "FieldValueRequired", "Required value"
    if reference.get("kind") not in kinds:
        listed = ", ".join(map(quoted, kinds))
        message = f"Unsupported value: {quoted(reference.get('kind'))}: supported values: {listed}"
        yield "roleRef.kind", "FieldValueNotSupported", message
    for number, one in enumerate(value.get("subjects") or ()):
        if not one.get("name"):
            yield f"subjects[{number}].name", "FieldValueRequired", "Required value"
        if one.get("kind") not in ("User", "Group", "ServiceAccount"):
            message = f"Unsupported value: {quoted(one.get('kind'))}"
            yield f"subjects[{number}].kind", "FieldValueNotSupported", message
        elif one["kind"] == "ServiceAccount" and not one.get("namespace"):
            yield f"subjects[{number}].namespace", "FieldValueRequired", "Required value"


def _definition(value: Json) -> Iterator[Cause]:
    spec = value.get("spec") or {}
    names = spec.get("names") or {}
    for field, part, name in (
        ("spec.group", spec, "group"), ("spec.names.plural", names, "plural"), ("spec.names.kind", names, "kind"),
        ("spec.scope", spec, "scope"), ("spec.versions", spec, "versions"),
    ):  # fmt: skip
        if not part.get(name):
            yield field, "FieldValueRequired", "Required value"
    if spec.get("group") in BUILT_IN_GROUPS:
        message = f"Invalid value: {quoted(spec['group'])}: the cluster serves this group itself"
        yield "spec.group", "FieldValueInvalid", message
    if value["metadata"]["name"] != f"{names.get('plural')}.{spec.get('group')}":
        message = f'Invalid value: {quoted(value["metadata"]["name"])}: must be spec.names.plural+"."+spec.group'
        yield "metadata.name", "FieldValueInvalid", message
    for number, one in enumerate(spec.get("versions") or ()):
        if not DNS_LABEL.fullmatch(one.get("name") or ""):
            message = f"Invalid value: {quoted(one.get('name'))}: {DNS_LABEL_SENTENCE}"
            yield f"spec.versions[{number}].name", "FieldValueInvalid", message


def _data(value: Json) -> Iterator[Cause]:
    parts = [value.get("data") or {}, value.get("binaryData") or {}]
    if sum(len(text.encode()) for part in parts for text in part.values()) > _LARGEST_DATA:
        yield "", "FieldValueTooLong", f"Too long: may not be more than {_LARGEST_DATA} bytes"
    for key in (key for part in parts for key in part):
        if not _DATA_KEY.fullmatch(key) or key in (".", ".."):
            yield f"data[{key}]", "FieldValueInvalid", (
                f"Invalid value: {quoted(key)}: a valid config key must consist of alphanumeric characters, "
                "'-', '_' or '.'"
            )  # fmt: skip


def _unchangeable(resource: ResourceType, value: Json, previous: Json) -> Iterator[Cause]:
    new, old = value.get("spec") or {}, previous.get("spec") or {}
    if resource.own_kind in ("Deployment", "ReplicaSet") and new.get("selector") != old.get("selector"):
        message = f"Invalid value: {quoted(new.get('selector'))}: field is immutable"
        yield "spec.selector", "FieldValueInvalid", message
    if resource.own_kind == "StatefulSet":
        fixed = [{k: v for k, v in one.items() if k not in _MUTABLE_OF_SET} for one in (new, old)]
        if fixed[0] != fixed[1]:
            yield "spec", "FieldValueForbidden", (
                "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                "'minReadySeconds' are forbidden"
            )  # fmt: skip
    if resource.own_kind == "Pod" and _fixed_pod(new) != _fixed_pod(old):
        message = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        yield "spec", "FieldValueForbidden", f"{message} `spec.activeDeadlineSeconds` or `spec.tolerations`"
    known = old.get("clusterIP")
    if resource.own_kind == "Service" and known and new.get("clusterIP") != known and new.get("type") != "ExternalName":
        message = f"Invalid value: {quoted(new.get('clusterIP'))}: field is immutable"
        yield "spec.clusterIPs[0]", "FieldValueInvalid", message
    if resource.own_kind.endswith("RoleBinding") and value.get("roleRef") != previous.get("roleRef"):
        yield "roleRef", "FieldValueInvalid", "Invalid value: {}: cannot change roleRef"
    if resource.own_kind == "Secret" and value.get("type") != previous.get("type"):
        yield "type", "FieldValueInvalid", f"Invalid value: {quoted(value.get('type'))}: field is immutable"
    if previous.get("immutable") and resource.own_kind in ("ConfigMap", "Secret"):
        parts = ("data", "binaryData", "immutable")
        if any(value.get(part) != previous.get(part) for part in parts):
            yield "data", "FieldValueForbidden", "Forbidden: field is immutable when `immutable` is set"


def _fixed_pod(spec: Json) -> Json:
    fixed = {k: v for k, v in spec.items() if k not in ("activeDeadlineSeconds", "tolerations")}
    if not fixed.get("nodeName"):
        fixed.pop("nodeName", None)
    for kind in ("containers", "initContainers"):
        if kind in fixed:
            fixed[kind] = [{**one, "image": "", "imagePullPolicy": ""} for one in fixed[kind]]
    return fixed


_CHECKS = {
    "Deployment": _deployment, "ReplicaSet": _workload, "StatefulSet": _workload, "Pod": _pod, "Service": _service,
    "RoleBinding": _binding, "ClusterRoleBinding": _binding, "CustomResourceDefinition": _definition,
    "ConfigMap": _data, "Secret": _data, "PersistentVolumeClaim": claim_errors,
    "ResourceQuota": quota_errors, "HorizontalPodAutoscaler": autoscaler_errors, "PodDisruptionBudget": budget_errors,
    "LimitRange": limit_range_errors, "ValidatingWebhookConfiguration": webhook_errors,
    "MutatingWebhookConfiguration": webhook_errors,
}  # fmt: skip
