"""A request as the API understands it: which resource, which object, which verb."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from flowdrill.cluster.api.authorization import Attributes
from flowdrill.cluster.api.documents import json_document, yaml_document
from flowdrill.cluster.api.protobuf import object_in_protobuf
from flowdrill.cluster.api.resource_types import NAMESPACES, Json, ResourceType, ResourceTypes
from flowdrill.cluster.api.selectors import parse_field_selector
from flowdrill.cluster.api.status_error import (
    StatusError,
    bad_request,
    method_not_allowed,
    no_such_resource,
    unsupported_media_type,
)

Receive = Callable[[], Awaitable[Any]]
_LARGEST_BODY = 3 << 20
_VERBS = {"GET": "get", "HEAD": "get", "POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete"}
_PROTOBUF = "application/vnd.kubernetes.protobuf"
_READ = frozenset({"", "application/json", "application/yaml", "application/apply-patch+yaml", _PROTOBUF})
_SUBRESOURCES = frozenset({
    "status", "scale", "log", "binding", "token", "finalize", "exec", "attach", "portforward", "eviction", "proxy",
    "ephemeralcontainers", "resize", "approval",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Request:
    """One request. `resource` is None when the path is about no resource."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]  # names in small letters
    resource: ResourceType | None = None
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""

    @property
    def is_watch(self) -> bool:
        """Whether changes are asked for."""
        return self.flag("watch") and self.method == "GET"

    @property
    def served_verbs(self) -> tuple[str, ...]:
        """What can be done here; across namespaces, of something that lives in one, only reading."""
        if self.resource is None or self.subresource:
            return tuple(_VERBS.values())
        across = self.resource.namespaced and self.namespace is None
        return tuple(verb for verb in self.resource.verbs if not across or verb in ("list", "watch"))

    @property
    def verb(self) -> str:
        """The verb, as RBAC names it."""
        if self.resource is None:
            return self.method.lower()
        verb = _VERBS.get(self.method)
        if verb is None:
            raise method_not_allowed()
        if self.name is not None:
            return verb
        if verb == "get":
            return "watch" if self.is_watch else "list"
        return "deletecollection" if verb == "delete" else verb

    @property
    def attributes(self) -> Attributes:
        """What must be allowed."""
        if self.resource is None:
            return Attributes(self.verb, path=self.path)
        name = self.name or self._only_name
        # A namespace is in itself: a Role in it may allow to read it.
        namespace = self.name if self.resource == NAMESPACES else self.namespace
        return Attributes(
            self.verb, self.resource.group, self.resource.plural, self.subresource, namespace or "", name
        )  # fmt: skip

    @property
    def _only_name(self) -> str:
        """The one name a list or a watch is about, by its field selector: permissions for that object are enough."""
        if self.resource is None or self.verb not in ("list", "watch"):
            return ""
        fields = parse_field_selector(self.query.get("fieldSelector", ""), self.resource.own_kind)
        return next((text for path, equal, text in fields.requirements if equal and path == "metadata.name"), "")

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be kept; StatusError 400 for anything but `All`."""
        wanted = self.query.get("dryRun", "")
        if wanted not in ("", "All"):
            raise bad_request(f'dryRun: Unsupported value: "{wanted[:40]}": supported values: "All"')
        return wanted == "All"

    @property
    def manager(self) -> str:
        """Who manages the fields that are written: as it says, else the program's name."""
        return self.query.get("fieldManager") or self.headers.get("user-agent", "unknown").partition("/")[0][:128]

    @property
    def media_type(self) -> str:
        """The body's type, without parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def flag(self, name: str) -> bool:
        """Return whether a query parameter is set to true."""
        return self.query.get(name, "").lower() in ("1", "true")

    def number(self, name: str) -> int | None:
        """Return a query parameter as a number, None when it is not there; StatusError 400."""
        text = self.query.get(name, "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit()) or len(text) > 18:
            raise bad_request(f'{name}: Invalid value: "{text[:40]}": must be a number')
        return int(text)


def request_of(scope: Mapping[str, Any], types: ResourceTypes) -> Request:
    """Return the request of an ASGI scope; StatusError 404 when the path is under /api or /apis and not served."""
    path = str(scope["path"])
    given = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    query = dict(reversed(given))  # the first of each name counts
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    parts = [part for part in path.split("/") if part]
    plain = Request(str(scope["method"]), path, query, headers)
    if parts[:2] == ["api", "v1"] and len(parts) > 2:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return plain
    namespace: str | None = None
    if rest[0] == "namespaces" and len(rest) > 2 and not (len(rest) == 3 and rest[2] in ("status", "finalize")):
        namespace, rest = rest[1], rest[2:]
    resource = types.find(group, version, rest[0])
    if resource is None or len(rest) > 3 or (namespace is not None and not resource.namespaced):
        raise no_such_resource()
    if len(rest) == 3 and rest[2] not in _SUBRESOURCES:
        raise no_such_resource()
    name, subresource = (rest[1] if len(rest) > 1 else None), (rest[2] if len(rest) > 2 else "")
    if name is not None and namespace is None and resource.namespaced:
        raise no_such_resource()
    return Request(plain.method, path, query, headers, resource, namespace, name, subresource)


async def body_of(receive: Receive) -> bytes:
    """Return a request's whole body; StatusError 413 when it is too large."""
    pieces, size = [], 0
    while True:
        message = await receive()
        piece = message.get("body", b"")
        size += len(piece)
        if size > _LARGEST_BODY:
            raise StatusError(413, "RequestEntityTooLarge", f"limit is {_LARGEST_BODY} bytes")
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


def object_in(body: bytes, media_type: str = "application/json") -> Json:
    """Return the object of a body: JSON, YAML (for applies), or protobuf of a small kind; StatusError 400, 415."""
    if media_type not in _READ:
        raise unsupported_media_type(
            "the body of the request was in an unknown format - accepted media types include: "
            "application/json, application/yaml, application/vnd.kubernetes.protobuf"
        )
    if media_type == _PROTOBUF:
        return object_in_protobuf(body)
    try:
        value = json_document(body)
    except StatusError:
        if "yaml" not in media_type:
            raise
        value = yaml_document(body)
    if not isinstance(value, dict):
        raise bad_request("the object provided is unrecognized: it is no JSON object")
    return value
