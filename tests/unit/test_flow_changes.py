"""Changes of a flow's graph: on any flow, deterministic, and only PlanError for what cannot be done."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.flow_changes import ChangedFlow, changed_flow
from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import FlowChange
from flowdrill.model.scenario import Scenario

ROOT = Path(__file__).parents[2]
GREETING = (ROOT / "scenarios/flows/greeting.json").read_text(encoding="utf-8")
CODE = "class Step(Component):\n    def build(self):\n        return 1\n"


def node(name: str, kind: str = "Step", code: Any = CODE, **more: Any) -> dict[str, Any]:
    described = {"template": {"code": {"value": code}, "size": {"value": 1}}, "outputs": [{"method": "build"}], **more}
    return {"id": name, "type": "genericNode", "data": {"id": name, "type": kind, "node": described}}


def flow(nodes: list[dict[str, Any]], *edges: tuple[str, str]) -> dict[str, Any]:
    return {"data": {"nodes": nodes, "edges": [{"source": s, "target": t} for s, t in edges]}, "name": "å"}


def chain() -> dict[str, Any]:
    nodes = [node("ChatInput-1", "ChatInput"), node("Step-1"), node("Step-2"), node("ChatOutput-1", "ChatOutput")]
    return flow(nodes, ("ChatInput-1", "Step-1"), ("Step-1", "Step-2"), ("Step-2", "ChatOutput-1"))


def made(document: Any, *changes: dict[str, Any]) -> ChangedFlow:
    parsed = tuple(FlowChange.model_validate_json(json.dumps(change)) for change in changes)
    return changed_flow(
        document if isinstance(document, str) else json.dumps(document), parsed, "flow.json, scenario x"
    )


def edges(changed: ChangedFlow) -> list[tuple[str, str]]:
    return [(edge["source"], edge["target"]) for edge in json.loads(changed.text)["data"]["edges"]]


def code_of(changed: ChangedFlow, index: int) -> Any:
    return json.loads(changed.text)["data"]["nodes"][index]["data"]["node"]["template"]["code"]["value"]


def shipped(name: str) -> Scenario:
    text = (ROOT / f"scenarios/{name}/scenario.yaml").read_text(encoding="utf-8")
    return Scenario.model_validate_json(json.dumps(yaml.safe_load(text)))


@pytest.mark.parametrize(
    ("selector", "left"),
    [
        ({"into": {"place": "output"}}, [("ChatInput-1", "Step-1"), ("Step-1", "Step-2")]),
        ({"from": {"place": "into-output"}}, [("ChatInput-1", "Step-1"), ("Step-1", "Step-2")]),
        ({"from": {"place": "input"}}, [("Step-1", "Step-2"), ("Step-2", "ChatOutput-1")]),
        ({"from": {"type": "Step"}, "into": {"type": "Step"}}, [("ChatInput-1", "Step-1"), ("Step-2", "ChatOutput-1")]),
        ({"from": {"type": "Step"}}, [("ChatInput-1", "Step-1")]),
    ],
)
def test_removes_the_edges_that_a_selector_names(selector: dict[str, Any], left: list[tuple[str, str]]) -> None:
    assert edges(made(chain(), {"remove_edges": selector})) == left


def test_says_in_one_line_what_a_change_did() -> None:
    changed = made(
        chain(),
        {"remove_edges": {"into": {"place": "output"}}},
        {"raise_in": {"component": {"id": "Step-2"}, "message": "no"}},
        {"set_field": {"component": {"type": "Step", "every": True}, "field": "size", "value": 2}},
        {"remove_components": {"id": "Step-1"}},
    )
    assert changed.lines == (
        "removed edge Step-2 -> ChatOutput-1",
        "made Step-2.build raise RuntimeError('no')",
        "set Step-1, Step-2.size = 2",
        "removed component Step-1 (Step) with 2 edges ChatInput-1 -> Step-1, Step-1 -> Step-2",
    )


def test_a_removed_component_takes_its_edges_along() -> None:
    changed = made(chain(), {"remove_components": {"place": "into-output"}})
    assert edges(changed) == [("ChatInput-1", "Step-1")]
    assert "Step-2" not in changed.text


def test_without_chat_components_the_ends_of_the_graph_are_its_input_and_output() -> None:
    document = flow([node("A"), node("B"), node("C")], ("A", "B"), ("B", "C"))
    assert edges(made(document, {"remove_edges": {"into": {"place": "output"}}})) == [("A", "B")]
    assert edges(made(document, {"remove_edges": {"from": {"place": "input"}}})) == [("B", "C")]


def test_older_exports_without_data_work_too() -> None:
    changed = made(chain()["data"], {"remove_edges": {"into": {"place": "output"}}})
    assert len(json.loads(changed.text)["edges"]) == 2


def test_nothing_but_the_change_differs_and_keys_keep_their_order() -> None:
    changed = made(GREETING, {"set_field": {"component": {"id": "Prompt-p"}, "field": "template", "value": "Hi"}})
    expected = GREETING.replace("You said: {user_input}. Answer v1.", "Hi")
    assert json.dumps(json.loads(changed.text)) == json.dumps(json.loads(expected))


def test_the_same_flow_gives_the_same_text_however_it_was_laid_out() -> None:
    change = {"remove_edges": {"into": {"place": "output"}}}
    assert made(json.dumps(chain(), indent=4), change) == made(json.dumps(chain()), change)


@pytest.mark.parametrize("name", ["edge-missing", "component-raises"])
def test_a_shipped_scenario_changes_the_sample_flow(name: str) -> None:
    changed = changed_flow(GREETING, shipped(name).changes.flow, "greeting.json")
    assert len(changed.lines) == 1
    assert "Prompt-p" in changed.lines[0]


def test_every_node_of_a_duplicated_id_is_changed() -> None:
    document = flow([node("A"), node("A"), node("B")], ("A", "B"), ("A", "B"))
    changed = made(document, {"raise_in": {"component": {"id": "A"}}})
    assert "raise" in code_of(changed, 0)
    assert "raise" in code_of(changed, 1)
    assert edges(made(document, {"remove_components": {"id": "A"}})) == []


def test_code_in_lines_stays_code_in_lines() -> None:
    changed = made(flow([node("A", code=CODE.split("\n"))]), {"raise_in": {"component": {"id": "A"}, "message": "no"}})
    assert code_of(changed, 0)[2] == "        raise RuntimeError('no')"


def test_a_group_is_left_alone_but_listed() -> None:
    document = flow([node("Group-1", "Group", flow={"data": {}}), node("ChatOutput-1")], ("Group-1", "ChatOutput-1"))
    with pytest.raises(PlanError) as caught:
        made(document, {"raise_in": {"component": {"place": "into-output"}}})
    assert "Group-1 (group Group)" in caught.value.remedy
    assert edges(made(document, {"remove_edges": {"into": {"place": "output"}}})) == []


def test_notes_on_the_canvas_are_no_components() -> None:
    note = {"id": "note-1", "type": "noteNode", "data": {}}
    assert made(flow([note, node("A")]), {"remove_components": {"place": "output"}}).lines == (
        "removed component A (Step)",
    )


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"remove_edges": {"into": {"id": "Nope"}}}, "changes.flow[0].remove_edges: no edge matches into: {id: Nope}"),
        ({"remove_components": {"type": "Nope"}}, "changes.flow[0].remove_components: no component matches type: Nope"),
        ({"raise_in": {"component": {"id": "x"}}}, "changes.flow[0].raise_in: no component matches id: x"),
    ],
)
def test_a_change_that_finds_nothing_names_itself_and_lists_what_there_is(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(PlanError) as caught:
        made(chain(), change)
    assert f"flow.json, scenario x: {problem}" in caught.value.problem
    assert "Step-1 (Step)" in caught.value.remedy
    assert "Step-1 -> Step-2" in caught.value.remedy


@pytest.mark.parametrize(("field", "value", "why"), [("nope", 1, "is in none"), ("size", 1, "already has that value")])
def test_a_field_that_would_not_change_is_an_error_that_lists_the_fields(field: str, value: int, why: str) -> None:
    with pytest.raises(PlanError) as caught:
        made(chain(), {"set_field": {"component": {"id": "Step-1"}, "field": field, "value": value}})
    assert why in caught.value.problem
    assert "code, size" in caught.value.remedy


def test_a_change_that_an_earlier_one_made_impossible_is_named_by_its_index() -> None:
    cut = {"remove_edges": {"into": {"place": "output"}}}
    with pytest.raises(PlanError, match=r"changes\.flow\[1\]\.remove_edges"):
        made(chain(), cut, cut)


def test_a_secret_in_a_field_is_not_in_the_line() -> None:
    document = flow([node("A", template={"api_key": {"value": ""}})])
    changed = made(document, {"set_field": {"component": {"id": "A"}, "field": "api_key", "value": "hunter2hunter2"}})
    assert "hunter2" in changed.text
    assert "hunter2" not in changed.lines[0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "null", '{"data": []}', '{"data": {"nodes": {}}}', '{"nodes": []}', "[" * 100_000, "\ud800"],
)
def test_what_is_no_flow_is_a_plan_error(text: str) -> None:
    with pytest.raises(PlanError, match=r"flow\.json"):
        made(text, {"remove_edges": {"into": {"place": "output"}}})


def test_a_number_that_json_cannot_hold_is_a_plan_error() -> None:
    document = json.dumps(chain()).replace('"\\u00e5"', "1e999")
    with pytest.raises(PlanError, match="JSON cannot hold"):
        made(document, {"remove_edges": {"into": {"place": "output"}}})


@pytest.mark.parametrize("code", [None, 7, ["a", 1], "def f(:", "x = 1", "\x00", "class A(Component):\n\tx = (" * 300])
def test_code_that_cannot_be_changed_names_the_component(code: Any) -> None:
    with pytest.raises(PlanError, match=r"Odd-1 \(Step\)"):
        made(flow([node("Odd-1", code=code)]), {"raise_in": {"component": {"id": "Odd-1"}}})


def test_a_method_name_that_is_code_is_not_written_into_the_component() -> None:
    hostile = node(
        "A", outputs=[{"method": "x(self): pass\n    import os\n    def y"}, {"method": "class"}, {"method": "build"}]
    )
    changed = made(flow([hostile]), {"raise_in": {"component": {"id": "A"}}})
    assert "import os" not in code_of(changed, 0)
    assert changed.lines == ("made A.build raise RuntimeError('flowdrill: deliberately broken')",)


def test_control_characters_of_an_id_do_not_reach_the_line() -> None:
    changed = made(flow([node("A\x1b[2J\n")]), {"remove_components": {"place": "output"}})
    assert changed.lines[0].isprintable()


CHANGES: list[dict[str, Any]] = [
    {"remove_edges": {"into": {"place": "output"}}},
    {"remove_edges": {"from": {"place": "into-output"}, "into": {"type": "ChatOutput"}}},
    {"remove_components": {"place": "input"}},
    {"raise_in": {"component": {"place": "into-output"}, "message": "a\n'\"\\ ä"}},
    {"raise_in": {"component": {"place": "output"}}},
    {"set_field": {"component": {"place": "output"}, "field": "size", "value": "x"}},
    {"run_first": {"component": {"place": "into-output"}, "in": "event-loop", "code": "pass"}},
    {"prepend_code": {"component": {"place": "into-output"}, "code": "def f(:"}},
    {"replace_code": {"component": {"place": "output"}, "code": "x"}},
    {"set_type": {"component": {"place": "output"}, "to": "Other"}},
    {"rename_variable": {"component": {"place": "output"}, "field": "code", "to": "other"}},
]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(CODE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, child in inner for place in _places(child, (*path, key)))]


@given(st.data())
def test_whatever_is_wrong_with_a_flow_only_plan_errors_come_out(data: st.DataObject) -> None:
    document: Any = {"flow": copy.deepcopy(chain())}
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(_places(document["flow"], ("flow",))))
        holder = document
        for key in path:
            holder = holder[key]
        if isinstance(holder, dict) and data.draw(st.booleans()) and last != "flow":
            del holder[last]
        else:
            holder[last] = data.draw(JSON)
    change = data.draw(st.sampled_from(CHANGES))
    try:
        changed = made(json.dumps(document["flow"]), change)
    except PlanError as error:
        assert "flow.json" in error.problem  # noqa: PT017 - both ways out are right
    else:
        json.loads(changed.text.encode())
        assert len(changed.lines) == 1
