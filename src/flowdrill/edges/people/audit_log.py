"""Who has changed the workload, by the API server's audit log: JSON lines of audit.k8s.io, at any level."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.errors import PlanError
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.drill import Target
from flowdrill.model.json_shapes import as_count, as_mapping, as_text, inside
from flowdrill.model.json_text import parsed_json

_MOST_BYTES = 64 * 1024 * 1024  # that are read at once; a busy API server writes some MB a minute
_LONGEST_LINE = 4 * 1024 * 1024
_MOST_CHANGES = 100
_LONGEST = 200  # characters of a name
_CHANGING = frozenset({"patch", "update", "replace", "apply"})
_OURS = "flowdrill"  # how the harness's own requests call themselves
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AuditLog:
    """The `AuditTrail` port over a file that grows, and may be replaced by a new one of the same name."""

    def __init__(self, path: Path, target: Target) -> None:
        """Use `open` for a file that the user has named; one that is not there has no changes in it."""
        self._path, self._target = path, target
        self._at = self._inode = 0
        self._rest = b""
        self._changes: list[AuditedChange] = []

    @classmethod
    def open(cls, path: Path, target: Target) -> AuditLog:
        """Return the log; PlanError when it cannot be read."""
        try:
            with path.open("rb"):
                pass
        except OSError as error:
            raise PlanError(
                f"rollback.audit_log: {path}: {error.strerror}",
                "name the file that the API server writes (--audit-log-path), or leave it out",
            ) from error
        return cls(path, target)

    def begin(self) -> None:
        """Look only at what is written from now on."""
        try:
            found = self._path.stat()
        except OSError:
            return  # a new file may come: it is read from its beginning
        self._inode, self._at = found.st_ino, found.st_size

    def changes(self) -> tuple[AuditedChange, ...]:
        """Return every accepted change of the workload since `begin` by anybody but flowdrill, oldest first."""
        for line in self._new_lines():
            change = self._change_in(line)
            if change is not None and len(self._changes) < _MOST_CHANGES:
                self._changes.append(change)
        return tuple(self._changes)

    def _new_lines(self) -> list[bytes]:
        try:
            with self._path.open("rb") as file:
                found = os.fstat(file.fileno())
                if found.st_ino != self._inode or found.st_size < self._at:
                    self._inode, self._at, self._rest = found.st_ino, 0, b""
                if found.st_size - self._at > _MOST_BYTES:  # what is newest counts: a rollback that was just seen
                    self._at, self._rest = found.st_size - _MOST_BYTES, b""
                file.seek(self._at)
                new = file.read(_MOST_BYTES)
        except OSError:
            return []
        self._at += len(new)
        *lines, self._rest = (self._rest + new).split(b"\n")
        return [line for line in lines if len(line) <= _LONGEST_LINE]

    def _change_in(self, line: bytes) -> AuditedChange | None:
        """The change that a line tells of; None for every other request, and for what is no such line."""
        if self._target.name.encode() not in line:
            return None  # most lines are about something else, and need not be parsed
        try:
            event = as_mapping(parsed_json(line))
        except ValueError:
            return None
        verb, agent = as_text(event.get("verb")), as_text(event.get("userAgent"))
        if not self._is_change(event) or verb not in _CHANGING or (agent or "").startswith(_OURS):
            return None
        user = _name(inside(event, "user").get("username"))
        return AuditedChange(
            user=user or "a user without a name",
            impersonated=_name(inside(event, "impersonatedUser").get("username")),
            agent=_name(agent),
            verb=verb,
            received_utc_ns=_utc_ns(event.get("requestReceivedTimestamp")),
        )

    def _is_change(self, event: dict[str, Any]) -> bool:
        about, code = inside(event, "objectRef"), as_count(inside(event, "responseStatus").get("code"))
        wanted = ("apps", f"{self._target.kind.value}s", self._target.namespace, self._target.name)
        named = tuple(about.get(key) for key in ("apiGroup", "resource", "namespace", "name"))
        dry_run = "dryRun=" in (as_text(event.get("requestURI")) or "")
        done = event.get("stage") == "ResponseComplete" and code is not None and 200 <= code <= 299
        return named == wanted and not about.get("subresource") and done and not dry_run


def _name(text: object) -> str | None:
    found = as_text(text)
    return None if found is None else printable(redact(found))[:_LONGEST] or None


def _utc_ns(text: object) -> int | None:
    try:
        at = datetime.fromisoformat((as_text(text) or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return None if at.tzinfo is None else (at - _EPOCH) // timedelta(microseconds=1) * 1000
