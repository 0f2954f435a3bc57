"""What an object must be: names, required fields, ranges, and what may never change."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from flowdrill.cluster.api.quantities import quantity
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.schemas import decode_error
from flowdrill.cluster.api.selectors import label_selector_of

Cause = tuple[str, str, str]  # field, reason, message
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUALIFIED = re.compile(r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_ENV = re.compile(r"[^=\0]+")
_PATH_NAME = re.compile(r"[^/%]+")
_SENTENCE_SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    r"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_SENTENCE_LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_LABEL_NAMES = frozenset({"Namespace", "Service"})
_FREE_NAMES = frozenset({"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"})
_WORKLOADS = frozenset({"Deployment", "ReplicaSet", "StatefulSet"})
_MUTABLE_OF_SET = frozenset({
    "replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
    "persistentVolumeClaimRetentionPolicy",
})  # fmt: skip


def field_errors(resource: ResourceType, value: Json, previous: Json | None) -> list[Cause]:
    """Return what is wrong, field by field; nothing when the object may be kept. `previous` is the present state."""
    malformed = decode_error(resource, value)
    if malformed is not None:
        return [("", "FieldValueTypeInvalid", malformed)]
    found = [*_metadata(resource, value)]
    check = _CHECKS.get(resource.kind)
    if check is not None:
        found += check(value)
    if previous is not None:
        found += _unchangeable(resource, value, previous)
    return found[:20]


def _metadata(resource: ResourceType, value: Json) -> Iterator[Cause]:
    meta = value["metadata"]
    name = meta["name"]
    if resource.kind in _FREE_NAMES:
        if not _PATH_NAME.fullmatch(name) or name in (".", ".."):
            yield "metadata.name", "FieldValueInvalid", f"Invalid value: {_quoted(name)}: may not contain '/' or '%'"
    elif resource.kind in _LABEL_NAMES:
        if not _LABEL.fullmatch(name) or len(name) > 63:
            yield "metadata.name", "FieldValueInvalid", f"Invalid value: {_quoted(name)}: {_SENTENCE_LABEL}"
    elif not _SUBDOMAIN.fullmatch(name) or len(name) > 253:
        yield "metadata.name", "FieldValueInvalid", f"Invalid value: {_quoted(name)}: {_SENTENCE_SUBDOMAIN}"
    yield from _labels(meta.get("labels"), "metadata.labels")
    for key in meta.get("annotations") or {}:
        if not _QUALIFIED.fullmatch(key):
            yield "metadata.annotations", "FieldValueInvalid", f"Invalid value: {_quoted(key)}: name part is not valid"


def _labels(labels: Json | None, field: str) -> Iterator[Cause]:
    for key, text in (labels or {}).items():
        if not _QUALIFIED.fullmatch(key):
            yield field, "FieldValueInvalid", f"Invalid value: {_quoted(key)}: name part is not valid"
        if len(str(text)) > 63 or not _LABEL_VALUE.fullmatch(str(text)):
            yield field, "FieldValueInvalid", (
                f"Invalid value: {_quoted(text)}: a valid label must be an empty string or consist of alphanumeric "
                "characters, '-', '_' or '.', and must start and end with an alphanumeric character"
            )  # fmt: skip


def _workload(value: Json) -> Iterator[Cause]:
    spec = value["spec"]
    for name in ("replicas", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds"):
        yield from _not_negative(spec.get(name), f"spec.{name}")
    selector, labels = spec.get("selector"), spec["template"]["metadata"].get("labels")
    if selector is None:
        yield "spec.selector", "FieldValueRequired", "Required value"
    elif not selector.get("matchLabels") and not selector.get("matchExpressions"):
        yield "spec.selector", "FieldValueInvalid", "Invalid value: {}: empty selector is invalid for deployment"
    elif not label_selector_of(selector).matches(labels):
        yield "spec.template.metadata.labels", "FieldValueInvalid", (
            f"Invalid value: {_quoted(labels)}: `selector` does not match template `labels`"
        )  # fmt: skip
    yield from _labels(labels, "spec.template.metadata.labels")
    yield from _pod_spec(spec["template"]["spec"], "spec.template.spec")
    if spec["template"]["spec"].get("restartPolicy") != "Always":
        policy = spec["template"]["spec"].get("restartPolicy")
        yield "spec.template.spec.restartPolicy", "FieldValueNotSupported", (
            f'Unsupported value: {_quoted(policy)}: supported values: "Always"'
        )  # fmt: skip


def _deployment(value: Json) -> Iterator[Cause]:
    yield from _workload(value)
    spec = value["spec"]
    strategy = spec["strategy"]
    rolling = strategy.get("rollingUpdate")
    if strategy["type"] not in ("RollingUpdate", "Recreate"):
        yield "spec.strategy.type", "FieldValueNotSupported", (
            f'Unsupported value: {_quoted(strategy["type"])}: supported values: "Recreate", "RollingUpdate"'
        )  # fmt: skip
    elif strategy["type"] == "Recreate" and rolling:
        message = "Forbidden: may not be specified when strategy `type` is 'Recreate'"
        yield "spec.strategy.rollingUpdate", "FieldValueForbidden", message
    if rolling:
        for name in ("maxSurge", "maxUnavailable"):
            yield from _int_or_percent(rolling.get(name), f"spec.strategy.rollingUpdate.{name}")
        if all(rolling.get(name) in (0, "0", "0%") for name in ("maxSurge", "maxUnavailable")):
            field = "spec.strategy.rollingUpdate.maxUnavailable"
            yield field, "FieldValueInvalid", "Invalid value: 0: may not be 0 when `maxSurge` is 0"
    deadline, ready = spec.get("progressDeadlineSeconds"), spec.get("minReadySeconds") or 0
    if deadline is not None and deadline <= ready:
        message = f"Invalid value: {deadline}: must be greater than minReadySeconds"
        yield "spec.progressDeadlineSeconds", "FieldValueInvalid", message


def _pod(value: Json) -> Iterator[Cause]:
    yield from _pod_spec(value["spec"], "spec")


def _pod_spec(spec: Json, at: str) -> Iterator[Cause]:
    if not spec.get("containers"):
        yield f"{at}.containers", "FieldValueRequired", "Required value"
    if spec.get("restartPolicy") not in ("Always", "OnFailure", "Never"):
        message = f'Unsupported value: {_quoted(spec.get("restartPolicy"))}: supported values: "Always", "Never", '
        yield f"{at}.restartPolicy", "FieldValueNotSupported", message + '"OnFailure"'
    yield from _not_negative(spec.get("terminationGracePeriodSeconds"), f"{at}.terminationGracePeriodSeconds")
    volumes = {str(one.get("name")) for one in spec.get("volumes") or ()}
    names: set[str] = set()
    for kind in ("initContainers", "containers"):
        for number, container in enumerate(spec.get(kind) or ()):
            field = f"{at}.{kind}[{number}]"
            yield from _container(container, field, volumes)
            if container.get("name") in names:
                yield f"{field}.name", "FieldValueDuplicate", f"Duplicate value: {_quoted(container['name'])}"
            names.add(str(container.get("name")))


def _container(container: Json, at: str, volumes: set[str]) -> Iterator[Cause]:
    name = container.get("name")
    if not name:
        yield f"{at}.name", "FieldValueRequired", "Required value"
    elif not _LABEL.fullmatch(name) or len(name) > 63:
        yield f"{at}.name", "FieldValueInvalid", f"Invalid value: {_quoted(name)}: {_SENTENCE_LABEL}"
    if not container.get("image"):
        yield f"{at}.image", "FieldValueRequired", "Required value"
    yield from _environment(container, at)
    yield from _mounts_and_ports(container, at, volumes)
    for part in ("limits", "requests"):
        for what, text in ((container.get("resources") or {}).get(part) or {}).items():
            yield from _is_quantity(text, f"{at}.resources.{part}[{what}]")
    for kind in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(kind) is not None:
            yield from _probe(container[kind], f"{at}.{kind}")


def _environment(container: Json, at: str) -> Iterator[Cause]:
    for number, one in enumerate(container.get("env") or ()):
        if not one.get("name"):
            yield f"{at}.env[{number}].name", "FieldValueRequired", "Required value"
        elif not _ENV.fullmatch(one["name"]):
            message = f"Invalid value: {_quoted(one['name'])}: a valid environment variable name has no '='"
            yield f"{at}.env[{number}].name", "FieldValueInvalid", message
        if one.get("value") and one.get("valueFrom"):
            message = 'Invalid value: "": may not be specified when `value` is not empty'
            yield f"{at}.env[{number}].valueFrom", "FieldValueInvalid", message


def _mounts_and_ports(container: Json, at: str, volumes: set[str]) -> Iterator[Cause]:
    for number, one in enumerate(container.get("ports") or ()):
        yield from _port(one.get("containerPort"), f"{at}.ports[{number}].containerPort")
    for number, one in enumerate(container.get("volumeMounts") or ()):
        if one.get("name") not in volumes:
            yield f"{at}.volumeMounts[{number}].name", "FieldValueNotFound", f"Not found: {_quoted(one.get('name'))}"
        if not one.get("mountPath"):
            yield f"{at}.volumeMounts[{number}].mountPath", "FieldValueRequired", "Required value"


def _probe(probe: Json, at: str) -> Iterator[Cause]:
    handlers = [one for one in ("exec", "httpGet", "tcpSocket", "grpc") if probe.get(one) is not None]
    if not handlers:
        yield at, "FieldValueRequired", "Required value: must specify a handler type"
    for extra in handlers[1:]:
        yield f"{at}.{extra}", "FieldValueForbidden", "Forbidden: may not specify more than 1 handler type"
    for name in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        yield from _not_negative(probe.get(name), f"{at}.{name}")


def _service(value: Json) -> Iterator[Cause]:
    spec = value["spec"]
    if spec["type"] not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        yield "spec.type", "FieldValueNotSupported", f"Unsupported value: {_quoted(spec['type'])}"
    ports = spec.get("ports") or []
    if not ports and spec["type"] != "ExternalName" and spec.get("clusterIP") != "None":
        yield "spec.ports", "FieldValueRequired", "Required value"
    for number, one in enumerate(ports):
        yield from _port(one.get("port"), f"spec.ports[{number}].port")
        if len(ports) > 1 and not one.get("name"):
            yield f"spec.ports[{number}].name", "FieldValueRequired", "Required value"


def _binding(value: Json) -> Iterator[Cause]:
    if not (value.get("roleRef") or {}).get("name"):
        yield "roleRef.name", "FieldValueRequired", "Required value"


def _definition(value: Json) -> Iterator[Cause]:
    spec = value.get("spec")
    names = spec.get("names") if isinstance(spec, dict) else None
    complete = isinstance(names, dict) and all(isinstance(names.get(one), str) for one in ("plural", "kind"))
    if not isinstance(spec, dict) or not complete or not isinstance(spec.get("group"), str):
        yield "spec", "FieldValueRequired", "Required value: group, scope, names.plural, names.kind and versions"
        return
    if value["metadata"]["name"] != f"{spec['names']['plural']}.{spec['group']}":
        message = f'Invalid value: {_quoted(value["metadata"]["name"])}: must be spec.names.plural+"."+spec.group'
        yield "metadata.name", "FieldValueInvalid", message
    versions = spec.get("versions")
    well_formed = isinstance(versions, list) and all(
        isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("subresources") or {}, dict)
        for one in versions
    )
    if not well_formed or not versions:
        yield "spec.versions", "FieldValueRequired", "Required value: must have at least one version"


def _unchangeable(resource: ResourceType, value: Json, previous: Json) -> Iterator[Cause]:
    new, old = value.get("spec") or {}, previous.get("spec") or {}
    if resource.kind in ("Deployment", "ReplicaSet") and new.get("selector") != old.get("selector"):
        message = f"Invalid value: {_quoted(new.get('selector'))}: field is immutable"
        yield "spec.selector", "FieldValueInvalid", message
    if resource.kind == "StatefulSet":
        fixed = [{k: v for k, v in one.items() if k not in _MUTABLE_OF_SET} for one in (new, old)]
        if fixed[0] != fixed[1]:
            yield "spec", "FieldValueForbidden", (
                "Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', "
                "'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and "
                "'minReadySeconds' are forbidden"
            )  # fmt: skip
    if resource.kind == "Pod" and _fixed_pod(new) != _fixed_pod(old):
        message = "Forbidden: pod updates may not change fields other than `spec.containers[*].image`,"
        yield "spec", "FieldValueForbidden", f"{message} `spec.activeDeadlineSeconds` or `spec.tolerations`"
    known = old.get("clusterIP")
    if resource.kind == "Service" and known and new.get("clusterIP") != known and new.get("type") != "ExternalName":
        message = f"Invalid value: {_quoted(new.get('clusterIP'))}: field is immutable"
        yield "spec.clusterIPs[0]", "FieldValueInvalid", message
    if resource.kind.endswith("RoleBinding") and value.get("roleRef") != previous.get("roleRef"):
        yield "roleRef", "FieldValueInvalid", "Invalid value: {}: cannot change roleRef"
    if resource.kind == "Secret" and value.get("type") != previous.get("type"):
        yield "type", "FieldValueInvalid", f"Invalid value: {_quoted(value.get('type'))}: field is immutable"
    if previous.get("immutable") and resource.kind in ("ConfigMap", "Secret"):
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


def _not_negative(number: Any, field: str) -> Iterator[Cause]:
    if number is not None and number < 0:
        yield field, "FieldValueInvalid", f"Invalid value: {number}: must be greater than or equal to 0"


def _int_or_percent(value: Any, field: str) -> Iterator[Cause]:
    if isinstance(value, str) and not re.fullmatch(r"\d{1,9}%", value):
        message = f"Invalid value: {_quoted(value)}: a valid percent string must be a numeric string followed by an "
        yield field, "FieldValueInvalid", f"{message}ending '%' (e.g. '1%',  or '93%', regex used is '[0-9]+%')"
    if isinstance(value, int):
        yield from _not_negative(value, field)


def _port(port: Any, field: str) -> Iterator[Cause]:
    if port is None:
        yield field, "FieldValueRequired", "Required value"
    elif not 0 < port < 65536:
        yield field, "FieldValueInvalid", f"Invalid value: {port}: must be between 1 and 65535, inclusive"


def _is_quantity(text: Any, field: str) -> Iterator[Cause]:
    try:
        number = quantity(text)
    except ValueError:
        yield (
            field,
            "FieldValueInvalid",
            f"Invalid value: {_quoted(text)}: quantities must match the regular expression",
        )
        return
    if number < 0:
        yield field, "FieldValueInvalid", f"Invalid value: {_quoted(text)}: must be greater than or equal to 0"


def _quoted(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)[:200]


_CHECKS = {
    "Deployment": _deployment, "ReplicaSet": _workload, "StatefulSet": _workload, "Pod": _pod, "Service": _service,
    "RoleBinding": _binding, "ClusterRoleBinding": _binding, "CustomResourceDefinition": _definition,
}  # fmt: skip
