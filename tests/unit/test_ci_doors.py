"""The doors for pipelines are thin calls of the command line: their own shell is run, in an environment of theirs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from flowdrill.cli.main import _parser, main
from tests.unit.ci_doors import ACTION, GITLAB, PRESYNC, ROOT, action_step, recorded, recorder, run_shell

NOBODY = f"sha256:{'e' * 64}"
EVIL = '$(touch evil) `touch evil`; touch evil "x" --json'


def test_the_action_calls_the_gate_with_what_was_given_and_nothing_else(tmp_path: Path) -> None:
    programs = recorder(tmp_path / "bin")
    inputs = {
        "suite": "drills/gate.yaml", "candidate": "a flow.json", "rollback-to": "r/i@sha256:1", "context": "staging",
        "fail-fast": "true",
    }  # fmt: skip
    ran = action_step(tmp_path, inputs, programs)
    assert (ran.code, ran.outputs) == (0, {"verdict": "pass", "exit-code": "0"})
    told = recorded(programs)
    assert told[:5] == ["gate", "--annotations", "github", "--markdown", str(tmp_path / "summary.md")]
    assert told[5:] == [
        "--out=reports", "--junit=flowdrill-gate.xml", "--fail-fast", "--candidate=a flow.json",
        "--rollback-to=r/i@sha256:1", "--context=staging", "--", "drills/gate.yaml",
    ]  # fmt: skip
    parsed = _parser().parse_args(told)
    assert (parsed.suite, parsed.candidate, parsed.fail_fast) == (Path("drills/gate.yaml"), "a flow.json", True)


@pytest.mark.parametrize(
    ("code", "verdict"), [(0, "pass"), (1, "fail"), (2, "error"), (3, "inconclusive"), (143, "error"), (127, "error")]
)
def test_the_action_ends_as_the_gate_does(tmp_path: Path, code: int, verdict: str) -> None:
    ran = action_step(tmp_path, {"suite": "s.yaml"}, recorder(tmp_path / "bin", code))
    assert (ran.code, ran.outputs["verdict"]) == (code, verdict)


def test_an_action_without_flowdrill_is_no_pass(tmp_path: Path) -> None:
    programs = recorder(tmp_path / "bin")
    (programs / "flowdrill").write_text("#!/no/such/interpreter\n")
    ran = action_step(tmp_path, {"suite": "s.yaml"}, programs)
    assert ran.code not in (0, 1, 3)
    assert ran.outputs["verdict"] == "error"


@pytest.mark.parametrize(
    "name", [name for name in ACTION["inputs"] if name not in ("package", "evidence", "fail-fast")]
)
def test_no_input_of_the_action_runs_as_a_command_or_becomes_an_option(tmp_path: Path, name: str) -> None:
    programs = recorder(tmp_path / "bin")
    evidence = {"evidence": "reports"} if name in ("image", "key", "not-older-than") else {}
    action_step(tmp_path, {"suite": "s.yaml", **evidence, name: EVIL}, programs)
    assert not (tmp_path / "evil").exists()
    assert [one for one in recorded(programs) if EVIL in one] == [EVIL if name == "suite" else f"--{name}={EVIL}"]


def test_no_expression_stands_in_a_script_of_the_action() -> None:
    assert all("${{" not in step["run"] for step in ACTION["runs"]["steps"])


@pytest.mark.parametrize(("package", "installed"), [("", "/the/action"), ("flowdrill==1", "flowdrill==1")])
def test_the_action_installs_what_it_came_with_or_what_is_named(tmp_path: Path, package: str, installed: str) -> None:
    (step,) = (one for one in ACTION["runs"]["steps"] if one["id"] == "install")
    programs = recorder(tmp_path / "bin", name="python3")
    environ = {"PACKAGE": package, "ACTION_PATH": "/the/action"}
    assert run_shell(step["run"], environ, tmp_path, programs).returncode == 0
    assert recorded(programs)[-1] == installed


def test_the_summary_and_the_annotations_of_a_real_gate_are_right(tmp_path: Path) -> None:
    inputs = {"evidence": str(ROOT / "tests/golden"), "image": NOBODY}
    ran = action_step(tmp_path, inputs, tmp_path)
    assert (ran.code, ran.outputs) == (1, {"verdict": "fail", "exit-code": "1"})
    assert ran.summary.startswith("## ❌ NO EVIDENCE: evidence of a rollback\n")
    (told,) = ran.obeyed()
    assert told.startswith(f"::error title=flowdrill gate%3A NO EVIDENCE::{NOBODY}: no signed, passing drill")


def test_a_mistake_in_the_inputs_is_an_annotation_and_in_the_summary(tmp_path: Path) -> None:
    ran = action_step(tmp_path, {"suite": "nowhere.yaml", "package": "none"}, tmp_path)
    assert (ran.code, ran.outputs["verdict"]) == (2, "error")
    assert [one.partition("::")[2].partition("::")[2] for one in ran.obeyed()] == [
        "nowhere.yaml: No such file or directory"
    ]
    assert "nowhere.yaml: No such file or directory" in ran.summary


@pytest.mark.parametrize("shell", [("bash", "-eu"), ("sh", "-eu")])
def test_the_gitlab_job_calls_the_gate(tmp_path: Path, shell: tuple[str, ...]) -> None:
    programs = recorder(tmp_path / "bin", 3)
    (script,) = GITLAB["script"]
    given = {"FLOWDRILL_SUITE": EVIL, "FLOWDRILL_CANDIDATE": "next.json", "FLOWDRILL_FAIL_FAST": "true"}
    done = run_shell(script, {**GITLAB["variables"], **given}, tmp_path, programs, shell)
    assert done.returncode == 3, done.stdout
    assert recorded(programs) == [
        "gate", "--markdown", "flowdrill-gate.md", "--out", "reports", "--junit", "flowdrill-gate.xml", "--fail-fast",
        "--candidate=next.json", "--", EVIL,
    ]  # fmt: skip
    assert not (tmp_path / "evil").exists()


def test_the_gitlab_job_asks_the_evidence_for_real(tmp_path: Path) -> None:
    (script,) = GITLAB["script"]
    given = {"FLOWDRILL_EVIDENCE": str(ROOT / "tests/golden"), "FLOWDRILL_IMAGE": NOBODY}
    done = run_shell(script, {**GITLAB["variables"], **given}, tmp_path, tmp_path)
    assert done.returncode == 1, done.stdout
    assert "NO EVIDENCE" in (tmp_path / "flowdrill-gate.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("package", "calls"), [("none", 0), ("flowdrill==1", 1)])
def test_the_gitlab_job_installs_what_is_named(tmp_path: Path, package: str, calls: int) -> None:
    programs = recorder(tmp_path / "bin", name="python3")
    (script,) = GITLAB["before_script"]
    assert run_shell(script, {"FLOWDRILL_PACKAGE": package}, tmp_path, programs).returncode == 0
    assert (programs / "arguments").exists() is bool(calls)


def test_every_variable_of_the_gitlab_job_is_used_and_every_one_used_is_there() -> None:
    used = set(re.findall(r"FLOWDRILL_[A-Z_]+", "\n".join((*GITLAB["script"], *GITLAB["before_script"]))))
    assert used == set(GITLAB["variables"])


def test_the_presync_hook_asks_the_evidence_and_a_sync_waits_for_its_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert PRESYNC["metadata"]["annotations"]["argocd.argoproj.io/hook"] == "PreSync"
    spec = PRESYNC["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert (container["command"], spec["restartPolicy"], PRESYNC["spec"]["backoffLimit"]) == (["flowdrill"], "Never", 0)
    assert main(["key", "new", "--out", str(tmp_path / "drills.pem")]) == 0
    places = {"/reports": str(ROOT / "tests/golden"), "/keys": str(tmp_path)}
    assert set(places) <= {one["mountPath"] for one in container["volumeMounts"]}
    arguments = container["args"]
    for mounted, here in places.items():
        arguments = [one.replace(f"={mounted}", f"={here}") for one in arguments]
    assert main(arguments) == 1
    assert "NO EVIDENCE" in capsys.readouterr().out


def test_the_presync_hook_passes_the_restricted_pod_security_standard() -> None:
    spec = PRESYNC["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    inside = container["securityContext"]
    assert (inside["allowPrivilegeEscalation"], inside["capabilities"]) == (False, {"drop": ["ALL"]})
    assert spec["securityContext"]["runAsNonRoot"]
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    allowed = {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
    assert all(set(one) - {"name"} <= allowed for one in spec["volumes"])
