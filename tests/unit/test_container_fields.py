"""What is changed of a container beside its image, and that nothing else of it is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.model.container_fields import container_patch, has_fields, variables_of, with_fields

A, B, THEIRS = ({"name": name, "value": name.lower()} for name in ("A", "B", "THEIRS"))
SECRET = {"name": "B", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "b"}}}
STABLE = {"env": variables_of([A, B], ["B", "NEW"])}


def patched(fields: dict[str, Any]) -> dict[str, Any]:
    (container,) = container_patch("flow", "image", fields)["spec"]["template"]["spec"]["containers"]
    assert (container.pop("name"), container.pop("image")) == ("flow", "image")
    return dict(container)


def test_of_the_variables_those_that_are_changed_are_sent_with_the_order_of_all() -> None:
    assert patched(STABLE) == {
        "env": [{**B, "valueFrom": None}, {"name": "NEW", "$patch": "delete"}],
        "$setElementOrder/env": [{"name": "A"}, {"name": "B"}],
    }
    assert patched({"env": variables_of([SECRET], ["B"])})["env"] == [{**SECRET, "value": None}]


def test_another_field_is_sent_whole() -> None:
    whole = {"$patch": "replace"}
    assert patched({"resources": {"limits": {}}, "command": ["a"]}) == {
        "resources": {"limits": {}, **whole},
        "command": ["a", whole],
    }
    assert patched({"livenessProbe": None}) == {"livenessProbe": None}


def test_what_somebody_else_has_set_is_no_difference() -> None:
    assert has_fields({"env": [A, B, THEIRS]}, STABLE)
    assert not has_fields({"env": [A, SECRET]}, STABLE)
    assert not has_fields({"env": [A, B, {"name": "NEW", "value": "1"}]}, STABLE)
    assert not has_fields({}, STABLE)
    assert has_fields({"env": [{"name": "B"}]}, {"env": variables_of([{"name": "B", "value": ""}], ["B"])})
    assert has_fields({"command": []}, {"command": None})


def test_a_container_at_hand_is_changed_as_the_patch_would() -> None:
    now = {"name": "flow", "env": [THEIRS, {"name": "NEW", "value": "1"}, SECRET, A], "command": ["a"]}
    assert with_fields(now, {**STABLE, "command": None}) == {"name": "flow", "env": [A, B, THEIRS]}
    assert with_fields({"env": [A]}, {"env": variables_of([], ["A"])}) == {}


@pytest.mark.parametrize(
    "value",
    [
        {}, {"variables": 1, "order": []}, {"variables": {}, "order": "A"}, {"variables": {"A": 1}, "order": []},
        {"variables": {"A": {"name": "B"}}, "order": []}, {"variables": {}, "order": [1]},
    ],
)  # fmt: skip
def test_what_only_looks_like_variables_breaks_nothing(value: dict[str, Any]) -> None:
    fields = {"env": value}
    assert json.dumps(patched(fields))
    assert has_fields({"env": [A]}, fields) is False
    assert with_fields({}, fields)
