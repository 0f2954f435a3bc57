"""How answers are sent: JSON objects, tables, refusals."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flowdrill.cluster.api.request import Request
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.tables import table_of

Send = Callable[[Any], Awaitable[None]]
_MOST_WARNINGS = 16  # clients give up on an answer with a hundred headers
_JSON = b"application/json"


@dataclass(frozen=True, slots=True)
class Form:
    """The form a client wants objects in: as they are, as a table, or their metadata alone."""

    kind: str = ""  # "", Table, PartialObjectMetadata, PartialObjectMetadataList
    include_object: str = "Metadata"

    @property
    def is_table(self) -> bool:
        """Whether it is what `kubectl get` prints."""
        return self.kind == "Table"


def form_of(request: Request) -> Form:
    """Return the first form of the Accept header that can be made."""
    for wanted in request.headers.get("accept", "").split(","):
        media_type, *parameters = (part.strip() for part in wanted.split(";"))
        given = dict(part.partition("=")[::2] for part in parameters)
        if media_type == "application/json" and given.get("g") == "meta.k8s.io" and given.get("v") == "v1":
            return Form(given.get("as", ""), request.query.get("includeObject", "Metadata"))
        if media_type in ("application/json", "*/*", "application/*") and "as" not in given:
            return Form()
    return Form()


def shaped(form: Form, resource: ResourceType, value: Json, now: datetime) -> Json:
    """Return one object in the form that was asked for."""
    if form.is_table and value.get("kind") == resource.kind:
        version = {"resourceVersion": value["metadata"].get("resourceVersion", "")}
        return table_of(resource, [value], now, list_metadata=version, include_object=form.include_object)
    if form.kind == "PartialObjectMetadata":
        return {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": value["metadata"]}
    return value


def list_of(form: Form, resource: ResourceType, items: Iterable[Json], metadata: Json, now: datetime) -> Json:
    """Return a list in the form that was asked for."""
    values = list(items)
    if form.is_table:
        return table_of(resource, values, now, list_metadata=metadata, include_object=form.include_object)
    if form.kind == "PartialObjectMetadataList":
        parts = [{"metadata": one["metadata"]} for one in values]
        kind = {"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadataList"}
        return {**kind, "metadata": metadata, "items": parts}
    head = {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
    return {**head, "items": values}


async def send_json(send: Send, value: Json, code: int = 200, warnings: Iterable[str] = ()) -> None:
    """Send an object."""
    await send_body(send, json.dumps(value, separators=(",", ":")).encode(), code, _JSON, warnings)


async def send_body(send: Send, body: bytes, code: int, media_type: bytes, warnings: Iterable[str] = ()) -> None:
    """Send a whole body."""
    headers = [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    shown = [f'299 - "{text[:256]}"' for text in warnings][:_MOST_WARNINGS]
    headers += [(b"warning", text.encode("latin-1", "replace")) for text in shown]
    await send({"type": "http.response.start", "status": code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def begin_stream(send: Send, media_type: bytes = _JSON) -> None:
    """Begin an answer that goes on."""
    headers = [(b"content-type", media_type), (b"cache-control", b"no-cache, private")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
