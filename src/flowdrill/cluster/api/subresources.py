"""What is below an object: its scale, its logs, its tokens."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.patching import patched
from flowdrill.cluster.api.pod_logs import LogOptions
from flowdrill.cluster.api.request import Request, object_in
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.api.status_error import bad_request, conflict, method_not_allowed

_LONGEST_SECONDS = 1 << 31
_SELECTOR_SIGNS = {"Exists": "{key}", "DoesNotExist": "!{key}"}


def scale_of(value: Json) -> Json:
    """Return a workload's autoscaling/v1 Scale."""
    meta, spec, status = value["metadata"], value["spec"], value.get("status") or {}
    kept = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    shown = {"replicas": status.get("replicas", 0), "selector": _selector_text(spec.get("selector") or {})}
    return {
        "kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": {name: meta[name] for name in kept},
        "spec": {"replicas": spec.get("replicas", 1)}, "status": shown,
    }  # fmt: skip


def scale_asked(request: Request, resource: ResourceType, current: Json, body: bytes) -> Json:
    """Return a workload's Scale as a request wants it; StatusError when it cannot be, or is about another object."""
    before = scale_of(current)
    if request.method == "PATCH":
        if request.media_type.startswith("application/apply-patch"):
            raise method_not_allowed("a Scale cannot be applied here: patch it")
        kind = "application/merge-patch+json" if "strategic" in request.media_type else request.media_type
        wanted = patched(resource, before, body, kind)
    else:
        wanted = object_in(body, request.media_type)
    replicas, meta = replicas_of(wanted), wanted.get("metadata") or {}
    if meta.get("name") not in (None, "", current["metadata"]["name"]):
        raise bad_request(f"the name of the object does not match the name on the URL ({request.name})")
    for name in ("resourceVersion", "uid"):
        if meta.get(name) not in (None, "", current["metadata"][name]):
            raise conflict(resource, request.name or "")
    return before | {"spec": {"replicas": replicas}}


def replicas_of(scale: Json) -> int:
    """Return what a Scale asks for; StatusError 400 when it cannot be decoded."""
    spec, meta = ({} if scale.get(part) is None else scale[part] for part in ("spec", "metadata"))
    if not isinstance(spec, dict) or not isinstance(meta, dict):
        raise bad_request("the Scale cannot be decoded: spec and metadata must be objects")
    replicas: Any = 0 if spec.get("replicas") is None else spec["replicas"]
    if not isinstance(replicas, int) or isinstance(replicas, bool) or not 0 <= replicas < 1 << 31:
        raise bad_request(f"spec.replicas: Invalid value: {str(replicas)[:40]}: must be a number that is not negative")
    return replicas


def bound(objects: Objects, request: Request, body: bytes) -> Json:
    """Bind a pod to the node that a Binding names."""
    target = object_in(body, request.media_type).get("target")
    node = target.get("name") if isinstance(target, dict) else None
    if not isinstance(node, str) or not node:
        raise bad_request("target.name: Required value")
    objects.bind(request.namespace or "", request.name or "", node, dry_run=request.dry_run)
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


def finalized(objects: Objects, request: Request, body: bytes) -> Json:
    """Set what a namespace waits for before it goes, to what a Namespace says."""
    spec, name = object_in(body, request.media_type).get("spec") or {}, request.name or ""
    finalizers = spec.get("finalizers") or [] if isinstance(spec, dict) else None
    if not isinstance(finalizers, list) or not all(isinstance(one, str) for one in finalizers):
        raise bad_request("spec.finalizers: must be a list of texts")
    return objects.finalize(name, finalizers, dry_run=request.dry_run)


def log_options(request: Request, pod: Json) -> LogOptions:
    """Return which log is asked for; StatusError 400 when the container must be named or is none of the pod's."""
    spec, name = pod["spec"], pod["metadata"]["name"]
    containers = [str(one["name"]) for one in spec["containers"]]
    initial = [str(one["name"]) for one in spec.get("initContainers") or ()]
    chosen = request.query.get("container") or (containers[0] if len(containers) == 1 else "")
    if not chosen:
        listed = " ".join([*initial, *containers])
        raise bad_request(f"a container name must be specified for pod {name}, choose one of: [{listed}]")
    if chosen not in [*initial, *containers]:
        raise bad_request(f"container {chosen} is not valid for pod {name}")
    since = request.number("sinceSeconds")
    return LogOptions(
        container=chosen,
        follow=request.flag("follow"),
        previous=request.flag("previous"),
        timestamps=request.flag("timestamps"),
        tail_lines=request.number("tailLines"),
        limit_bytes=request.number("limitBytes"),
        since_seconds=None if since is None else min(since, _LONGEST_SECONDS),
        since_time=_time(request.query.get("sinceTime")),
    )


def _time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        raise bad_request(f'sinceTime: Invalid value: "{text[:40]}"') from error
    if found.tzinfo is None:
        raise bad_request(f'sinceTime: Invalid value: "{text[:40]}": it names no time zone')
    return found


def _selector_text(selector: Json) -> str:
    terms = []
    for one in label_selector_of(selector).requirements:
        if one.operator in _SELECTOR_SIGNS:
            terms.append(_SELECTOR_SIGNS[one.operator].format(key=one.key))
        elif one.operator == "In" and len(one.values) == 1:
            terms.append(f"{one.key}={one.values[0]}")
        else:
            terms.append(f"{one.key} {one.operator.lower()} ({','.join(one.values)})")
    return ",".join(terms)
