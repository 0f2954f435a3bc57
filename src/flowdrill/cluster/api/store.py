"""Objects with versions: in memory for reading, in SQLite so that they outlive the process."""

from __future__ import annotations

import bisect
import json
import sqlite3
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json, ResourceType
from flowdrill.cluster.api.status_error import StatusError, expired
from flowdrill.errors import ClusterError

_FORMAT = 1
_FIRST_REVISION = 100  # small versions are never the current one, as on any cluster that has run for a while
_HISTORY = 4000  # changes that are kept for watches

_Key = tuple[str, str]  # namespace ("" for none) and name


class ChangeType(StrEnum):
    """What happened to an object, as a watch says it."""

    ADDED = "ADDED"
    MODIFIED = "MODIFIED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `previous` is the object before, None when it was added. The object of a DELETED carries the
    revision of the deletion."""

    type: ChangeType
    resource: ResourceType
    object: Json
    previous: Json | None
    revision: int


class Store:
    """Used from one thread, the event loop's. Objects that come out are shared and must not be changed.

    It knows nothing of what objects mean: only keys, versions, durability and history."""

    def __init__(self, path: Path | None) -> None:
        """Open or create the file (None: memory only). ClusterError when it is damaged or cannot be written."""
        self._path = path
        self._objects: dict[str, dict[_Key, Json]] = {}
        self._history: deque[Change] = deque(maxlen=_HISTORY)
        self._listeners: list[Callable[[Change], None]] = []
        self._texts: dict[str, bytes] = {}
        self._revision = 1
        try:
            self._database = sqlite3.connect(path or ":memory:", isolation_level=None)
            self._load()
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                f"the cluster's objects cannot be read: {path}: {error}",
                "if the disk is full, make room; else `flowdrill cluster down` removes the cluster for a new start",
            ) from error
        self._oldest = self._revision  # the history before this start is not kept

    @property
    def revision(self) -> int:
        """The version of the last change."""
        return self._revision

    def get(self, resource: ResourceType, namespace: str | None, name: str) -> Json | None:
        """Return an object or None. `namespace` is None for what belongs to no namespace."""
        return self._objects.get(resource.full_name, {}).get((namespace or "", name))

    def all(self, resource: ResourceType, namespace: str | None = None) -> list[Json]:
        """Return the objects of a namespace, or all of them, by namespace and name."""
        held = self._objects.get(resource.full_name, {})
        return [held[key] for key in sorted(held) if namespace is None or key[0] == namespace]

    def put(self, resource: ResourceType, value: Json) -> Json:
        """Add or replace an object; return it with its new metadata.resourceVersion. The caller has copied it."""
        key = _key_of(value)
        previous = self._objects.get(resource.full_name, {}).get(key)
        value["metadata"]["resourceVersion"] = str(self._revision + 1)
        text = _encoded(value)
        self._write("INSERT OR REPLACE INTO objects VALUES (?, ?, ?, ?)", (resource.full_name, *key, text))
        self._objects.setdefault(resource.full_name, {})[key] = value
        self._tell(ChangeType.ADDED if previous is None else ChangeType.MODIFIED, resource, value, previous, text)
        return value

    def remove(self, resource: ResourceType, namespace: str | None, name: str) -> Json:
        """Remove an object that is there; return its last state, with the version of its removal."""
        key = (namespace or "", name)
        previous = self._objects[resource.full_name][key]
        last = {**previous, "metadata": {**previous["metadata"], "resourceVersion": str(self._revision + 1)}}
        self._write("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", (resource.full_name, *key))
        del self._objects[resource.full_name][key]
        self._tell(ChangeType.DELETED, resource, last, previous, _encoded(last))
        return last

    def text_of(self, value: Json) -> bytes:
        """Return an object as JSON text: made once for all watches, as long as its change is in the history."""
        return self._texts.get(value["metadata"]["resourceVersion"]) or _encoded(value)

    def changes_since(self, revision: int) -> list[Change]:
        """Return what happened after `revision`, oldest first; StatusError 410 when that is no longer kept."""
        if revision < self._oldest:
            raise expired(f"too old resource version: {revision} ({self._oldest})")
        if revision >= self._revision:
            return []
        first = bisect.bisect_right(self._history, revision, key=lambda change: change.revision)
        return [self._history[number] for number in range(first, len(self._history))]

    def subscribe(self, tell: Callable[[Change], None]) -> Callable[[], None]:
        """Have every change told, in order, directly after it was kept; return what ends that."""
        self._listeners = [*self._listeners, tell]

        def end() -> None:
            self._listeners = [one for one in self._listeners if one is not tell]

        return end

    def close(self) -> None:
        """Close the file; everything is written already."""
        self._database.close()

    def _tell(self, kind: ChangeType, resource: ResourceType, value: Json, previous: Json | None, text: bytes) -> None:
        self._revision += 1
        if len(self._history) == _HISTORY:
            forgotten = self._history[0]
            self._oldest = forgotten.revision
            self._texts.pop(str(forgotten.revision), None)
        change = Change(kind, resource, value, previous, self._revision)
        self._history.append(change)
        self._texts[str(self._revision)] = text
        for tell in self._listeners:
            tell(change)

    def _write(self, statement: str, values: tuple[str | bytes, ...]) -> None:
        """One change and its revision, both or neither; on failure memory is as it was, too."""
        try:
            self._database.execute("BEGIN")
            self._database.execute(statement, values)
            self._database.execute("UPDATE state SET revision = ?", (self._revision + 1,))
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise StatusError(
                500, "InternalError", f"the cluster's state cannot be written: {self._path}: {error}"
            ) from error

    def _load(self) -> None:
        run = self._database.execute
        run("PRAGMA journal_mode = WAL")
        run("PRAGMA synchronous = NORMAL")
        (known,) = run("PRAGMA user_version").fetchone()
        if known not in (0, _FORMAT):
            raise ValueError(f"its format {known} is not known to this version")
        if known == 0:
            run("CREATE TABLE objects (resource TEXT, namespace TEXT, name TEXT, value BLOB,"
                " PRIMARY KEY (resource, namespace, name)) WITHOUT ROWID")  # fmt: skip
            run("CREATE TABLE state (revision INTEGER NOT NULL)")
            run("INSERT INTO state VALUES (?)", (_FIRST_REVISION,))
            run(f"PRAGMA user_version = {_FORMAT}")
        (self._revision,) = run("SELECT revision FROM state").fetchone()
        for resource, namespace, name, text in run("SELECT resource, namespace, name, value FROM objects"):
            self._objects.setdefault(resource, {})[namespace, name] = json.loads(text)


def _key_of(value: Json) -> _Key:
    meta = value["metadata"]
    return str(meta.get("namespace") or ""), str(meta["name"])


def _encoded(value: Json) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
