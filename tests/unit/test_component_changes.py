"""What a scenario changes in a flow's components, and in its file as a whole."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.analysis.flow_changes import ChangedFlow, changed_flow
from flowdrill.errors import PlanError
from flowdrill.model.flow_operations import FlowChange
from tests.unit.test_flow_changes import CODE, chain, code_of, flow, made, node


def prompts(*texts: str) -> dict[str, Any]:
    fields = [{"template": {"value": text}, "code": {"value": CODE}} for text in texts]
    return flow([node(f"P-{number}", "Prompt Template", template=one) for number, one in enumerate(fields)])


def prompt_of(changed: ChangedFlow, index: int = 0) -> str:
    return str(json.loads(changed.text)["data"]["nodes"][index]["data"]["node"]["template"]["template"]["value"])


@pytest.mark.parametrize(
    "operation",
    [
        {"remove_components": {"type": "Step"}},
        {"raise_in": {"component": {"type": "Step"}}},
        {"run_first": {"component": {"type": "Step"}, "code": "pass"}},
        {"prepend_code": {"component": {"type": "Step"}, "code": "x = 1"}},
        {"replace_code": {"component": {"type": "Step"}, "code": "x = 1"}},
        {"set_field": {"component": {"type": "Step"}, "field": "size", "value": 2}},
        {"set_type": {"component": {"type": "Step"}, "to": "Other"}},
        {"rename_variable": {"component": {"type": "Step"}, "to": "other"}},
    ],
    ids=lambda operation: next(iter(operation)),
)
def test_a_type_that_several_components_have_needs_every(operation: dict[str, Any]) -> None:
    with pytest.raises(PlanError, match=r"2 components match type: Step: Step-1 \(Step\), Step-2 \(Step\)") as caught:
        made(chain(), operation)
    assert "every: true" in caught.value.remedy


def test_every_changes_all_components_of_a_type() -> None:
    changed = made(chain(), {"set_type": {"component": {"type": "Step", "every": True}, "to": "Of Tomorrow"}})
    assert changed.lines == ("gave Step-1 (Step), Step-2 (Step) the type Of Tomorrow",)
    assert changed.text.count('"Of Tomorrow"') == 2


def test_a_type_that_is_there_already_is_an_error() -> None:
    with pytest.raises(PlanError, match="Step-1 already has the type 'Step'"):
        made(chain(), {"set_type": {"component": {"id": "Step-1"}, "to": "Step"}})


@pytest.mark.parametrize(
    ("where", "told"), [(None, ""), ("thread", " in the thread"), ("event-loop", " in the event loop")]
)
def test_run_first_says_which_methods_run_what_and_where(where: str | None, told: str) -> None:
    operation = {"component": {"id": "Step-1"}, "code": "import time\ntime.sleep(1)\n"} | (
        {"in": where} if where else {}
    )
    changed = made(chain(), {"run_first": operation})
    assert changed.lines == (f"made Step-1.build first run{told}: import time / time.sleep(1)",)
    assert "time.sleep(1)" in code_of(changed, 1)
    assert "time" not in code_of(changed, 2)


def test_code_is_prepended_as_it_is_and_as_a_file_of_the_scenario() -> None:
    text = made(chain(), {"prepend_code": {"component": {"id": "Step-1"}, "code": "def f(:"}})
    assert code_of(text, 1) == f"def f(:\n{CODE}"
    change = FlowChange.model_validate_json('{"prepend_code": {"component": {"id": "Step-1"}, "source": "x.py"}}')
    file = changed_flow(json.dumps(chain()), (change,), "flow.json", {"x.py": b"x = 1\n"}.__getitem__)
    assert code_of(file, 1) == f"x = 1\n{CODE}"
    assert file.lines == ("put before the code of Step-1: x = 1",)


def test_code_is_replaced_unless_it_is_the_same() -> None:
    changed = made(chain(), {"replace_code": {"component": {"id": "Step-1"}, "code": "x = 1\ny = 2\n"}})
    assert (code_of(changed, 1), code_of(changed, 2)) == ("x = 1\ny = 2\n", CODE)
    assert changed.lines == ("replaced the code of Step-1, now 2 lines",)
    with pytest.raises(PlanError, match="already has this code"):
        made(chain(), {"replace_code": {"component": {"id": "Step-1"}, "code": CODE}})


@pytest.mark.parametrize(
    ("text", "more", "after"),
    [
        ("You said {input}.", {}, "You said {asked}."),
        ("{a} {b} {a}", {}, "{asked} {b} {asked}"),
        ("{a} {b}", {"variable": "b"}, "{a} {asked}"),
        ("{{ a }} and {a}", {}, "{{ asked }} and {asked}"),
        ("{{{a}}} {b}", {}, "{{{a}}} {asked}"),
        ("{ab} {a}", {"variable": "a"}, "{ab} {asked}"),
        ('json: {"a": 1} {a}', {}, 'json: {"a": 1} {asked}'),
    ],
)
def test_a_variable_is_renamed_in_the_text_alone(text: str, more: dict[str, str], after: str) -> None:
    changed = made(prompts(text), {"rename_variable": {"component": {"id": "P-0"}, "to": "asked", **more}})
    assert prompt_of(changed) == after
    assert changed.text.count("asked") == after.count("asked")


@pytest.mark.parametrize(
    ("text", "more", "problem", "remedy"),
    [
        ("no variable", {}, "no variable with another name in template", "P-0 (Prompt Template): none"),
        ("{asked}", {}, "no variable with another name in template", "P-0 (Prompt Template): asked"),
        ("{a}", {"variable": "b"}, "no variable 'b' in template", "P-0 (Prompt Template): a"),
        ("{a}", {"field": "nope"}, "field 'nope' holds no text", "template, code"),
    ],
)
def test_a_variable_that_is_not_there_lists_those_that_are(
    text: str, more: dict[str, str], problem: str, remedy: str
) -> None:
    with pytest.raises(PlanError) as caught:
        made(prompts(text), {"rename_variable": {"component": {"id": "P-0"}, "to": "asked", **more}})
    assert problem in caught.value.problem
    assert remedy in caught.value.remedy


def test_a_variable_is_renamed_wherever_it_is() -> None:
    operation = {"component": {"type": "Prompt Template", "every": True}, "variable": "b", "to": "c"}
    changed = made(prompts("{a}", "{b}"), {"rename_variable": operation})
    assert (prompt_of(changed, 0), prompt_of(changed, 1)) == ("{a}", "{c}")
    assert changed.lines == ("renamed P-1.template {b} to {c}",)


def test_a_flow_is_cut_off_and_then_is_none_any_more() -> None:
    text = json.dumps(chain())
    changed = made(text, {"truncate_flow": {"keep": 0.5}})
    assert changed.text == text[: len(text) // 2]
    assert changed.lines == (f"cut off after {len(text) // 2} of {len(text)} bytes",)
    with pytest.raises(PlanError, match=r"changes\.flow\[1\]: the flow is no JSON"):
        made(text, {"truncate_flow": {"keep": 0.5}}, {"remove_components": {"place": "output"}})


def test_a_cut_within_a_character_leaves_that_out() -> None:
    assert made("ää", {"truncate_flow": {"keep": 0.8}}).text == "ä"
    with pytest.raises(PlanError, match="has only 1 bytes"):
        made("a", {"truncate_flow": {"keep": 0.5}})


def test_a_flow_is_replaced_by_a_file_of_the_scenario_whatever_is_in_it() -> None:
    change = (FlowChange.model_validate_json('{"replace_flow": {"source": "other.json"}}'),)
    changed = changed_flow("{}", change, "flow.json", lambda name: f"no flow: {name}".encode())
    assert (changed.text, changed.lines) == ("no flow: other.json", ("replaced by other.json, 19 bytes",))
    with pytest.raises(PlanError, match=r"other\.json is the flow that is there"):
        changed_flow("{}", change, "flow.json", lambda _: b"{}")
    with pytest.raises(PlanError, match=r"other\.json is no text \(byte 0\)"):
        changed_flow("{}", change, "flow.json", lambda _: b"\xff")
    with pytest.raises(PlanError, match="no scenario's folder"):
        made("{}", {"replace_flow": {"source": "other.json"}})
