"""`flowdrill plan`, its digest, and what `flowdrill run` refuses before it touches anything."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.edges.planfiles.machine_safety import VARIABLE
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.report.schema import schema_text

ROOT = Path(__file__).parents[2]
SCENARIO = """\
scenario: replaced
story: Somebody else's flow was rolled out.
changes:
  flow: [{ replace_flow: { source: other.json } }]
  python: [{ source: start.py }]
symptom: bad-answers
seen_by_users: Another answer.
"""
Answer = tuple[int, str, str]


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine of its own: no embedded cluster, no rules, and a kubeconfig that leads nowhere."""
    kubeconfig = {
        "clusters": [{"name": "prod-eu", "cluster": {"server": "https://127.0.0.1:1"}}],
        "contexts": [{"name": "mine", "context": {"cluster": "prod-eu", "user": "u"}}],
        "users": [{"name": "u", "user": {}}],
    }
    (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setenv("LANGFLOW_API_KEY", "k")
    monkeypatch.setenv("FLOWDRILL_CLUSTER", str(tmp_path / "none"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Writes a drill with a scenario and scripts of its own; `changes` are laid over it."""
    folder = tmp_path / "drills"
    (folder / "replaced").mkdir(parents=True)
    shutil.copytree(ROOT / "drills/target", folder / "target")
    (folder / "replaced" / "scenario.yaml").write_text(SCENARIO)
    for name in ("replaced/other.json", "replaced/start.py", "replaced/unused.txt", "back.sh", "flow.json"):
        (folder / name).write_text("first")

    def write(**changes: Any) -> Path:
        plan = yaml.safe_load((ROOT / "drills/edge-missing.yaml").read_text())
        plan["embedded"] = {"manifests": "target/kubernetes.yaml", "flow": "flow.json"}
        plan |= {"scenario": "./replaced", "rollback": {"command": ["./back.sh", "--hard"]}}
        path = folder / "drill.yaml"
        path.write_text(yaml.safe_dump(plan | changes))
        return path

    return write


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    def run(*words: str | Path) -> Answer:
        capsys.readouterr()
        code = main([*map(str, words)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def facts(said: Callable[..., Answer], *words: str | Path) -> dict[str, Any]:
    code, out, err = said("plan", *words, "--json")
    assert (code in (0, 1), err) == (True, "")
    found: dict[str, Any] = json.loads(out)
    jsonschema.validate(found, json.loads(schema_text("plan")), jsonschema.Draft202012Validator)
    return found


def test_the_page_says_everything_that_an_approver_must_know(
    written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    drill = written()
    code, out, err = said("plan", drill)
    assert (code, err) == (0, "")
    heads = ("WHAT IS BROKEN, AND HOW", "TARGET", "BY WHOM", "STEPS", "HOW IT IS UNDONE", "WHAT STOPS IT", "WORST CASE",
             "APPROVAL")  # fmt: skip
    assert [line for line in out.splitlines() if line in heads] == list(heads)
    digest = facts(said, drill)["digest"]
    assert f"$ flowdrill run {drill} --approved {digest}" in out
    for name in ("scenario other.json", "scenario start.py", "rollback.command ./back.sh", "embedded.flow flow.json"):
        assert name in out
    assert "unused.txt" not in out
    assert max(len(line) for line in out.splitlines() if "--approved" not in line) <= 125


def test_it_can_be_put_into_a_pull_request(written: Callable[..., Path], said: Callable[..., Answer]) -> None:
    drill = written()
    _, page, _ = said("plan", drill)
    _, out, _ = said("plan", drill, "--markdown")
    assert out.startswith("## Plan of drill edge-missing\n")
    assert page in out
    assert out.count("~~~~") == 2


def test_a_suite_has_a_page_for_each_of_its_drills(said: Callable[..., Answer]) -> None:
    code, out, _ = said("plan", ROOT / "drills/gate.yaml", "--json")
    assert code == 0
    drills = yaml.safe_load((ROOT / "drills/gate.yaml").read_text())["drills"]
    assert [one["drill"] for one in json.loads(out)] == [Path(name).stem for name in drills]


@pytest.mark.parametrize(
    "drill",
    ["config-map-broken", "edge-missing-statefulset", "game-day", "no-fault", "obstacle-permission-removed",
     "obstacle-registry-down", "provider-down", "schema-ahead-of-image"],
)  # fmt: skip
def test_drills_of_every_kind_have_a_plan(drill: str, said: Callable[..., Answer]) -> None:
    found = facts(said, ROOT / "drills" / f"{drill}.yaml")
    assert found["refused"] == []
    assert found["worst_case"]["bad_requests"] > 0


@pytest.mark.parametrize(
    "name",
    ["replaced/other.json", "replaced/start.py", "back.sh", "flow.json", "target/kubernetes.yaml", "drill.yaml",
     "replaced/scenario.yaml"],
)  # fmt: skip
def test_whatever_decides_what_happens_changes_the_digest(
    name: str, written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    drill = written()
    before = facts(said, drill)["digest"]
    path = drill.parent / name
    path.write_text(path.read_text().replace("first", "second").replace("requests_per_second: 10",
                    "requests_per_second: 11").replace("Another answer", "No answer")
                    .replace("name: flowdrill-demo\n", "name: flowdrill-demo # here\n", 1))  # fmt: skip
    assert facts(said, drill)["digest"] != before


def test_a_program_of_the_machine_is_covered_by_its_path_and_what_it_runs_by_its_bytes(
    written: Callable[..., Path], said: Callable[..., Answer], tmp_path: Path
) -> None:
    machine = tmp_path / "machine"
    machine.mkdir()
    shell, script = machine / "sh", machine / "back.sh"

    def digest(*command: str) -> tuple[str, list[str]]:
        shown = facts(said, written(rollback={"strategy": "command", "command": list(command)}))
        return shown["digest"], [one["name"] for one in shown["covers"] if one["name"].startswith("rollback")]

    for path in (shell, script):
        path.write_text("first")
    before = digest(str(shell), str(script))
    assert before[1] == [f"rollback.command {script}"]
    shell.write_text("second: an update of the machine, or another machine")
    assert digest(str(shell), str(script)) == before
    assert digest(str(machine / "bash"), str(script))[0] != before[0]
    script.write_text("second")
    assert digest(str(shell), str(script))[0] != before[0]
    beside = str(written().parent / "back.sh")
    assert digest(beside)[1] == [f"rollback.command {beside}"]


def test_what_decides_nothing_does_not(written: Callable[..., Path], said: Callable[..., Answer]) -> None:
    drill = written()
    before = facts(said, drill)["digest"]
    (drill.parent / "replaced/unused.txt").write_text("second")
    drill.write_text(f"# a comment\n{drill.read_text()}")
    drill.rename(drill.with_name("renamed.yaml"))
    assert facts(said, drill.with_name("renamed.yaml"))["digest"] == before


def test_a_plan_is_for_one_cluster(written: Callable[..., Path], said: Callable[..., Answer]) -> None:
    drill = written()
    here, there = facts(said, drill), facts(said, drill, "--context", "mine", "--offline")
    assert here["digest"] != there["digest"]
    assert there["where"]["context"] == "mine"
    assert [one["name"] for one in there["covers"] if one["name"].startswith("embedded")] == []
    assert "restore --context mine --namespace flowdrill-demo" in there["by_hand"][0]
    code, _, err = said("run", drill, "--context", "mine", "--approved", here["digest"], "--out", drill.parent / "out")
    assert code == 2
    assert "what was approved is this drill on the embedded cluster" in err
    assert not (drill.parent / "out").exists()


def test_files_that_are_read_for_the_digest_are_not_read_again(written: Callable[..., Path]) -> None:
    drill = written()
    found = find_scenario("./replaced", near=drill.parent).with_files_read()
    (drill.parent / "replaced/other.json").write_text("swapped")
    assert found.read_source("other.json") == b"first"


def test_a_cluster_that_is_named_is_looked_at_unless_that_is_forbidden(
    written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    code, _, err = said("plan", written(), "--context", "mine")
    assert code == 2
    assert "127.0.0.1:1" in err


def test_a_run_of_another_plan_than_the_approved_one_is_refused(
    written: Callable[..., Path], said: Callable[..., Answer], tmp_path: Path
) -> None:
    drill = written()
    approved = facts(said, drill)["digest"]
    (drill.parent / "back.sh").write_text("rm -rf /")
    code, out, err = said("run", drill, "--approved", approved, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert f"its digest is {facts(said, drill)['digest']}; approved: {approved}" in err
    assert f"`flowdrill plan {drill}`" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["sha256:12", "md5:" + "0" * 64, "sha256:" + "G" * 64, ""])
def test_an_approval_that_is_no_digest_is_a_mistake(
    text: str, written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    code, _, err = said("run", written(), "--approved", text)
    assert code == 2
    assert "is no digest" in err


def test_a_drill_that_must_be_approved_does_not_run_without(
    written: Callable[..., Path], said: Callable[..., Answer], tmp_path: Path
) -> None:
    drill = written(safety={"approval": "required"})
    code, _, err = said("run", drill, "--out", tmp_path / "out")
    assert code == 2
    assert f"must be approved (safety.approval in {drill})" in err
    assert f"`flowdrill plan {drill}`" in err
    assert facts(said, drill)["approval"] == str(drill)
    (tmp_path / "config/flowdrill").mkdir(parents=True)
    (tmp_path / "config/flowdrill/safety.yaml").write_text("approval: required\n")
    code, _, err = said("run", written(), "--out", tmp_path / "out")
    assert (code, "safety.yaml" in err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_no_drill_of_a_suite_begins_when_one_is_not_approved(
    written: Callable[..., Path], said: Callable[..., Answer], tmp_path: Path
) -> None:
    drill = written()
    (drill.parent / "other.yaml").write_text("extends: drill.yaml\ndrill: other\nhold: 2s\n")
    (drill.parent / "suite.yaml").write_text("suite: two\ndrills: [drill.yaml, other.yaml]\n")
    approved = facts(said, drill)["digest"]
    code, out, err = said("run", drill.parent / "suite.yaml", "--approved", approved, "--out", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "the plan of drill other is not the one that was approved" in err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("safety", "where", "said_of_it"),
    [
        ("protect: { contexts: [mine] }", "drill", "context mine is protected by"),
        ("protect: { contexts: ['prod-*'] }", "machine", "(protect.contexts: prod-*)"),
        ("protect: { contexts: ['https://127.*'] }", "machine", "(protect.contexts: https://127.*)"),
        ("protect: { namespaces: ['*-demo'] }", "machine", "namespace flowdrill-demo is protected by"),
    ],
)
@pytest.mark.parametrize("command", ["run", "preflight"])
def test_what_is_protected_is_refused_before_anything_is_asked(
    command: str, safety: str, where: str, said_of_it: str, written: Callable[..., Path], said: Callable[..., Answer],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    drill = written(**({"safety": yaml.safe_load(safety)} if where == "drill" else {}))
    file = tmp_path / "rules.yaml"
    file.write_text(safety if where == "machine" else "{}\n")
    monkeypatch.setenv(VARIABLE, str(file))
    code, out, err = said(command, drill, "--context", "mine")
    assert (code, out) == (2, "")
    assert said_of_it in err
    assert (str(file) if where == "machine" else str(drill)) in err
    assert "Connection" not in err
    found = facts(said, drill, "--context", "mine")  # without --offline: not even then is it asked
    assert said_of_it in found["refused"][0]
    assert found["seen"] is None


def test_a_namespace_of_kubernetes_itself_is_protected_on_every_cluster(
    written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    drill = written(target={"namespace": "kube-system", "workload": "deployment/coredns"})
    code, out, _ = said("plan", drill)
    assert code == 1
    assert "WOULD BE REFUSED" in out
    code, _, err = said("run", drill)
    assert (code, "namespace kube-system is protected by flowdrill itself, always" in err) == (2, True)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("protect: [prod]", ":1: protect"),
        ("protcet: {}", "unknown key"),
        ("approval: maybe", "approval"),
        ("require_labels: { a: true }", "require_labels"),
        ("a: [", ":"),
        (None, "No such file"),
        (b"\xff", "not UTF-8"),
    ],
)
def test_rules_of_this_machine_that_cannot_be_read_stop_every_drill(
    text: str | bytes | None, told: str, written: Callable[..., Path], said: Callable[..., Answer],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    file = tmp_path / "rules.yaml"
    if text is not None:
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    monkeypatch.setenv(VARIABLE, str(file))
    for command in ("run", "preflight", "plan"):
        code, out, err = said(command, written())
        assert (code, out) == (2, "")
        assert str(file) in err
        assert told in err
        assert "Traceback" not in err


def test_the_page_says_what_is_on_record_and_the_command_names_an_approver(
    written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    audit = {
        "purpose": "Shows it. password=hunter22",
        "risk": "RISK-112",
        "participants": [{"name": "Grace Hopper", "role": "leads"}],
        "separate_approver": True,
        "findings": {"owner": "platform team", "due_within": "14d"},
    }
    page = said("plan", written(audit=audit), "--offline")[1]
    for line in (
        "approver: must not be who runs it",
        "takes part: Grace Hopper (leads)",
        "purpose: Shows it. password=[redacted]",
        "risk: RISK-112",
        "findings are due: 14 days after the run",
    ):
        assert line in page
    assert "hunter22" not in page
    assert "--approved-by NAME" in page
    assert "on record" not in said("plan", written(), "--offline")[1]


def test_the_audit_section_is_part_of_what_is_approved_and_the_mapping_is_not(
    written: Callable[..., Path], said: Callable[..., Answer]
) -> None:
    def digest(**audit: str) -> str:
        return str(json.loads(said("plan", written(audit=audit), "--offline", "--json")[1])["digest"])

    ours = written().parent / "ours.yaml"
    shutil.copy(ROOT / "policy/controls.yaml", ours)
    before = digest(controls="ours.yaml")
    assert digest(controls="ours.yaml", change_ticket="CHG-1") != before
    ours.write_text(ours.read_text(encoding="utf-8").replace("own mapping", "other mapping"), encoding="utf-8")
    assert digest(controls="ours.yaml") == before
