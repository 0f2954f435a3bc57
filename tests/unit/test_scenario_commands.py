"""`scenario list`, `show` and `try` as a user meets them, as far as no LangFlow is needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.drilling.trying import (
    KEY_VARIABLE,
    LATENCY_OBJECTIVE_SECONDS,
    PORT,
    SAMPLE_EXPECT,
    SAMPLE_FLOW,
    pod_spec,
)
from flowdrill.edges.planfiles.reading import all_scenarios
from flowdrill.model.drill import Drill
from flowdrill.report.catalogue import render_catalogue

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.parent.name for path in ROOT.glob("scenarios/*/scenario.yaml"))


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["scenario", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["scenario", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("flowdrill: ")
    assert "Traceback" not in said.err
    return said.err


def test_the_list_has_every_scenario_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = printed(capsys, "list").splitlines()
    assert lines[0].split() == ["NAME", "SYMPTOM", "DETECTED", "BY", "ROLLBACK", "STORY"]
    assert [line.split()[0] for line in lines[1:] if not line.startswith(" ")] == NAMES
    rows = json.loads(printed(capsys, "list", "--json"))
    assert [row["scenario"] for row in rows] == NAMES
    (row,) = (row for row in rows if row["scenario"] == "config-map-broken")
    assert (row["symptom"], row["detected_by"], row["rollback_helps"]) == ("bad-answers", ["sequential"], False)


@pytest.mark.parametrize("columns", ["40", "120", "300"])
def test_the_list_keeps_to_the_terminal_where_it_can(
    columns: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    widest = max(map(len, printed(capsys, "list").splitlines()))
    assert widest <= max(int(columns), 120)


@pytest.mark.parametrize("name", NAMES)
def test_one_scenario_is_shown_with_everything(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "show", name)
    facts = json.loads(printed(capsys, "show", name, "--json"))
    assert text.startswith(f"{name}\n")
    words = text.split()
    assert [word for word in facts["story"].split() if word not in words] == []
    assert facts["symptom"] in text
    assert facts["change_lines"]
    for detector in (*facts["detected_by"], *facts["not_detected_by"]):
        assert detector in words
    written = yaml.safe_load((ROOT / "scenarios" / name / "scenario.yaml").read_text())
    if "extends" not in written:
        assert set(facts["changes"]) == set(written.get("changes", {}))


def test_what_a_scenario_extends_is_shown_with_it(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    text = "scenario: mine\nextends: [edge-missing]\nstory: s\nsymptom: bad-answers\nseen_by_users: u\n"
    more = 'changes: {env: {set: {API_KEY: hunter2hunter2, A: "\\e[2J"}}, workload: {env: {unset: [B]}}}\n'
    (tmp_path / "mine" / "scenario.yaml").write_text(text + more)
    shown = printed(capsys, "show", f"{tmp_path}/mine")
    assert "extends            edge-missing" in shown
    assert "flow: remove_edges {into: {place: output}}" in shown
    assert "image, env A=\\x1b[2J" in shown
    assert "pod template, env without B" in shown
    assert "hunter2" not in shown


def test_an_unknown_scenario_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "try"):
        assert "edge-missing" in refused(capsys, command, "edge-mising")


def test_the_catalogue_is_committed_as_it_is_made(capsys: pytest.CaptureFixture[str]) -> None:
    page = (ROOT / "docs" / "scenarios.md").read_text(encoding="utf-8")
    assert page == printed(capsys, "list", "--markdown"), "run `make catalogue`"


def test_the_catalogue_has_a_section_for_each_scenario_with_its_changes_as_they_are() -> None:
    found = [one.scenario for one in all_scenarios()]
    page = render_catalogue(found)
    for scenario in found:
        section = page.partition(f"### {scenario.scenario}\n")[2].partition("\n### ")[0]
        changes = yaml.safe_load(section.partition("```yaml\n")[2].partition("```")[0])
        again = type(scenario.changes).model_validate_json(json.dumps(changes))
        assert again == scenario.changes
        assert f"](#{scenario.scenario})" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["config-map-broken"], "(a flow in a ConfigMap), and `try` runs a pod alone"),
        (["edge-missing", "--limit", "12"], "--limit: needs a duration with its unit"),
        (["edge-missing", "--limit", "0s"], "--limit 0s: is not between 1s and 10m"),
        (["../nowhere"], "nowhere"),
    ],
)
def test_what_cannot_be_tried_is_said_before_anything_starts(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said in refused(capsys, "try", *arguments)


def test_the_drill_that_shows_it_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "drills").mkdir()
    plan = (ROOT / "drills" / "edge-missing.yaml").read_text()
    (tmp_path / "drills" / "a.yaml").write_text("no: drill\n")
    (tmp_path / "drills" / "b.yaml").write_text(plan)
    monkeypatch.chdir(tmp_path)
    assert "a drill file with `scenario: config-map-broken`" in refused(capsys, "try", "config-map-broken")
    (tmp_path / "drills" / "c.yaml").write_text(plan.replace("scenario: edge-missing", "scenario: config-map-broken"))
    assert "`flowdrill run drills/c.yaml`" in refused(capsys, "try", "config-map-broken")


def test_without_a_runtime_a_try_says_how_to_get_one(tmp_path: Path) -> None:
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path), "FLOWDRILL_CLUSTER": str(tmp_path / "none")}
    done = subprocess.run(
        [sys.executable, "-m", "flowdrill", "scenario", "try", "edge-missing"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env=environ, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "has no LangFlow runtime" in done.stderr
    assert not (tmp_path / "none").exists()


def test_an_image_of_a_registry_that_the_cluster_does_not_trust_is_refused(tmp_path: Path) -> None:
    image = f"registry.test/app@sha256:{'a' * 64}"
    done = subprocess.run(
        [sys.executable, "-m", "flowdrill", "scenario", "try", "edge-missing", "--image", image],
        capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "FLOWDRILL_CLUSTER": str(tmp_path / "none"), "FLOWDRILL_LFX_PYTHON": ""},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert "--trust-registry registry.test" in done.stderr


def test_a_pod_that_is_tried_is_like_those_of_the_sample_target() -> None:
    documents = list(yaml.safe_load_all((ROOT / "drills" / "target" / "kubernetes.yaml").read_text()))
    (target,) = (one for one in documents if one["kind"] == "Deployment")
    (theirs,) = target["spec"]["template"]["spec"]["containers"]
    spec = pod_spec("image", "key")
    (ours,) = spec["containers"]
    assert spec["enableServiceLinks"] == target["spec"]["template"]["spec"]["enableServiceLinks"]
    for name in ("name", "ports", "resources"):
        assert ours[name] == theirs[name]
    assert ours["readinessProbe"] == theirs["readinessProbe"] | {"periodSeconds": 1}
    assert ours["env"] == [{"name": theirs["env"][0]["name"], "value": "key"}]
    assert theirs["env"][0]["name"] == KEY_VARIABLE
    assert theirs["ports"][0]["containerPort"] == PORT


def test_it_is_asked_what_the_sample_drill_asks() -> None:
    plan = yaml.safe_load((ROOT / "drills" / "edge-missing.yaml").read_text())
    drill = Drill.model_validate_json(json.dumps(plan))
    assert drill.load.expect == SAMPLE_EXPECT
    assert drill.load.latency_objective == LATENCY_OBJECTIVE_SECONDS
    assert plan["embedded"]["flow"] == f"../scenarios/{SAMPLE_FLOW}"
