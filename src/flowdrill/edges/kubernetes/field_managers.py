"""Who has set the container's image, by metadata.managedFields; and a digest that tells two pod templates apart. Pure.

managedFields may be missing (some proxies strip them), and anybody may have written the names in it: what is not in the
right shape is not there.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.json_text import parsed_json
from flowdrill.model.workload import FieldManager

_LONGEST = 128  # characters; the API server itself takes no longer name of a manager
_TO_CONTAINERS = ("f:spec", "f:template", "f:spec", "f:containers")


def image_set_by(managed_fields: Any, container: str) -> FieldManager | None:
    """Return who owns the image of the container with this name; of several, whoever wrote last. None when nobody is
    said to."""
    owners = [
        one
        for one in as_mappings(managed_fields)
        if one.get("subresource") in (None, "") and _owns_image(one, container)
    ]
    newest = max(owners, key=lambda one: as_text(one.get("time")) or "", default=None)
    if newest is None:
        return None
    at = as_text(newest.get("time"))
    return FieldManager(
        manager=_short(newest.get("manager")) or "unknown",
        operation=_short(newest.get("operation")) or "Update",
        at=None if at is None else _short(at),
    )


def template_digest(template: Json) -> str:
    """Return a digest of a pod template: the same for two that differ in nothing but empty metadata, which API servers
    of several versions write or leave out."""
    meta = {key: value for key, value in as_mapping(template.get("metadata")).items() if value not in (None, {})}
    text = json.dumps({**template, "metadata": meta}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _owns_image(entry: Json, container: str) -> bool:
    for step, fields in inside(entry, "fieldsV1", *_TO_CONTAINERS).items():
        if step.startswith("k:") and "f:image" in as_mapping(fields) and _name_in(step) == container:
            return True
    return False


def _name_in(step: str) -> str | None:
    """The name in a step like `k:{"name":"flow"}`."""
    try:
        return as_text(as_mapping(parsed_json(step.removeprefix("k:"))).get("name"))
    except ValueError:
        return None


def _short(text: Any) -> str:
    return printable(as_text(text) or "")[:_LONGEST]
