"""Objects outlive the process; watches can go on where they ended, as far as history goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdrill.cluster.api.resource_types import CONFIG_MAPS, NAMESPACES, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.store import Change, ChangeType, Store
from flowdrill.errors import ClusterError


def thing(name: str, **data: str) -> Json:
    return {"metadata": {"name": name, "namespace": "default"}, "data": data}


def test_what_was_put_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    store = Store(path)
    store.put(CONFIG_MAPS, thing("a", x="1"))
    store.put(CONFIG_MAPS, thing("a", x="2"))
    store.put(CONFIG_MAPS, thing("b"))
    store.remove(CONFIG_MAPS, "default", "b")
    revision = store.revision
    store.close()
    again = Store(path)
    assert again.revision == revision
    assert [one["data"] for one in again.all(CONFIG_MAPS)] == [{"x": "2"}]
    assert again.get(CONFIG_MAPS, "default", "b") is None
    with pytest.raises(StatusError, match="too old resource version") as refused:
        again.changes_since(revision - 1)
    assert refused.value.code == 410
    assert again.changes_since(revision) == []
    again.close()


def test_changes_are_told_in_order_and_kept() -> None:
    store, told = Store(None), list[Change]()
    before = store.revision
    end = store.subscribe(told.append)
    store.put(CONFIG_MAPS, thing("a", x="1"))
    store.put(CONFIG_MAPS, thing("a", x="2"))
    store.remove(CONFIG_MAPS, "default", "a")
    end()
    store.put(CONFIG_MAPS, thing("b"))
    assert [one.type for one in told] == [ChangeType.ADDED, ChangeType.MODIFIED, ChangeType.DELETED]
    assert [one.previous["data"] if one.previous else None for one in told] == [None, {"x": "1"}, {"x": "2"}]
    assert store.changes_since(before)[:3] == told
    assert [one.object["metadata"]["resourceVersion"] for one in told] == [str(one.revision) for one in told]
    store.close()


def test_a_write_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "objects.sqlite")
    store.put(CONFIG_MAPS, thing("a", x="1"))
    revision = store.revision
    store._database.execute("PRAGMA query_only = ON")  # as a disk that takes nothing any more
    with pytest.raises(StatusError, match="cannot be written") as refused:
        store.put(CONFIG_MAPS, thing("a", x="2"))
    assert refused.value.code == 500
    found = store.get(CONFIG_MAPS, "default", "a")
    assert found is not None
    assert found["data"] == {"x": "1"}
    assert store.revision == revision
    store._database.execute("PRAGMA query_only = OFF")
    store.put(CONFIG_MAPS, thing("a", x="3"))
    store.close()


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "objects.sqlite"
    path.write_bytes(b"something else entirely, and long enough to be no empty file" * 20)
    with pytest.raises(ClusterError, match=r"objects\.sqlite"):
        Store(path)


def test_objects_come_by_namespace_and_name() -> None:
    store = Store(None)
    for name in ("b", "a", "c"):
        store.put(CONFIG_MAPS, thing(name))
    store.put(NAMESPACES, {"metadata": {"name": "default"}})
    assert [one["metadata"]["name"] for one in store.all(CONFIG_MAPS, "default")] == ["a", "b", "c"]
    assert store.all(CONFIG_MAPS, "other") == []
    store.close()
