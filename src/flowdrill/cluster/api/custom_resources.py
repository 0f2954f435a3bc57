"""Custom resources: served as soon as their definition is there, without looking at their schemas."""

from __future__ import annotations

from datetime import datetime

from flowdrill.cluster.api.resource_types import Json, ResourceType

_TIME = "%Y-%m-%dT%H:%M:%SZ"


def served_by(definition: Json) -> tuple[ResourceType, ...]:
    """Return the resources a CustomResourceDefinition has served, one a version."""
    spec = definition["spec"]
    names = spec["names"]
    return tuple(
        ResourceType(
            group=spec["group"],
            version=version["name"],
            kind=names["kind"],
            plural=names["plural"],
            namespaced=spec.get("scope") == "Namespaced",
            short_names=tuple(names.get("shortNames") or ()),
            categories=tuple(names.get("categories") or ()),
            has_status="status" in (version.get("subresources") or {}),
        )
        for version in spec.get("versions") or ()
        if version.get("served")
    )


def established(definition: Json, now: datetime) -> None:
    """Write into a definition's status that its names are taken and its resources are served."""
    names = {"listKind": f"{definition['spec']['names']['kind']}List", **definition["spec"]["names"]}
    names.setdefault("singular", names["kind"].lower())
    definition["spec"]["names"] = names
    status = definition.setdefault("status", {})
    status["acceptedNames"] = names
    status["storedVersions"] = [one["name"] for one in definition["spec"].get("versions") or () if one.get("storage")]
    if not status.get("conditions"):
        since = now.strftime(_TIME)
        status["conditions"] = [
            {"type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found",
             "lastTransitionTime": since},
            {"type": "Established", "status": "True", "reason": "InitialNamesAccepted",
             "message": "the initial names have been accepted", "lastTransitionTime": since},
        ]  # fmt: skip
