"""Watches: what is there, what changes, what begins and ceases to match, and what is no longer known."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flowdrill.cluster.api import store
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, Json
from tests.unit.cluster.api.asking import SHOP, Answer, Asked

PATH = f"{SHOP}/configmaps"


@pytest.fixture
def asked() -> Asked:
    return Asked()


def thing(name: str, namespace: str = "shop", **labels: str) -> Json:
    meta = {"name": name, "namespace": namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}


def watch(asked: Asked, meanwhile: Callable[[], object] | None = None, path: str = PATH, **query: str) -> Answer:
    return asked.ask("GET", path, meanwhile=meanwhile, watch="true", **query)


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(kind, value["metadata"].get("name", "")) for kind, value in answer.events]


@pytest.mark.parametrize("version", ["", "0"])
def test_without_a_version_it_begins_with_what_is_there(asked: Asked, version: str) -> None:
    asked.objects.create(CONFIG_MAPS, thing("a"))
    answer = watch(asked, lambda: asked.objects.create(CONFIG_MAPS, thing("b")), resourceVersion=version)
    assert told(answer) == [("ADDED", "a"), ("ADDED", "b")]


def test_it_goes_on_after_the_version_that_is_named(asked: Asked) -> None:
    first = asked.objects.create(CONFIG_MAPS, thing("a"))
    asked.objects.create(CONFIG_MAPS, thing("b"))
    answer = watch(asked, lambda: asked.objects.delete(CONFIG_MAPS, "shop", "a"),
                   resourceVersion=first["metadata"]["resourceVersion"])  # fmt: skip
    assert told(answer) == [("ADDED", "b"), ("DELETED", "a")]
    versions = [int(value["metadata"]["resourceVersion"]) for _, value in answer.events]
    assert versions == sorted(versions)
    assert versions[-1] == asked.objects.store.revision


@pytest.mark.parametrize(
    ("before", "after", "seen"),
    [("web", "web", "MODIFIED"), ("web", "api", "DELETED"), ("api", "web", "ADDED"), ("api", "api", None)],
)  # fmt: skip
def test_a_change_is_told_as_the_selector_sees_it(asked: Asked, before: str, after: str, seen: str | None) -> None:
    made = asked.objects.create(CONFIG_MAPS, thing("a", app=before))

    def change(value: Json) -> None:
        value["metadata"]["labels"] = {"app": after}
        value["data"] = {"changed": "yes"}

    answer = watch(asked, lambda: asked.objects.change(CONFIG_MAPS, "shop", "a", change), labelSelector="app=web",
                   resourceVersion=made["metadata"]["resourceVersion"])  # fmt: skip
    assert [kind for kind, _ in answer.events] == ([seen] if seen else [])
    for kind, value in answer.events:
        assert value["metadata"]["labels"]["app"] == "web", "what was selected is told, in its last state"
        assert ("data" in value) is (kind != "DELETED")
        assert value["metadata"]["resourceVersion"] == str(asked.objects.store.revision)


def test_a_field_selector_and_a_namespace_choose_too(asked: Asked) -> None:
    def both() -> None:
        asked.objects.create(CONFIG_MAPS, thing("a"))
        asked.objects.create(CONFIG_MAPS, thing("b"))
        asked.objects.create(CONFIG_MAPS, thing("b", "default"))

    assert told(watch(asked, both, fieldSelector="metadata.name=b")) == [("ADDED", "b")]
    everywhere = watch(asked, path="/api/v1/configmaps", fieldSelector="metadata.name=b")
    assert [value["metadata"]["namespace"] for _, value in everywhere.events] == ["default", "shop"]


@pytest.mark.parametrize("version", ["1", "99", "1000000"])
def test_a_version_that_is_not_known_ends_the_stream_with_an_error(asked: Asked, version: str) -> None:
    answer = watch(asked, resourceVersion=version)
    ((kind, status),) = answer.events
    assert (answer.code, kind, status["code"], status["reason"]) == (200, "ERROR", 410, "Expired")


def test_a_version_that_has_left_the_history_is_not_known_any_more(asked: Asked) -> None:
    made = asked.objects.create(CONFIG_MAPS, thing("a"))
    for number in range(store._HISTORY):

        def change(value: Json, text: str = str(number)) -> None:
            value["data"] = {"x": text}

        asked.objects.change(CONFIG_MAPS, "shop", "a", change)
    oldest = int(made["metadata"]["resourceVersion"])
    assert told(watch(asked, resourceVersion=str(oldest)))[0] == ("MODIFIED", "a")
    asked.objects.create(CONFIG_MAPS, thing("b"))
    assert [kind for kind, _ in watch(asked, resourceVersion=str(oldest)).events] == ["ERROR"]


def test_the_end_of_what_is_there_is_marked_for_who_asks(asked: Asked) -> None:
    asked.objects.create(CONFIG_MAPS, thing("a"))
    answer = watch(asked, sendInitialEvents="true", allowWatchBookmarks="true", resourceVersionMatch="NotOlderThan")
    kinds = [kind for kind, _ in answer.events]
    assert kinds == ["ADDED", "BOOKMARK"]
    meta = answer.events[1][1]["metadata"]
    assert meta["annotations"] == {"k8s.io/initial-events-end": "true"}
    assert meta["resourceVersion"] == str(asked.objects.store.revision)


def test_bookmarks_come_only_to_who_asks(asked: Asked) -> None:
    def make() -> None:
        asked.objects.create(CONFIG_MAPS, thing(f"a{asked.objects.store.revision}"))

    version = str(asked.objects.store.revision)
    assert "BOOKMARK" not in [kind for kind, _ in watch(asked, make, resourceVersion=version).events]
    kinds = [kind for kind, _ in watch(asked, make, resourceVersion=version, allowWatchBookmarks="true").events]
    assert kinds[-1] == "BOOKMARK"


def test_a_watch_in_the_form_of_a_table_tells_rows(asked: Asked) -> None:
    asked.objects.create(CONFIG_MAPS, thing("a"))
    accept = {"accept": "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"}
    ((kind, value),) = asked.ask("GET", PATH, headers=accept, watch="1").events
    assert (kind, value["kind"], value["rows"][0]["cells"][0]) == ("ADDED", "Table", "a")


def test_a_client_that_leaves_is_forgotten(asked: Asked) -> None:
    watch(asked)
    assert asked.objects.store._listeners == []
