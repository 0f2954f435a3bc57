"""What was approved holds as long as the drill decides the same: also with a flowdrill that has more fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from flowdrill.analysis.approved_plan import ADDED, approved_plan
from flowdrill.model.drill import Drill
from flowdrill.model.scenario import Scenario

FIELDS = Path(__file__).with_name("plan_fields.txt")  # those that every digest has had from the first one on
OLD: JsonValue = {"drill": {"name": "d", "load": {"rate": 20}, "obstacles": [{"kind": "quota"}], "alerts": {"a.b": {}}}}
BEFORE: dict[str, JsonValue] = {
    "drill.load.warm_up": None,
    "drill.calendar": {"windows": []},
    "drill.calendar.jitter": 0,
    "drill.obstacles.*.late": False,
    "drill.alerts.*.ends": "later",
}


def test_a_field_that_was_added_and_says_what_was_done_before_is_no_part_of_it() -> None:
    new: JsonValue = {
        "drill": {
            "name": "d",
            "load": {"rate": 20, "warm_up": None},
            "calendar": {"windows": [], "jitter": 0},
            "obstacles": [{"kind": "quota", "late": False}],
            "alerts": {"a.b": {"ends": "later"}},
        }
    }
    assert approved_plan(new, BEFORE) == OLD


@pytest.mark.parametrize(
    "changed",
    [
        {"load": {"rate": 20, "warm_up": "5s"}},  # set, or a default that has become another one: what is done differs
        {"calendar": {"windows": ["Mon"], "jitter": 0}},
        {"calendar": {"windows": [], "jitter": 1}},
        {"obstacles": [{"kind": "quota", "late": True}]},
        {"obstacles": [{"kind": "quota", "late": 0}]},  # no word of the model is like another one by chance
        {"load": {"rate": 21}},
        {"load": {"rate": 20, "unheard_of": None}},  # nobody has said that it decides nothing
        {"obstacles": []},
        {"alerts": {"a.b": {"ends": "now"}}},
    ],
)
def test_whatever_decides_more_is_another_plan(changed: dict[str, JsonValue]) -> None:
    assert isinstance(OLD, dict)
    before = OLD["drill"]
    assert isinstance(before, dict)
    assert approved_plan({"drill": {**before, **changed}}, BEFORE) != OLD


def places_of(schema: dict[str, Any], node: dict[str, Any], place: str, within: tuple[str, ...] = ()) -> Iterator[str]:
    """Every field below a place."""
    name = node.get("$ref")
    if name is not None:
        if name not in within:
            yield from places_of(schema, schema["$defs"][name.rpartition("/")[2]], place, (*within, name))
        return
    for one in (*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())):
        yield from places_of(schema, one, place, within)
    for several in (node.get("items"), node.get("additionalProperties")):
        if isinstance(several, dict):
            yield from places_of(schema, several, f"{place}.*", within)
    for name, one in node.get("properties", {}).items():
        yield f"{place}.{name}"
        yield from places_of(schema, one, f"{place}.{name}", within)


def test_a_field_is_in_every_digest_or_somebody_has_said_what_was_done_before_it() -> None:
    """Red: a field was added. Is there a value of it that does what was done before? Then put it into ADDED, with that
    value, and keep that value its default. If not, every plan must be approved anew: say so in the changelog, and
    write its place into plan_fields.txt."""
    found = set[str]()
    for name, model in (("drill", Drill), ("scenario", Scenario)):
        schema = model.model_json_schema()
        found |= set(places_of(schema, schema, name))
    in_all = set(FIELDS.read_text().split())
    assert found - in_all == set(ADDED)
    assert in_all <= found, "a field is gone: every digest is a new one; say so in the changelog"
