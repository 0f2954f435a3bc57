"""The types of those fields of Kubernetes' own objects that are read here, as its API documents them. Pure.

An API server keeps to them. What comes in their place does not, and is turned away at the door: behind it nobody asks
again whether a name is a text, or whether it leads a path elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from flowdrill.edges.kubernetes.refusals import printable

Json = dict[str, Any]


class Leaf(Enum):
    """What a field holds that has no fields of its own."""

    TEXT = "no text"
    NAME = "no name of an object"  # goes into paths
    COUNT = "no number"
    FLAG = "neither true nor false"
    PORT = "neither a number nor a name"
    ANY_OBJECT = "no object"


@dataclass(frozen=True, slots=True)
class Fields:
    """An object. Keys with a `!` must be there; all others may be missing, or null."""

    known: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of such values."""

    one: Shape


@dataclass(frozen=True, slots=True)
class TextsByName:
    """An object whose values are texts: labels, a selector, a ConfigMap's data."""


Shape = Leaf | Fields | ListOf | TextsByName

_MOST = 2**63  # int64, the largest integer of the API
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/%?#\x00-\x20\x7f-\x9f\ud800-\udfff]{1,253}")
_TEXTS, _TEXT, _COUNT, _FLAG, _OBJECT = TextsByName(), Leaf.TEXT, Leaf.COUNT, Leaf.FLAG, Leaf.ANY_OBJECT

_OWNER = Fields({"uid": _TEXT, "name": _TEXT, "kind": _TEXT, "controller": _FLAG})
_META_FIELDS: dict[str, Shape] = {
    "namespace": Leaf.NAME, "generation": _COUNT, "labels": _TEXTS, "annotations": _TEXTS,
    "ownerReferences": ListOf(_OWNER), "deletionTimestamp": _TEXT, "creationTimestamp": _TEXT,
    "managedFields": ListOf(_OBJECT),
}  # fmt: skip
# everything that the API server keeps
_STORED: dict[str, Shape] = {"uid!": _TEXT, "resourceVersion!": _TEXT, **_META_FIELDS}
_META = Fields({"name!": Leaf.NAME, **_STORED})
_NAMELESS = Fields({"name": Leaf.NAME, **_STORED})  # nobody is named by it
_SELECTOR = Fields({
    "matchLabels": _TEXTS,
    "matchExpressions": ListOf(Fields({"key!": _TEXT, "operator!": _TEXT, "values": ListOf(_TEXT)})),
})  # fmt: skip
_CONTAINER = Fields({
    "name!": _TEXT, "image": _TEXT, "imagePullPolicy": _TEXT, "command": ListOf(_TEXT), "args": ListOf(_TEXT),
    "env": ListOf(Fields({"name!": _TEXT, "value": _TEXT, "valueFrom": _OBJECT})), "resources": _OBJECT,
    "ports": ListOf(_OBJECT), "securityContext": _OBJECT,
    "volumeMounts": ListOf(Fields({"name!": _TEXT, "mountPath": _TEXT})),
})  # fmt: skip
_CONFIG_MAP_SOURCE = {"configMap": Fields({"name": Leaf.NAME})}
_VOLUME = Fields({
    "name!": _TEXT, **_CONFIG_MAP_SOURCE,
    "projected": Fields({"sources": ListOf(Fields(_CONFIG_MAP_SOURCE))}),
})  # fmt: skip
_POD_SPEC = Fields({
    "containers!": ListOf(_CONTAINER), "initContainers": ListOf(_CONTAINER), "volumes": ListOf(_VOLUME),
    "nodeSelector": _TEXTS, "serviceAccountName": _TEXT,
})  # fmt: skip
_TEMPLATE = Fields({"metadata": Fields({"labels": _TEXTS, "annotations": _TEXTS}), "spec!": _POD_SPEC})
_CONDITIONS = ListOf(Fields({"type": _TEXT, "status": _TEXT, "reason": _TEXT, "message": _TEXT}))
_ENDED = Fields({"reason": _TEXT, "message": _TEXT, "exitCode": _COUNT})
_STATE = Fields({"waiting": Fields({"reason": _TEXT, "message": _TEXT}), "running": _OBJECT, "terminated": _ENDED})
_CONTAINER_STATUS = Fields({
    "name": _TEXT, "image": _TEXT, "imageID": _TEXT, "restartCount": _COUNT, "state": _STATE, "lastState": _STATE,
})  # fmt: skip
_REFERENCE = Fields({"kind": _TEXT, "uid": _TEXT, "name": _TEXT, "fieldPath": _TEXT})
_SERVING = Fields({"targetRef": _REFERENCE, "conditions": Fields({"ready": _FLAG})})
_COUNTS: dict[str, Shape] = dict.fromkeys(
    ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas", "observedGeneration"), _COUNT
)
_WORKLOAD = Fields({
    "metadata!": _META,
    "spec!": Fields({
        "replicas": _COUNT, "selector": _SELECTOR, "template!": _TEMPLATE, "paused": _FLAG,
        "updateStrategy": Fields({"type": _TEXT, "rollingUpdate": Fields({"partition": _COUNT})}),
        "volumeClaimTemplates": ListOf(Fields({"metadata!": Fields({"name!": Leaf.NAME, **_META_FIELDS})})),
    }),
    "status": Fields({
        **_COUNTS, "conditions": _CONDITIONS, "currentRevision": _TEXT, "updateRevision": _TEXT,
    }),
})  # fmt: skip
_REVISION = Fields({"metadata!": _META})  # its data is a patch: what reads it asks for each type
_OF_RESOURCE: dict[str, Fields] = {
    "deployments": _WORKLOAD,
    "statefulsets": _WORKLOAD,
    "replicasets": Fields({
        "metadata!": _META, "spec!": Fields({"replicas": _COUNT, "template": _TEMPLATE}), "status": Fields(_COUNTS),
    }),
    "controllerrevisions": _REVISION,
    "pods": Fields({
        "metadata!": _META, "spec!": _POD_SPEC,
        "status": Fields({
            "phase": _TEXT, "podIP": _TEXT, "reason": _TEXT, "message": _TEXT, "conditions": _CONDITIONS,
            "containerStatuses": ListOf(_CONTAINER_STATUS), "initContainerStatuses": ListOf(_CONTAINER_STATUS),
        }),
    }),
    "events": Fields({
        "metadata!": _NAMELESS, "involvedObject": _REFERENCE, "type": _TEXT, "reason": _TEXT, "message": _TEXT,
        "count": _COUNT, "series": Fields({"count": _COUNT}), "firstTimestamp": _TEXT, "lastTimestamp": _TEXT,
        "eventTime": _TEXT,
    }),
    "endpoints": Fields({
        "metadata!": _NAMELESS, "subsets": ListOf(Fields({"addresses": ListOf(_SERVING)})),
    }),
    "endpointslices": Fields({"metadata!": _NAMELESS, "endpoints": ListOf(_SERVING)}),
    "services": Fields({
        "metadata!": _META,
        "spec": Fields({
            "selector": _TEXTS,
            "ports": ListOf(Fields({
                "name": _TEXT, "port": _COUNT, "nodePort": _COUNT, "targetPort": Leaf.PORT, "protocol": _TEXT,
            })),
        }),
    }),
    "configmaps": Fields({}),  # whoever reads one says more exactly what is wrong with it
    "leases": Fields({"metadata!": _NAMELESS, "spec": Fields({"holderIdentity": _TEXT, "acquireTime": _TEXT})}),
    "rolebindings": Fields({
        "metadata!": _META, "roleRef": _OBJECT, "subjects": ListOf(Fields({"kind": _TEXT, "name": _TEXT})),
    }),
}  # fmt: skip
_ANY = Fields({"metadata": Fields({"name": Leaf.NAME, **_META_FIELDS})})  # whoever reads others asks for each type
_DISCOVERY = Fields({
    "versions": ListOf(Fields({"version!": _TEXT})),
    "resources": ListOf(Fields({"name!": _TEXT, "kind": _TEXT, "namespaced": _FLAG})),
})  # fmt: skip
_LIST_META = Fields({"resourceVersion": _TEXT, "continue": _TEXT})


