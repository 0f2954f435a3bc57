"""Refusals as Kubernetes' API answers them: a Status with a code, a reason and a message."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowdrill.cluster.api.resource_types import Json, ResourceType


class StatusError(Exception):
    """A request that the API refuses. `causes` are field errors: (field, reason, message)."""

    def __init__(
        self, code: int, reason: str, message: str,
        details: Json | None = None, causes: Sequence[tuple[str, str, str]] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details = dict(details or {})
        if causes:
            self.details["causes"] = [{"field": f, "reason": r, "message": m} for f, r, m in causes]

    def status(self) -> Json:
        """Return the `Status` object that is sent."""
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
        body |= {"message": self.message, "code": self.code} | ({"reason": self.reason} if self.reason else {})
        return body | ({"details": self.details} if self.details else {})


def not_found(resource: ResourceType, name: str) -> StatusError:
    """Return 404."""
    return StatusError(404, "NotFound", f'{resource.full_name} "{name}" not found', _about(resource, name))


def already_exists(resource: ResourceType, name: str) -> StatusError:
    """Return 409 for a name that is taken."""
    return StatusError(409, "AlreadyExists", f'{resource.full_name} "{name}" already exists', _about(resource, name))


def conflict(resource: ResourceType, name: str, why: str | None = None) -> StatusError:
    """409; `why` defaults to the sentence about an object that has been modified."""
    because = why or "the object has been modified; please apply your changes to the latest version and try again"
    message = f'Operation cannot be fulfilled on {resource.full_name} "{name}": {because}'
    return StatusError(409, "Conflict", message, _about(resource, name))


def invalid(resource: ResourceType, name: str, causes: Sequence[tuple[str, str, str]]) -> StatusError:
    """422. `causes`: (field path, reason such as FieldValueRequired, message such as `Required value`)."""
    texts = [f"{field}: {message}" for field, _, message in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
    about = {"name": name, "kind": resource.kind} | ({"group": resource.group} if resource.group else {})
    return StatusError(422, "Invalid", f'{kind} "{name}" is invalid: {listed}', about, causes)


def denied(resource: ResourceType, name: str, why: str) -> StatusError:
    """403: the identity might, but a rule of the cluster does not let it."""
    message = f'{resource.full_name} "{name}" is forbidden: {why}'
    return StatusError(403, "Forbidden", message, _about(resource, name))


def bad_request(message: str) -> StatusError:
    """Return 400."""
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    """Return 401."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def expired(message: str) -> StatusError:
    """410: the resourceVersion is older than the history that is kept."""
    return StatusError(410, "Expired", message)


def too_many_requests(message: str, causes: Sequence[Json]) -> StatusError:
    """429. `causes`: `reason` and `message`, without a field."""
    return StatusError(429, "TooManyRequests", message, {"causes": list(causes)})


def method_not_allowed(message: str = "the server does not allow this method on the requested resource") -> StatusError:
    """Return 405."""
    return StatusError(405, "MethodNotAllowed", message)


def unsupported_media_type(message: str) -> StatusError:
    """Return 415."""
    return StatusError(415, "UnsupportedMediaType", message)


def no_such_resource() -> StatusError:
    """Return 404 for a path that is not served."""
    return StatusError(404, "NotFound", "the server could not find the requested resource")


def _about(resource: ResourceType, name: str) -> Json:
    return {"name": name, "kind": resource.plural} | ({"group": resource.group} if resource.group else {})
