"""Bad plans get one clear error that names file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowdrill.drilling.runs import read_plan
from flowdrill.edges.planfiles.reading import find_scenario, read_drill
from flowdrill.errors import PlanError

GOOD = """\
drill: example
target:
  namespace: shop
  workload: deployment/langflow
scenario: edge-missing
load:
  url: http://127.0.0.1:30786
  route: lfx-run
  flow: 3f0e
  expect: v1
  requests_per_second: 20
objectives:
  time_to_detect: 2s
  failed_requests_ratio: 30%
"""


def drill_with(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = GOOD
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "drill.yaml"
    path.write_text(text)
    return path


def test_a_good_plan_is_read_with_its_units(tmp_path: Path) -> None:
    drill = read_drill(drill_with(tmp_path))
    assert drill.objectives.time_to_detect == 2.0
    assert drill.objectives.failed_requests_ratio == 0.3
    assert drill.target.name == "langflow"
    assert drill.hold == 10.0


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("  flow: 3f0e\n", "  flow: 3f0e\n  flows: x\n", 10, "load.flows: unknown key; did you mean flow?"),
        ("time_to_detect: 2s", "time_to_detect: 2", 13, "objectives.time_to_detect: needs a duration with its unit"),
        ("time_to_detect: 2s", "time_to_detect: 2 parsecs", 13, "needs a duration with its unit"),
        ("time_to_detect: 2s", "time_to_detect: 0s", 13, "greater than 0"),
        ("failed_requests_ratio: 30%", "failed_requests_ratio: 0.3", 14, "needs a share in percent"),
        ("failed_requests_ratio: 30%", "failed_requests_ratio: 130%", 14, "cannot be more than 100%"),
        ("requests_per_second: 20", "requests_per_second: '20'", 11, "valid number"),
        ("requests_per_second: 20", "requests_per_second: -1", 11, "greater than 0"),
        ("requests_per_second: 20", "requests_per_second: 500", 7, "the timeout can be at most 20s"),
        ("requests_per_second: 20", "requests_per_second: 1", 1, "at 1 requests/s it takes 90s to show"),
        ("deployment/langflow", "daemonset/langflow", 4, "needs deployment/NAME or statefulset/NAME"),
        ("route: lfx-run", "route: carrier-pigeon", 8, "'lfx-run', 'lfx-workflows' or 'langflow-run'"),
        ("  expect: v1\n", "", 7, "load.expect: required key is missing"),
        ("scenario: edge-missing\n", "scenario: edge-missing\nscenario: other\n", 6, "key 'scenario' is given twice"),
        ("scenario: edge-missing", "scenario: [", 7, ""),
        ("scenario: edge-missing", "scenario: 2026-11-22", None, "put quotes around it"),
        ("drill: example", "drill: &a example\ndescription: *a", 2, "aliases are not allowed"),
        ("drill: example", "drill: example\n? [a, b]\n: c", 2, "a key is text, not a list"),
        ("drill: example", "drill: example\n? {a: b}\n: c", 2, "a key is text, not a list"),
        ("drill: example", "drill: example\n2026-11-22: c", 2, "'2026-11-22' is read as a timestamp"),
        ("drill: example", "drill: example\nNO: c", 2, "'NO' is read as a bool by YAML: put quotes around it"),
        ("deployment/langflow", '"deployment/langflow\\n"', 4, "needs deployment/NAME or statefulset/NAME"),
        ("  url: http", "  url: ftp", 7, "load.url: needs http:// or https://"),
        ("objectives:", "registry: {platform: arm64}\nobjectives:", 12, "registry.platform: String should match"),
        ("objectives:", "baseline: {max_bad_ratio: 51%}\nobjectives:", 12, "less than or equal to 0.5"),
        ("objectives:", "baseline: {max_bad_ratio: 0%}\nobjectives:", 12, "greater than 0"),
        ("time_to_detect: 2s", "time_to_detect: 12000d", 13, "cannot be longer than 366d"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_key(
    tmp_path: Path, old: str, new: str, line: int | None, said: str
) -> None:
    path = drill_with(tmp_path, (old, new))
    with pytest.raises(PlanError) as error:
        read_drill(path)
    assert said in str(error.value)
    assert (f"{path}:{line}:" if line else f"{path}:") in str(error.value)


def test_every_mistake_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    path = drill_with(tmp_path, ("route: lfx-run", "route: no"), ("time_to_detect: 2s", "time_to_detect: 2"))
    with pytest.raises(PlanError) as error:
        read_drill(path)
    assert "load.route" in str(error.value)
    assert "objectives.time_to_detect" in str(error.value)


@pytest.mark.parametrize(
    "content", [b"", b"just text", b"- a\n- b\n", b"\xff\xfe", b"a: \x00", b"a: !!timestamp x", b"a: !!bool x"]
)
def test_what_is_no_plan_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "drill.yaml"
    path.write_bytes(content)
    with pytest.raises(PlanError, match=str(path)):
        read_drill(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"nowhere\.yaml: No such file"):
        read_drill(tmp_path / "nowhere.yaml")


def test_an_unknown_scenario_lists_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="edge-missing"):
        find_scenario("edge-mising", near=tmp_path)


@pytest.mark.parametrize("name", ["", "Edge", "a b", "../x\0y", "*", "a\n", "\0"])
def test_a_name_that_no_scenario_has_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is no scenario's name"):
        find_scenario(name, near=tmp_path)


def test_a_name_too_long_for_a_scenario_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanError, match="is no scenario's name"):
        find_scenario("a" * 300, near=tmp_path)


def test_a_scenario_of_the_users_own_is_found_by_path_and_beside_the_drills(tmp_path: Path) -> None:
    folder = tmp_path / "scenarios" / "mine"
    folder.mkdir(parents=True)
    (folder / "scenario.yaml").write_text(
        "scenario: mine\nstory: s\nsymptom: bad-answers\nseen_by_users: 500\nchanges: {env: {set: {A: b}}}\n".replace(
            "seen_by_users: 500", "seen_by_users: an error"
        )
    )
    (tmp_path / "drills").mkdir()
    assert find_scenario("mine", near=tmp_path / "drills").scenario.scenario == "mine"
    assert find_scenario("./scenarios/mine", near=tmp_path).scenario.changes.env.set == {"A": "b"}


def test_a_scenario_cannot_read_files_outside_its_folder(tmp_path: Path) -> None:
    found = find_scenario("edge-missing")
    with pytest.raises(PlanError, match="outside the scenario's folder"):
        found.read_source("../../pyproject.toml")


@pytest.mark.parametrize("workload", ["provider", "job/provider", "deployment/", "deployment/A"])
def test_a_provider_is_named_as_kubectl_does(tmp_path: Path, workload: str) -> None:
    path = drill_with(tmp_path, ("scenario:", f"provider:\n  workload: {workload}\nscenario:"))
    with pytest.raises(PlanError, match=r"needs deployment/NAME or statefulset/NAME"):
        read_drill(path)


def test_a_scenario_that_needs_a_provider_is_refused_before_anything_is_looked_for(tmp_path: Path) -> None:
    path = drill_with(tmp_path, ("scenario: edge-missing", "scenario: provider-down"))
    with pytest.raises(PlanError, match="scenario provider-down changes the model provider") as refused:
        read_plan(path)
    assert "provider: { workload: deployment/NAME }" in refused.value.remedy


def test_a_drill_cannot_extend_what_no_file_can_be_called(tmp_path: Path) -> None:
    drill = tmp_path / "drill.yaml"
    drill.write_text('extends: "base\\0.yaml"\n', encoding="utf-8")
    with pytest.raises(PlanError, match=r"extends: 'base\\x00.yaml' is no name of a file"):
        read_drill(drill)
