"""Pod templates: made into pods, compared, and named by a hash."""

from __future__ import annotations

import copy
import hashlib
import json

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.controllers.owning import reference_to

HASH_LABEL = "pod-template-hash"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def pod_from(template: Json, owner: Json) -> Json:
    """Return a new pod of a template; its name is still open."""
    kept = {part: copy.deepcopy(template["metadata"][part]) for part in ("labels", "annotations", "finalizers")
            if template["metadata"].get(part)}  # fmt: skip
    meta = {**kept, "namespace": owner["metadata"]["namespace"], "ownerReferences": [reference_to(owner)]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": copy.deepcopy(template["spec"])}


def same_template(one: Json, other: Json) -> bool:
    """Return whether two templates are the same but for the hash label."""
    return _plain(one) == _plain(other)


def hash_of(template: Json, collisions: int | None) -> str:
    """Return a short name for a template, which counts how often names were taken by other templates."""
    text = json.dumps([_plain(template), collisions or 0], sort_keys=True)
    number = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8])
    letters = []
    for _ in range(10):
        number, rest = divmod(number, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)


def _plain(template: Json) -> Json:
    meta = template.get("metadata") or {}
    labels = {name: text for name, text in (meta.get("labels") or {}).items() if name != HASH_LABEL}
    return {"labels": labels, "annotations": meta.get("annotations") or {}, "spec": template["spec"]}
