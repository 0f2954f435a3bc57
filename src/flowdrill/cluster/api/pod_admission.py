"""What a new pod is given by its namespace: its account's pull secrets, and the limits that hold where it sets none."""

from __future__ import annotations

import copy
from collections.abc import Iterator

from flowdrill.cluster.api.defaults import dicts, quality_of
from flowdrill.cluster.api.resource_types import LIMIT_RANGES, PODS, SERVICE_ACCOUNTS, Json
from flowdrill.cluster.api.status_error import denied
from flowdrill.cluster.api.store import Store

_DEFAULT_ACCOUNT = "default"  # each namespace gets it in a moment
_KINDS = (("requests", "defaultRequest", "request"), ("limits", "default", "limit"))


def complete_pod(store: Store, pod: Json) -> None:
    """Fill in a pod that has its other defaults; 403 when its ServiceAccount is not there."""
    _use_account(store, pod)
    changes = [text for text in _limited(store, pod) if text]
    if changes:
        annotations = pod["metadata"].get("annotations") or {}
        annotations["kubernetes.io/limit-ranger"] = f"LimitRanger plugin set: {'; '.join(changes)}"
        pod["metadata"]["annotations"] = annotations
        pod["status"]["qosClass"] = quality_of(pod["spec"])


def _use_account(store: Store, pod: Json) -> None:
    spec, meta = pod["spec"], pod["metadata"]
    name = str(spec["serviceAccountName"])
    account = store.get(SERVICE_ACCOUNTS, meta["namespace"], name)
    if account is None and name != _DEFAULT_ACCOUNT:
        looked = f'error looking up service account {meta["namespace"]}/{name}: serviceaccount "{name}" not found'
        raise denied(PODS, meta["name"], looked)
    if account is not None and account.get("imagePullSecrets") and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = copy.deepcopy(account["imagePullSecrets"])


def _limited(store: Store, pod: Json) -> Iterator[str]:
    """Give containers what the LimitRanges have for those that say nothing; yield what was given to whom."""
    items = [
        one
        for limits in store.all(LIMIT_RANGES, pod["metadata"]["namespace"])
        for one in dicts((limits.get("spec") or {}).get("limits"))
        if one.get("type") == "Container"
    ]
    if not items:
        return
    for kind, source, word in _KINDS:
        given = {name: text for one in reversed(items) for name, text in (one.get(source) or {}).items()}
        for containers, noun in (("containers", "container"), ("initContainers", "init container")):
            for container in dicts(pod["spec"].get(containers)):
                held = container["resources"].get(kind) or {}
                missing = {name: text for name, text in given.items() if name not in held}
                if missing:
                    container["resources"][kind] = held | missing
                    yield f"{', '.join(sorted(missing))} {word} for {noun} {container.get('name')}"
