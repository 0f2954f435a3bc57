"""Scenarios that extend others: whose changes come first, whose files are read, and circles."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdrill.edges.planfiles.reading import all_scenarios, find_scenario
from flowdrill.errors import PlanError

HEAD = "story: s\nsymptom: bad-answers\nseen_by_users: an error\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "scenarios").mkdir()
    return tmp_path / "scenarios"


def scenario(folder: Path, name: str, changes: str, extends: str = "", **files: str) -> None:
    (folder / name).mkdir()
    more = f"extends: [{extends}]\n" if extends else ""
    (folder / name / "scenario.yaml").write_text(f"scenario: {name}\n{HEAD}{more}changes: {changes}\n")
    for file, text in files.items():
        (folder / name / file).write_text(text)


def problem(folder: Path, name: str) -> str:
    with pytest.raises(PlanError) as caught:
        find_scenario(name, near=folder.parent)
    return str(caught.value)


def test_changes_are_made_in_the_order_of_extends_and_its_own_last(folder: Path) -> None:
    for name in ("first", "second", "own"):
        extends = "first, second" if name == "own" else ""
        scenario(folder, name, f"{{flow: [{{truncate_flow: {{keep: 0.5}}}}], python: [{{code: {name} = 1}}]}}", extends)
    found = find_scenario("own", near=folder.parent).scenario
    assert [one.code for one in found.changes.python] == ["first = 1", "second = 1", "own = 1"]
    assert len(found.changes.flow) == 3
    assert found.extends == ("first", "second")


def test_data_is_put_back_in_the_opposite_order(folder: Path) -> None:
    for name in ("first", "second", "own"):
        scenario(folder, name, f"{{python: [{{code: {name} = 1}}]}}", "first, second" if name == "own" else "")
        path = folder / name / "scenario.yaml"
        path.write_text(f"{path.read_text()}recovery: {{python: [{{code: undo_{name}()}}]}}\n")
    found = find_scenario("own", near=folder.parent).scenario.for_recovery()
    assert found is not None
    assert [one.code for one in found.changes.python] == ["undo_own()", "undo_second()", "undo_first()"]
    assert found.scenario == "own-recovery"


def test_what_both_set_holds_as_the_later_one_sets_it(folder: Path) -> None:
    scenario(
        folder,
        "first",
        "{env: {set: {A: '1', B: '1'}, unset: [C, D]}, command: [a], workload: {resources: {limits: {cpu: '1'}}}}",
    )
    scenario(folder, "own", "{env: {set: {B: '2', C: '2'}, unset: [A]}, workload: {env: {set: {X: '1'}}}}", "first")
    changes = find_scenario("own", near=folder.parent).scenario.changes
    assert changes.env.set == {"B": "2", "C": "2"}
    assert changes.env.unset == ("D", "A")
    assert changes.command == ("a",)
    assert changes.workload.resources == {"limits": {"cpu": "1"}}
    assert changes.workload.env.set == {"X": "1"}


def test_a_chain_is_followed_from_its_far_end(folder: Path) -> None:
    scenario(folder, "c", "{python: [{code: c = 1}]}")
    scenario(folder, "b", "{python: [{code: b = 1}]}", "c")
    scenario(folder, "a", "{python: [{code: a = 1}]}", "b")
    found = find_scenario("a", near=folder.parent)
    assert [one.code for one in found.scenario.changes.python] == ["c = 1", "b = 1", "a = 1"]
    assert [one.name for one in found.folders] == ["a", "b", "c"]


def test_one_that_two_others_extend_is_no_circle(folder: Path) -> None:
    scenario(folder, "d", "{python: [{code: d = 1}]}")
    scenario(folder, "b", "{}", "d")
    scenario(folder, "c", "{}", "d")
    scenario(folder, "a", "{}", "b, c")
    assert len(find_scenario("a", near=folder.parent).scenario.changes.python) == 2


def test_a_circle_is_named_all_around(folder: Path) -> None:
    scenario(folder, "a", "{}", "b")
    scenario(folder, "b", "{}", "c")
    scenario(folder, "c", "{}", "a")
    assert "extends itself: a -> b -> c -> a" in problem(folder, "a")
    scenario(folder, "alone", "{}", "alone")
    assert "extends itself: alone -> alone" in problem(folder, "alone")


@pytest.mark.parametrize("name", ["nope", "../a", "", "A"])
def test_an_unknown_name_is_said_with_the_file_that_has_it(folder: Path, name: str) -> None:
    scenario(folder, "a", "{}", f"'{name}'")
    said = problem(folder, "a")
    assert f"{folder / 'a' / 'scenario.yaml'}: extends: " in said
    assert repr(name) in said
    if name == "nope":
        assert "use one of: a, " in said


def test_one_that_ships_can_be_extended(folder: Path) -> None:
    scenario(folder, "mine", "{env: {set: {A: b}}}", "edge-missing")
    assert find_scenario("mine", near=folder.parent).scenario.changes.flow[0].remove_edges is not None


def test_sources_are_read_from_its_own_folder_first_and_then_from_those_it_extends(folder: Path) -> None:
    scenario(folder, "first", "{python: [{source: x.py}, {source: y.py}]}", **{"x.py": "first x", "y.py": "first y"})
    scenario(folder, "own", "{}", "first", **{"x.py": "own x"})
    found = find_scenario("own", near=folder.parent)
    assert (found.read_source("x.py"), found.read_source("y.py")) == (b"own x", b"first y")
    with pytest.raises(PlanError, match=r"z\.py: no such file") as caught:
        found.read_source("z.py")
    assert "which has: x.py" in caught.value.remedy
    with pytest.raises(PlanError, match="outside the scenario's folder"):
        found.read_source("../own/x.py".replace("own", "first"))


def test_all_scenarios_are_composed_by_name_and_the_nearest_wins(folder: Path) -> None:
    scenario(folder, "edge-missing", "{env: {set: {A: mine}}}")
    scenario(folder, "zz", "{}", "edge-missing")
    found = {one.scenario.scenario: one.scenario for one in all_scenarios(folder.parent)}
    assert list(found) == sorted(found)
    assert found["edge-missing"].changes.env.set == {"A": "mine"}
    assert found["zz"].changes.env.set == {"A": "mine"}
    assert "component-raises" in found
