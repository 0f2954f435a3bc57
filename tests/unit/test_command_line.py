"""The command line as a user meets it: one clear error, stable exit codes, JSON on stdout when asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from flowdrill.cli.main import main

ROOT = Path(__file__).parents[2]


def test_validate_says_what_was_read(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(ROOT / "drills" / "edge-missing.yaml")]) == 0
    assert "valid: drill edge-missing, scenario edge-missing, deployment/langflow-greeting" in capsys.readouterr().out


def test_validate_answers_in_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["validate", str(ROOT / "drills" / "edge-missing.yaml"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True


def test_a_mistake_in_a_plan_is_one_message_and_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "drill.yaml"
    path.write_text("drill: x\n")
    assert main(["validate", str(path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("flowdrill: ")
    assert f"{path}:1: target: required key is missing" in said
    assert "Traceback" not in said


def test_without_a_cluster_a_drill_must_bring_its_target(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(tmp_path / "none"))
    plan = yaml.safe_load((ROOT / "drills" / "edge-missing.yaml").read_text())
    del plan["embedded"]
    drill = tmp_path / "drill.yaml"
    drill.write_text(yaml.safe_dump(plan | {"scenario": str(ROOT / "scenarios" / "edge-missing")}))
    assert main(["run", str(drill), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "--context" in said
    assert "flowdrill cluster up" in said
    assert not (tmp_path / "out").exists()


def test_a_missing_api_key_is_named_before_anything_starts(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("LANGFLOW_API_KEY", raising=False)
    drill = str(ROOT / "drills" / "edge-missing.yaml")
    assert main(["run", drill, "--context", "nowhere", "--out", str(tmp_path)]) == 2
    assert "LANGFLOW_API_KEY is not set or empty" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_context_lists_those_that_exist(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
                "users": [{"name": "u", "user": {}}],
                "contexts": [{"name": "staging", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "staging",
            }
        )
    )
    monkeypatch.setenv("LANGFLOW_API_KEY", "k")
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    drill = str(ROOT / "drills" / "edge-missing.yaml")
    assert main(["run", drill, "--context", "stagin", "--out", str(tmp_path / "out")]) == 2
    assert "staging" in capsys.readouterr().err
    assert main(["run", drill, "--context", "staging", "--out", str(tmp_path / "out")]) == 2
    assert "127.0.0.1:1" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["drill", "scenario", "suite", "result", "advisories", "repeats"])
def test_schemas_are_printed_as_they_are_committed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", name]) == 0
    assert capsys.readouterr().out == (ROOT / "schemas" / f"{name}.v1.json").read_text()


def test_a_folder_that_is_no_run_folder_is_said_to_be_none(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["report", str(tmp_path)]) == 2
    assert "is no run folder: neither plan.json nor events.jsonl is in it" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["image", "flow", "nowhere.json", "--base", "127.0.0.1:1/a:1", "--to", "127.0.0.1:1/b:1"], "nowhere.json"),
        (["image", "flow", "FLOW", "--base", "A B", "--to", "127.0.0.1:1/b:1"], "no image reference"),
        (["image", "flow", "FLOW", "--base", "127.0.0.1:1/a:1", "--to", "127.0.0.1:1/b"], "tag"),
        (["image", "flow", "FLOW", "--base", "127.0.0.1:1/a:1", "--to", "127.0.0.1:1/b:1"], "127.0.0.1:1"),
        (["image", "derive", "edge-missing", "--from", "127.0.0.1:1/a:1.0"], "digest"),
        (["image", "derive", "edge-mising", "--from", "127.0.0.1:1/a@sha256:" + "a" * 64], "no scenario 'edge-mising'"),
        (["image", "derive", "edge-missing", "--from", "registry.test/a@sha256:" + "a" * 64], "registry.test"),
    ],
)
def test_image_commands_name_what_is_wrong(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    flow = str(ROOT / "scenarios" / "flows" / "greeting.json")
    assert main([flow if argument == "FLOW" else argument for argument in arguments]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


def test_every_command_of_the_readme_is_one_that_exists(capsys: pytest.CaptureFixture[str]) -> None:
    readme = "\n".join((ROOT / page).read_text() for page in ("README.md", "docs/commands.md", "docs/preflight.md"))
    commands = set(re.findall(r"(?m)(?:^|`|\$\(|\$ )flowdrill ((?:image |cluster |scenario )?[a-z]+)\b", readme))
    assert {"run", "report", "validate", "schema", "image flow", "image derive"} <= commands
    assert {"cluster up", "cluster status", "cluster kubeconfig", "cluster down"} <= commands
    assert {"scenario list", "scenario show", "scenario try"} <= commands
    for command in commands:
        with pytest.raises(SystemExit) as ended:
            main([*command.split(), "--help"])
        assert ended.value.code == 0, command
        capsys.readouterr()