def check_answer(path: str, answer: Json) -> None:
    """ValueError naming the first field of the answer of a GET of `path` that is not what it is in Kubernetes' API."""
    resource, named = _resource_of(path)
    if resource is None:
        _check(answer, _DISCOVERY, "")
    elif named:
        check_object(resource, answer)
    else:
        _check(answer.get("metadata") or {}, _LIST_META, "metadata")
        items = answer.get("items")
        if items is not None and not isinstance(items, list):
            raise ValueError("items is no list")
        for number, item in enumerate(items or (), 1):
            _check(item, _OF_RESOURCE.get(resource, _ANY), f"item {number}")


def check_event(path: str, item: object) -> None:
    """The same for what one event of a watch of `path` is about."""
    check_object(_resource_of(path)[0], item)


def check_object(resource: str | None, item: object) -> None:
    """The same for one object of a resource."""
    _check(item, _OF_RESOURCE.get(resource or "", _ANY), "")


def _resource_of(path: str) -> tuple[str | None, bool]:
    """The resource that a path leads to, and whether it names one object; None for discovery and the version."""
    _, root, *parts = path.split("/")
    below = parts[1:] if root == "api" else parts[2:] if root == "apis" else []
    if below[:1] == ["namespaces"] and len(below) > 2:
        below = below[2:]
    return (below[0], len(below) > 1) if below else (None, False)


def _check(value: object, shape: Shape, where: str) -> None:
    match shape:
        case Leaf():
            if not _holds(value, shape):
                raise ValueError(f"{_shown(where)} is {shape.value}")
        case TextsByName():
            texts = value.values() if isinstance(value, dict) else [None]
            if not all(isinstance(one, str) for one in texts):
                raise ValueError(f"{_shown(where)} is no object of texts")
        case ListOf(one):
            if not isinstance(value, list):
                raise ValueError(f"{_shown(where)} is no list")  # noqa: TRY004 - as below
            for number, each in enumerate(value):
                _check(each, one, f"{where}[{number}]")
        case Fields(known):
            _check_fields(value, known, where)


def _check_fields(value: object, known: Mapping[str, Shape], where: str) -> None:
    if not isinstance(value, dict):
        raise ValueError(f"{_shown(where)} is no object")  # noqa: TRY004 - it is the answer's content that is wrong
    for key, shape in known.items():
        name = key.removesuffix("!")
        found = value.get(name)
        if found is not None or key != name:
            _check(found, shape, f"{where}.{name}" if where else name)


def _holds(value: object, leaf: Leaf) -> bool:
    match leaf:
        case Leaf.TEXT:
            return isinstance(value, str)
        case Leaf.NAME:
            return isinstance(value, str) and _NAME.fullmatch(value) is not None
        case Leaf.COUNT:
            return isinstance(value, int) and not isinstance(value, bool) and -_MOST <= value < _MOST
        case Leaf.FLAG:
            return isinstance(value, bool)
        case Leaf.PORT:
            return isinstance(value, str) or _holds(value, Leaf.COUNT)
        case Leaf.ANY_OBJECT:
            return isinstance(value, dict)


def _shown(where: str) -> str:
    return printable(where) or "the answer"
