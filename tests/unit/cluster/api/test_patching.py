"""Patches: the laws of merges, lists that are merged by key, and what a patch says beside the fields."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cluster.api.patching import JSON_PATCH, MERGE, STRATEGIC, merged, patched
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, DEPLOYMENTS, Json
from flowdrill.cluster.api.status_error import StatusError
from tests.unit.cluster.api.asking import deployment

NAMES = st.sampled_from("abcd")
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.text("xy", max_size=3))
VALUES = st.recursive(
    SCALARS, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=12,
)  # fmt: skip
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=4)
VARIABLES = st.dictionaries(st.sampled_from("ABCDEF"), st.text("xyz", max_size=2), max_size=6)


def without_nulls(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {name: without_nulls(one) for name, one in value.items() if one is not None}


def difference(old: Any, new: Any) -> Any:
    """The merge patch that makes `new` of `old`."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    gone = {name: None for name in old if name not in new}
    return gone | {name: difference(old.get(name), one) for name, one in new.items() if old.get(name) != one}


@given(OBJECTS, OBJECTS)
def test_a_merge_patch_done_twice_is_done_once(value: Json, patch: Json) -> None:
    once = merged(value, patch)
    assert merged(once, patch) == once


@given(OBJECTS, OBJECTS)
def test_a_difference_merged_makes_the_new_of_the_old(old: Json, new: Json) -> None:
    old, new = without_nulls(old), without_nulls(new)
    assert merged(old, difference(old, new)) == new


@given(OBJECTS, OBJECTS)
def test_a_merge_changes_neither_of_its_parts(value: Json, patch: Json) -> None:
    before = json.dumps([value, patch])
    merged(value, patch)
    assert json.dumps([value, patch]) == before


def workload(**variables: str) -> Json:
    return deployment("web", env=[{"name": name, "value": text} for name, text in variables.items()])


def strategic(value: Json, container: Json) -> Json:
    """The container after a patch of it."""
    patch = {"spec": {"template": {"spec": {"containers": [{"name": "main", **container}]}}}}
    result = patched(DEPLOYMENTS, value, json.dumps(patch).encode(), STRATEGIC)
    (found,) = result["spec"]["template"]["spec"]["containers"]
    return dict(found)


def environment(container: Json) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


@given(VARIABLES, VARIABLES)
def test_a_keyed_list_is_merged_as_a_dictionary(old: dict[str, str], new: dict[str, str]) -> None:
    env = [{"name": name, "value": text} for name, text in new.items()]
    assert environment(strategic(workload(**old), {"env": env})) == old | new


@given(VARIABLES, st.sets(st.sampled_from("ABCDEF")))
def test_items_that_are_deleted_are_gone_and_the_others_stay(old: dict[str, str], gone: set[str]) -> None:
    env = [{"name": name, "$patch": "delete"} for name in sorted(gone)]
    kept = {name: text for name, text in old.items() if name not in gone}
    assert environment(strategic(workload(**old), {"env": env})) == kept


@given(VARIABLES, st.permutations("ABCDEF"))
def test_items_come_in_the_order_that_is_asked_for(old: dict[str, str], order: list[str]) -> None:
    patch = {"$setElementOrder/env": [{"name": name} for name in order]}
    found = strategic(workload(**old), patch)
    assert [one["name"] for one in found.get("env", [])] == [name for name in order if name in old]


def test_a_list_or_an_object_can_be_replaced_as_a_whole() -> None:
    value = workload(A="1", B="2")
    assert environment(strategic(value, {"env": [{"name": "C", "value": "3"}, {"$patch": "replace"}]})) == {"C": "3"}
    limited = strategic(value, {"resources": {"limits": {"cpu": "1"}}})
    assert limited["resources"] == {"limits": {"cpu": "1"}}
    value["spec"]["strategy"] = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}}
    for patch in ({"$patch": "replace", "type": "Recreate"}, {"$retainKeys": ["type"], "type": "Recreate"}):
        found = patched(DEPLOYMENTS, value, json.dumps({"spec": {"strategy": patch}}).encode(), STRATEGIC)
        assert found["spec"]["strategy"] == {"type": "Recreate"}


def test_a_field_that_is_null_is_taken_out_on_every_level() -> None:
    found = strategic(
        workload(A="1"), {"env": None, "image": None, "livenessProbe": {"exec": None, "periodSeconds": 3}}
    )
    assert found == {"name": "main", "livenessProbe": {"periodSeconds": 3}}


def test_finalizers_are_added_once_and_taken_out_by_value() -> None:
    value: Json = {"metadata": {"name": "a", "finalizers": ["x/a", "x/b"]}}
    patch = {"metadata": {"finalizers": ["x/b", "x/c"], "$deleteFromPrimitiveList/finalizers": ["x/a"]}}
    found = patched(CONFIG_MAPS, value, json.dumps(patch).encode(), STRATEGIC)
    assert found["metadata"]["finalizers"] == ["x/b", "x/c"]


@pytest.mark.parametrize(
    "patch",
    [{"env": [{"value": "1"}]}, {"env": ["A"]}, {"env": [None]}, {"$patch": "shuffle"},
     {"$setElementOrder/env": 5, "env": [{"name": "A"}]}],
)  # fmt: skip
def test_a_strategic_patch_that_makes_no_sense_is_refused(patch: Json) -> None:
    with pytest.raises(StatusError) as refused:
        strategic(workload(A="1"), patch)
    assert refused.value.code == 400


@given(OBJECTS)
def test_a_json_patch_is_all_or_nothing(data: Json) -> None:
    value: Json = {"metadata": {"name": "a"}, "data": data}
    before = json.dumps(value)
    add = {"op": "add", "path": "/data/new", "value": data}
    patch = json.dumps([add, {"op": "test", "path": "/metadata/name", "value": "b"}])
    with pytest.raises(StatusError) as refused:
        patched(CONFIG_MAPS, value, patch.encode(), JSON_PATCH)
    assert refused.value.code == 422
    assert json.dumps(value) == before
    assert patched(CONFIG_MAPS, value, json.dumps([add]).encode(), JSON_PATCH)["data"] == data | {"new": data}


def test_a_patch_of_a_kind_is_only_read_in_its_own_form() -> None:
    with pytest.raises(StatusError) as refused:
        patched(CONFIG_MAPS, {"metadata": {}}, b"{}", "application/json")
    assert refused.value.code == 415
    with pytest.raises(StatusError) as refused:
        patched(CONFIG_MAPS, {"metadata": {}}, b"[]", MERGE)
    assert refused.value.code == 400
