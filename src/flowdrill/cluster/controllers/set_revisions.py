"""The revisions of a StatefulSet: one ControllerRevision a template."""

from __future__ import annotations

import copy
from collections.abc import Collection
from typing import Any

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONTROLLER_REVISIONS, Json
from flowdrill.cluster.api.selectors import label_selector_of
from flowdrill.cluster.controllers.owning import controller_of, reference_to, take_in
from flowdrill.cluster.controllers.templates import hash_of, same_template

REVISION_LABEL, _HASH_LABEL = "controller-revision-hash", "controller.kubernetes.io/hash"


def set_revisions(objects: Objects, found: Json) -> list[Json]:
    """Return a set's revisions by number; the last one holds its present template. An older revision with the same
    template becomes the last one again. Revisions that are nobody's, such as those of a set that was deleted without
    its dependents, are taken in."""
    _take_in_orphans(objects, found)
    known = _own(objects, found)
    template = found["spec"]["template"]
    same = next((one for one in reversed(known) if same_template(one["data"]["spec"]["template"], template)), None)
    latest = known[-1]["revision"] if known else 0
    if same is None:
        return [*known, _made(objects, found, latest + 1)]
    if same["revision"] < latest:
        meta = same["metadata"]

        def edit(one: Json) -> None:
            one["revision"] = latest + 1

        same = objects.change(CONTROLLER_REVISIONS, meta["namespace"], meta["name"], edit)
    return [*(one for one in known if one["metadata"]["uid"] != same["metadata"]["uid"]), same]


def prune_revisions(objects: Objects, found: Json, live: Collection[str]) -> None:
    """Delete the oldest revisions that nothing uses, down to the set's limit."""
    limit = found["spec"].get("revisionHistoryLimit", 10)
    idle = [one for one in _own(objects, found) if one["metadata"]["name"] not in live]
    for one in idle[: max(0, len(idle) - limit)]:
        meta = one["metadata"]
        objects.delete(CONTROLLER_REVISIONS, meta["namespace"], meta["name"], DeleteOptions(uid=meta["uid"]))


def _own(objects: Objects, found: Json) -> list[Json]:
    meta = found["metadata"]
    revisions = objects.select(CONTROLLER_REVISIONS, meta["namespace"])
    own = [one for one in revisions if (controller_of(one) or {}).get("uid") == meta["uid"] and _is_readable(one)]
    return sorted(own, key=lambda one: int(one["revision"]))


def _take_in_orphans(objects: Objects, found: Json) -> None:
    selector = label_selector_of(found["spec"].get("selector"))
    for one in objects.select(CONTROLLER_REVISIONS, found["metadata"]["namespace"]):
        meta = one["metadata"]
        free = controller_of(one) is None and "deletionTimestamp" not in meta
        if free and selector.matches(meta.get("labels")) and _is_readable(one):
            take_in(objects, CONTROLLER_REVISIONS, one, found)


def _is_readable(revision: Json) -> bool:
    """Whether this is a revision of a pod template, not something that somebody made by hand."""
    at: Any = revision.get("data")
    for part in ("spec", "template", "spec"):
        at = at.get(part) if isinstance(at, dict) else None
    return isinstance(at, dict) and isinstance(revision.get("revision"), int)


def _made(objects: Objects, found: Json, number: int) -> Json:
    meta, template = found["metadata"], copy.deepcopy(found["spec"]["template"])
    name, hashed, tries = "", "", 0
    while not name or objects.find(CONTROLLER_REVISIONS, meta["namespace"], name) is not None:
        hashed = hash_of(template, tries)
        name, tries = f"{meta['name']}-{hashed}", tries + 1
    labels = {**(template["metadata"].get("labels") or {}), _HASH_LABEL: hashed}
    revision: Json = {
        "apiVersion": "apps/v1", "kind": "ControllerRevision", "revision": number,
        "metadata": {
            "name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": [reference_to(found)],
            "annotations": dict(meta.get("annotations") or {}),
        },
        "data": {"spec": {"template": {**template, "$patch": "replace"}}},
    }  # fmt: skip
    return objects.create(CONTROLLER_REVISIONS, revision)
