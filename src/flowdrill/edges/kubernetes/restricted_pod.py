"""What every pod of flowdrill's own has: it meets the restricted Pod Security standard."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Json

_USER = ("runAsUser", "runAsGroup")


def restricted_pod(like: Json, container: str | None) -> Json:
    """Return the fields of a pod spec. It has the pull secrets of the target's pod, `like`, and the user of its
    `container` where that is not root: one that the namespace lets in."""
    secrets = like.get("imagePullSecrets")
    context = {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, **_user(like, container)}
    return {"securityContext": context, **({"imagePullSecrets": secrets} if secrets else {})}


def restricted_container() -> Json:
    """Return a container's security context."""
    return {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True}


def _user(like: Json, container: str | None) -> Json:
    containers = like.get("containers") or []
    own = next((one for one in containers if one.get("name") == container), containers[0] if containers else {})
    said = (like.get("securityContext") or {}) | (own.get("securityContext") or {})
    return {key: said[key] for key in _USER if said.get(key)}
