"""Server-side apply: who owns which field, who may change it, and what goes with its owner."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cluster.api.apply import applied, record_update
from flowdrill.cluster.api.field_sets import fields_v1, paths_of_v1, values_of
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, DEPLOYMENTS, SERVICES, Json
from flowdrill.cluster.api.status_error import StatusError
from tests.unit.cluster.api.asking import APPLY, APPS, MERGE, SHOP, Asked, deployment

NOW = datetime(2026, 3, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
DATA = st.dictionaries(st.sampled_from("abcdef"), st.sampled_from("xyz"), max_size=6)
MANAGERS = st.sampled_from(["one", "two", "three"])


def config_map(data: dict[str, str]) -> Json:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": data}


def apply(current: Json | None, data: dict[str, str], manager: str, *, force: bool = True) -> Json:
    return applied(CONFIG_MAPS, current, config_map(data), manager, force=force, now=NOW)


def owned(value: Json) -> dict[str, set[str]]:
    """The keys of data that each manager owns."""
    entries = {one["manager"]: one["fieldsV1"].get("f:data", {}) for one in value["metadata"]["managedFields"]}
    return {name: {key[2:] for key in fields if key != "."} for name, fields in entries.items()}


@given(st.lists(st.tuples(MANAGERS, DATA), min_size=1, max_size=6))
def test_an_apply_done_twice_changes_nothing(steps: list[tuple[str, dict[str, str]]]) -> None:
    value: Json | None = None
    for manager, data in steps:
        value = apply(value, data, manager)
    manager, data = steps[-1]
    assert applied(CONFIG_MAPS, value, config_map(data), manager, force=False, now=LATER) == value


@given(st.lists(st.tuples(MANAGERS, DATA), min_size=1, max_size=6))
def test_what_is_there_is_what_somebody_owns_and_the_last_one_has_all_they_applied(
    steps: list[tuple[str, dict[str, str]]],
) -> None:
    value: Json | None = None
    for manager, data in steps:
        value = apply(value, data, manager)
        there = value.get("data") or {}
        assert set(there) == set().union(*owned(value).values())
        assert {key: there[key] for key in data} == data
        assert owned(value).get(manager, set()) == set(data)


@given(DATA, DATA)
def test_only_a_different_value_is_a_conflict_and_force_takes_it(first: dict[str, str], second: dict[str, str]) -> None:
    value = apply(None, first, "one")
    disputed = {key for key in first if second.get(key, first[key]) != first[key]}
    if disputed:
        with pytest.raises(StatusError) as refused:
            apply(value, second, "two", force=False)
        causes = refused.value.status()["details"]["causes"]
        assert (refused.value.code, {one["field"] for one in causes}) == (409, {f".data.{key}" for key in disputed})
        assert all(one["message"] == 'conflict with "one"' for one in causes)
    forced = apply(value, second, "two")
    assert forced["data"] == first | second
    assert owned(forced).get("one", set()) == set(first) - disputed


@given(DATA)
def test_paths_become_managed_fields_and_paths_again(data: dict[str, str]) -> None:
    paths = frozenset(values_of(CONFIG_MAPS, config_map(data) | {"binaryData": {}}))
    assert frozenset(paths_of_v1(fields_v1(paths))) == paths


def test_items_of_a_list_belong_to_who_applied_them() -> None:
    def web(**variables: str) -> Json:
        return deployment("web", env=[{"name": name, "value": text} for name, text in variables.items()])

    first = applied(DEPLOYMENTS, None, web(A="1", B="1"), "one", force=False, now=NOW)
    container = {"name": "main", "env": [{"name": "C", "value": "3"}]}
    part: Json = {**web(), "spec": {"template": {"spec": {"containers": [container]}}}}
    both = applied(DEPLOYMENTS, first, part, "two", force=False, now=NOW)
    last = applied(DEPLOYMENTS, both, web(A="1"), "one", force=False, now=NOW)
    (main,) = last["spec"]["template"]["spec"]["containers"]
    assert {one["name"] for one in main["env"]} == {"A", "C"}
    assert main["image"] == "example.org/flow:1"
    with pytest.raises(StatusError, match=r'spec.template.spec.containers\[name="main"\].env\[name="C"\].value'):
        applied(DEPLOYMENTS, last, web(A="1", C="4"), "one", force=False, now=NOW)


def test_an_item_that_somebody_else_has_a_part_of_keeps_its_key() -> None:
    first = applied(
        DEPLOYMENTS, None, deployment("web", env=[{"name": "A", "value": "1"}]), "one", force=False, now=NOW
    )
    changed = deployment("web", env=[{"name": "A", "value": "2"}])
    after = {**changed, "metadata": {**changed["metadata"], "managedFields": first["metadata"]["managedFields"]}}
    record_update(DEPLOYMENTS, first, after, "editor", NOW)
    last = applied(DEPLOYMENTS, after, deployment("web"), "one", force=False, now=NOW)
    assert last["spec"]["template"]["spec"]["containers"][0]["env"] == [{"name": "A", "value": "2"}]


def test_ports_are_told_apart_by_number_and_protocol() -> None:
    def service(*ports: Json) -> Json:
        meta = {"name": "web", "namespace": "shop"}
        return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": list(ports)}}

    first = applied(SERVICES, None, service({"name": "a", "port": 1, "protocol": "TCP"}), "one", force=False, now=NOW)
    more = service({"name": "b", "port": 1, "protocol": "UDP"}, {"name": "a", "port": 1})
    both = applied(SERVICES, first, more, "two", force=False, now=NOW)
    assert {(one["port"], one.get("protocol", "TCP")) for one in both["spec"]["ports"]} == {(1, "TCP"), (1, "UDP")}


def test_an_update_takes_what_it_changes_and_leaves_the_rest() -> None:
    before = apply(None, {"a": "1", "b": "1", "c": "1"}, "one")
    after = {**before, "data": {"a": "1", "b": "2"}, "metadata": dict(before["metadata"])}
    record_update(CONFIG_MAPS, before, after, "editor", NOW)
    assert owned(after) == {"one": {"a"}, "editor": {"b"}}
    with pytest.raises(StatusError, match='conflict with "editor" using v1'):
        apply(after, {"b": "1"}, "one", force=False)


def test_applying_through_the_api_creates_changes_and_leaves_alone() -> None:
    asked, path = Asked(), f"{APPS}/deployments/web"
    body = deployment("web")
    assert asked.ask("PATCH", path, body, kind=APPLY).code == 400, "without a manager"
    made = asked.ask("PATCH", path, body, kind=APPLY, fieldManager="one")
    again = asked.ask("PATCH", path, body, kind=APPLY, fieldManager="one")
    assert (made.code, again.code) == (201, 200)
    assert again.json == made.json, "nothing was written"
    asked.ask("PATCH", path, {"spec": {"replicas": 5}}, kind=MERGE, fieldManager="scaler")
    refused = asked.ask("PATCH", path, body, kind=APPLY, fieldManager="one")
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")
    assert refused.json["details"]["causes"][0]["field"] == ".spec.replicas"
    forced = asked.ask("PATCH", path, body, kind=APPLY, fieldManager="one", force="true")
    assert forced.json["spec"]["replicas"] == 2
    stale = {**body, "metadata": {**body["metadata"], "resourceVersion": made.json["metadata"]["resourceVersion"]}}
    assert asked.ask("PATCH", path, stale, kind=APPLY, fieldManager="one", force="true").code == 409


def test_a_status_is_applied_beside_the_rest() -> None:
    asked, path = Asked(), f"{APPS}/deployments/web"
    asked.ask("PATCH", path, deployment("web"), kind=APPLY, fieldManager="one")
    status = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"replicas": 1}, "spec": {"replicas": 9}}
    answer = asked.ask("PATCH", f"{path}/status", status, kind=APPLY, fieldManager="two", force="true").json
    assert (answer["status"], answer["spec"]["replicas"]) == ({"replicas": 1}, 2)
    assert asked.ask("PATCH", f"{SHOP}/pods/none/status", {}, kind=APPLY, fieldManager="x").code == 404
