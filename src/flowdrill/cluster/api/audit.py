"""Who has written what: one line of JSON a request that writes, as API servers' audit logs have it (audit.k8s.io/v1).

The level is Metadata: no object, and so no secret, is in the log."""

from __future__ import annotations

import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flowdrill.cluster.api.authentication import User
from flowdrill.cluster.api.request import Request
from flowdrill.cluster.api.resource_types import Json

_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_LARGEST_BYTES = 16 << 20  # then the log is set aside, and the one that was set aside before it goes
_LONGEST_TEXT = 1024
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Audited:
    """What becomes known of one request while it is answered."""

    received: datetime
    sender: User | None = None
    user: User | None = None  # whom it is made for; the sender unless somebody is impersonated
    request: Request | None = None
    code: int | None = None


class AuditLog:
    """Appends to a file; sets it aside when it has become too large, so that there are at most two. A log that cannot
    be written (a full disk) is told once in the cluster's own log, and stops no request."""

    def __init__(self, path: Path, now: Callable[[], datetime], largest_bytes: int = _LARGEST_BYTES) -> None:
        self._path, self._now, self._largest = path, now, largest_bytes
        self._broken = False

    def end(self, audited: Audited, scope: Mapping[str, Any]) -> None:
        """Write down a request that has been answered, when it is one that writes."""
        request = audited.request
        if request is None or request.resource is None or request.method not in _WRITES:
            return
        if not request.resource.kept:
            return  # a question
        line = json.dumps(_event(audited, request, scope, self._now()), separators=(",", ":"))
        try:
            self._append(line.encode() + b"\n")
            self._broken = False
        except OSError as error:
            if not self._broken:
                _log.warning("the audit log cannot be written: %s", error)
            self._broken = True

    def _append(self, line: bytes) -> None:
        size = self._path.stat().st_size if self._path.exists() else 0
        if size and size + len(line) > self._largest:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, line)
        finally:
            os.close(file)


def _event(audited: Audited, request: Request, scope: Mapping[str, Any], now: datetime) -> Json:
    query = scope["query_string"].decode("latin-1")
    event: Json = {
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "auditID": str(uuid.uuid4()),
        "stage": "ResponseComplete", "requestURI": request.path + (f"?{query}" if query else ""),
        "verb": request.verb, "user": _user(audited.sender),
    }  # fmt: skip
    if audited.user is not None and audited.user != audited.sender:
        event["impersonatedUser"] = _user(audited.user)
    event |= {"userAgent": request.headers.get("user-agent", "")[:_LONGEST_TEXT], "objectRef": _about(request)}
    event |= {"sourceIPs": ["127.0.0.1"]}
    event |= {"responseStatus": {"metadata": {}, "code": audited.code}}
    stamps = {"requestReceivedTimestamp": audited.received, "stageTimestamp": now}
    return event | {name: at.strftime(_TIME) for name, at in stamps.items()}


def _user(user: User | None) -> Json:
    if user is None:
        return {}
    return {"username": user.name, "groups": list(user.groups)} | ({"uid": user.uid} if user.uid else {})


def _about(request: Request) -> Json:
    resource = request.resource
    assert resource is not None  # noqa: S101 - for the type checker: only such requests are written down
    named = {
        "resource": resource.plural, "namespace": request.namespace, "name": request.name,
        "apiGroup": resource.group, "apiVersion": resource.version, "subresource": request.subresource,
    }  # fmt: skip
    return {key: text for key, text in named.items() if text}
