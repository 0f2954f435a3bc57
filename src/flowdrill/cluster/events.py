"""Events, as `kubectl describe` shows them."""

from __future__ import annotations

import hashlib
from typing import Any

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import EVENTS, Json
from flowdrill.cluster.api.status_error import StatusError

_MOST_MESSAGE = 1024  # characters, as Kubernetes' recorder cuts


class EventRecorder:
    """Writes events for one component. The same event again counts instead of being repeated."""

    def __init__(self, objects: Objects, component: str, host: str | None = None) -> None:
        self._objects = objects
        self._source = {"component": component} | ({"host": host} if host else {})

    def record(self, about: Json, kind: str, reason: str, message: str, *, field: str | None = None) -> None:
        """Record an event. `kind` is Normal or Warning; `field` such as `spec.containers{flow}` narrows what it is
        about."""
        meta = about["metadata"]
        namespace, message = meta.get("namespace", "default"), message[:_MOST_MESSAGE]
        same = f"{meta['uid']}|{field}|{kind}|{reason}|{message}|{self._source['component']}"
        name = f"{meta['name'][:200]}.{hashlib.sha256(same.encode()).hexdigest()[:16]}"
        now = self._objects.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        known = self._objects.find(EVENTS, namespace, name)
        if known is not None:

            def again(event: Json) -> None:
                event["count"], event["lastTimestamp"] = event["count"] + 1, now

            self._objects.change(EVENTS, namespace, name, again)
            return
        involved: dict[str, Any] = {"kind": about["kind"], "apiVersion": about["apiVersion"], "name": meta["name"]}
        involved |= {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"], "namespace": meta.get("namespace")}
        involved |= {"fieldPath": field} if field else {}
        event: Json = {
            "apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": namespace},
            "involvedObject": involved, "reason": reason, "message": message, "type": kind, "source": self._source,
            "firstTimestamp": now, "lastTimestamp": now, "count": 1, "reportingComponent": self._source["component"],
            "reportingInstance": self._source.get("host", ""),
        }  # fmt: skip
        try:
            self._objects.create(EVENTS, event)
        except StatusError as error:
            if error.code not in (403, 404):  # the namespace is going: there is nobody left to tell
                raise
