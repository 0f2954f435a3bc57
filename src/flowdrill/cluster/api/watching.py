"""Watches: what is there, then what changes, for as long as the client stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import datetime

from flowdrill.cluster.api.content import Form, shaped
from flowdrill.cluster.api.request import Request
from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.selectors import FieldSelector, LabelSelector
from flowdrill.cluster.api.status_error import expired
from flowdrill.cluster.api.store import Change, ChangeType, Store

_BOOKMARK_SECONDS = 30.0
_DEFAULT_SECONDS = 1800
_MOST_WAITING = 5000  # changes; a client that is further behind must list anew


class Watch:
    """One client's view of one resource."""

    def __init__(
        self, store: Store, request: Request, resource: ResourceType, labels: LabelSelector, fields: FieldSelector,
        form: Form, now: Callable[[], datetime],
    ) -> None:  # fmt: skip
        """StatusError 400 for a version or a timeout that is no number."""
        self._store, self._resource, self._form, self._now = store, resource, form, now
        self._namespace = request.namespace
        self._labels, self._fields = labels, fields
        self._since = request.number("resourceVersion") or 0
        self._seconds = request.number("timeoutSeconds") or _DEFAULT_SECONDS
        self._request = request
        self._waiting: list[Change] = []
        self._wake = asyncio.Event()
        self._ended = False

    def end(self) -> None:
        """End the stream from outside."""
        self._ended = True
        self._wake.set()

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield events, one a line. StatusError 410, from the first step, for a version that is no longer known."""
        since, request = self._since, self._request
        initial = request.flag("sendInitialEvents") or not since
        if since > self._store.revision:  # from another life of this cluster
            raise expired(f"too large resource version: {since}, current: {self._store.revision}")
        first = [] if initial else self._store.changes_since(since)
        unsubscribe = self._store.subscribe(self._told)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._seconds
        try:
            for line in self._there(request) if initial else filter(None, map(self._line_of, first)):
                yield line
            while not self._ended and loop.time() < end:
                for line in await self._next(min(_BOOKMARK_SECONDS, end - loop.time())):
                    yield line
                if not self._waiting and request.flag("allowWatchBookmarks") and not self._wake.is_set():
                    yield self._bookmark({})
        finally:
            unsubscribe()

    def _there(self, request: Request) -> list[bytes]:
        """What there is, as if it had just been added."""
        there = filter(self._selects, self._store.all(self._resource, self._namespace))
        lines = [self._line("ADDED", value) for value in there]
        if request.flag("sendInitialEvents"):
            lines.append(self._bookmark({"k8s.io/initial-events-end": "true"}))
        return lines

    async def _next(self, seconds: float) -> list[bytes]:
        """The lines of what has happened meanwhile; none when nothing has for so long."""
        try:
            async with asyncio.timeout(max(0.001, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return []
        self._wake.clear()
        changes, self._waiting = self._waiting, []
        return [line for change in changes if (line := self._line_of(change))]

    def _told(self, change: Change) -> None:
        if change.resource.full_name != self._resource.full_name:
            return
        if len(self._waiting) >= _MOST_WAITING:
            self.end()
            return
        self._waiting.append(change)
        self._wake.set()

    def _line_of(self, change: Change) -> bytes | None:
        """An object that begins or ceases to match is added or deleted, for this client."""
        if change.resource.full_name != self._resource.full_name:
            return None
        after = change.type is not ChangeType.DELETED and self._selects(change.object)
        before = change.previous is not None and self._selects(change.previous)
        if after:
            return self._line("MODIFIED" if before else "ADDED", change.object)
        if not before or change.previous is None:
            return None
        if change.type is ChangeType.DELETED:
            return self._line("DELETED", change.object)
        # What was selected last, with the version of what came after it.
        meta = {**change.previous["metadata"], "resourceVersion": str(change.revision)}
        return self._encoded("DELETED", {**change.previous, "metadata": meta})

    def _selects(self, value: Json) -> bool:
        meta = value["metadata"]
        return (
            self._namespace in (None, meta.get("namespace"))
            and self._labels.matches(meta.get("labels"))
            and self._fields.matches(value)
        )

    def _line(self, kind: str, value: Json) -> bytes:
        if self._form.kind:
            return self._encoded(kind, value)
        return b'{"type":"%b","object":%b}\n' % (kind.encode(), self._store.text_of(value))

    def _encoded(self, kind: str, value: Json) -> bytes:
        event = {"type": kind, "object": shaped(self._form, self._resource, value, self._now())}
        return json.dumps(event, separators=(",", ":")).encode() + b"\n"

    def _bookmark(self, annotations: Json) -> bytes:
        meta: Json = {"resourceVersion": str(self._store.revision), "creationTimestamp": None}
        meta |= {"annotations": annotations} if annotations else {}
        value = {"kind": self._resource.kind, "apiVersion": self._resource.api_version, "metadata": meta}
        return json.dumps({"type": "BOOKMARK", "object": value}).encode() + b"\n"
