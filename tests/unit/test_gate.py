"""`flowdrill gate`: one verdict for a candidate and a suite; not knowing blocks, and nothing is silently a pass."""

from __future__ import annotations

import argparse
import json
import os
import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import jsonschema
import pytest
import yaml

from flowdrill.analysis.gate_verdict import gate_verdict
from flowdrill.cli.main import _parser, main
from flowdrill.commands.gates import gate
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.webhook.posting import KEY_VARIABLE, URL_VARIABLE
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.gate import GateDrill, GateOutcome, GateResult, GateStep
from flowdrill.model.rollback_plan import Decider
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.opening import Cluster
from flowdrill.report.gate_junit import render_gate_junit
from flowdrill.report.gate_text import gate_annotations, render_gate_markdown, render_gate_text
from flowdrill.report.github_annotations import Level, render_github_annotations
from flowdrill.report.schema import schema_text
from tests.unit.test_suites import BROKEN, FAILED, GUARDED, NOT_RESTORED, PASSED, STOPPED, TAKEN_OVER, UNSURE
from tests.unit.test_webhook_summary import receiver

ROOT = Path(__file__).parents[2]
DRILLS = ROOT / "drills"
FLOW = ROOT / "scenarios" / "flows" / "greeting.json"
CANNOT = PlanError("cannot begin", "mend it")


@dataclass
class Carried:
    """Carries out nothing: gives what it was given, and keeps what it was asked."""

    left: list[FinishedRun | FlowdrillError]
    plans: list[DrillFile] = field(default_factory=list)

    def __call__(self, plan: DrillFile, where: Cluster, *_: Any) -> FinishedRun:
        self.plans.append(plan)
        one = self.left.pop(0)
        if isinstance(one, FlowdrillError):
            raise one
        return one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "drills").mkdir()
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (tmp_path / "drills" / "base.yaml").write_text((DRILLS / "edge-missing.yaml").read_text())
    return tmp_path / "drills"


def suite_of(folder: Path, drills: int = 2, **more: Any) -> Path:
    names = []
    for number in range(drills):
        names.append(f"drill-{number}.yaml")
        (folder / names[-1]).write_text(f"extends: base.yaml\ndrill: drill-{number}\n")
    path = folder / "suite.yaml"
    path.write_text(yaml.safe_dump({"suite": "s", "drills": names, **more}))
    return path


def options_of(*arguments: str | Path) -> argparse.Namespace:
    return _parser().parse_args(["gate", *map(str, arguments), "--context", "any"])


def asked(runs: list[FinishedRun | FlowdrillError], *arguments: str | Path) -> tuple[int, Carried]:
    carried = Carried(list(runs))
    return gate(options_of(*arguments), carried), carried


@pytest.mark.parametrize(
    ("runs", "code"),
    [
        ([PASSED, PASSED], 0),
        ([PASSED, UNSURE], 3),
        ([UNSURE, FAILED], 1),
        ([FAILED, CANNOT], 2),
        ([BROKEN, PASSED], 2),
        ([STOPPED, PASSED], 130),
    ],
)
def test_the_worst_drill_is_the_verdict(folder: Path, runs: list[FinishedRun | FlowdrillError], code: int) -> None:
    assert asked(runs, suite_of(folder))[0] == code


@pytest.mark.parametrize(
    ("runs", "code"), [([PASSED, UNSURE], 0), ([UNSURE, FAILED], 1), ([STOPPED, PASSED], 130), ([UNSURE, CANNOT], 2)]
)
def test_a_suite_may_allow_what_nobody_knows_and_nothing_else(
    folder: Path, runs: list[FinishedRun | FlowdrillError], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(runs, suite_of(folder, inconclusive="allow"))[0] == code
    assert code or "1 inconclusive, which the suite allows" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("runs", "more", "begun"),
    [
        ([FAILED, PASSED, PASSED], ["--fail-fast"], 1),
        ([CANNOT, PASSED, PASSED], ["--fail-fast"], 1),
        ([UNSURE, PASSED, PASSED], ["--fail-fast"], 1),
        ([FAILED, PASSED, PASSED], [], 3),
        ([BROKEN, PASSED, PASSED], [], 1),
        ([NOT_RESTORED, PASSED, PASSED], [], 1),
        ([GUARDED, PASSED, PASSED], [], 1),
        ([TAKEN_OVER, PASSED, PASSED], [], 1),
        ([STOPPED, PASSED, PASSED], [], 1),
    ],
)
def test_it_ends_early_where_asked_or_where_going_on_would_do_harm(
    folder: Path, runs: list[FinishedRun | FlowdrillError], more: list[str], begun: int,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    _, carried = asked(runs, suite_of(folder, 3), "--json", *more)
    assert len(carried.plans) == begun
    drills = json.loads(capsys.readouterr().out)["drills"]
    assert [one["outcome"] for one in drills[begun:]] == ["not-run"] * (3 - begun)


def test_the_candidate_comes_first_and_is_held_to_what_the_suite_says(folder: Path) -> None:
    suite = suite_of(folder, candidate="held-to.yaml")
    held_to = {
        "extends": "base.yaml",
        "drill": "held-to",
        "objectives": {"time_to_act": "1m"},
        "obstacles": [{"kind": "rollout-paused"}],
        "detect": {"limit": "33s", "rules": {"page": "bad_ratio > 5% over 10s"}},
        "rollback": {"by": "human", "take_over_after": "1m"},
    }
    (folder / "held-to.yaml").write_text(yaml.safe_dump(held_to))
    (folder / "changes.yaml").write_text("env: {set: {MODE: new}}\n")
    _, carried = asked([PASSED] * 3, suite, "--candidate", FLOW, "--candidate-changes", folder / "changes.yaml")
    plan, *others = carried.plans
    assert [one.drill.drill for one in carried.plans] == ["candidate", "drill-0", "drill-1"]
    assert (plan.drill.detect.limit, plan.drill.obstacles, plan.drill.rollback.by) == (33, (), Decider.POLICY)
    assert plan.drill.trigger.needs == "any"
    assert (
        Drill.model_validate_json(plan.drill.model_dump_json(by_alias=True)) == plan.drill
    )  # as a run folder keeps it
    scenario = plan.found.scenario
    assert scenario.is_candidate
    assert scenario.changes.workload.env.set == {"MODE": "new"}
    assert plan.found.read_source("greeting.json") == FLOW.read_bytes()
    assert all(one.found.scenario.scenario == "edge-missing" for one in others)


def test_another_candidate_is_another_plan_to_be_approved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = suite_of(folder, 1)
    (folder / "drill-0.yaml").write_text("extends: base.yaml\ndrill: drill-0\nsafety: {approval: required}\n")
    assert main(["gate", str(suite), "--context", "any", "--candidate", str(FLOW)]) == 2
    assert "must be approved" in capsys.readouterr().err
    assert main(["gate", str(suite), "--context", "any", "--approved", f"sha256:{'1' * 64}"]) == 2
    assert "is not the one that was approved" in capsys.readouterr().err


def test_the_plan_of_a_gate_names_the_digests_that_it_asks_for(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    suite = suite_of(folder, 1)
    (folder / "drill-0.yaml").write_text("extends: base.yaml\ndrill: drill-0\nsafety: {approval: required}\n")
    candidate = ["--context", "any", "--candidate", str(FLOW)]
    assert main(["plan", str(suite), *candidate, "--offline", "--json"]) == 0
    plans = json.loads(capsys.readouterr().out)
    assert [one["drill"] for one in plans] == ["candidate", "drill-0"]
    digests = [one["digest"] for one in plans]
    assert plans[0]["run_command"].startswith(f"flowdrill gate {suite} --candidate {FLOW} --context any --approved")
    approved = [word for one in digests for word in ("--approved", one)]
    assert asked([PASSED] * 2, suite, "--candidate", FLOW, *approved)[0] == 0
    assert main(["gate", str(suite), *candidate, "--approved", digests[1]]) == 2
    told = capsys.readouterr().err
    assert digests[0] in told
    assert f"flowdrill plan {suite} --candidate {FLOW} --context any" in told


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--parallel", "0"], "--parallel 0: is not between 1 and"),
        (["--parallel", "2", "--approved", f"sha256:{'a' * 64}"], "is not the one that was approved"),
    ],
)
def test_what_cannot_go_side_by_side_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    assert main(["gate", str(suite_of(folder)), *more]) == 2
    assert said in capsys.readouterr().err


def test_a_copy_is_no_plan_that_somebody_has_approved(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = suite_of(folder, 1)
    (folder / "target").symlink_to(DRILLS / "target")
    assert main(["plan", str(suite), "--offline", "--json"]) == 0
    digest = json.loads(capsys.readouterr().out)[0]["digest"]
    assert main(["gate", str(suite), "--parallel", "2", "--approved", digest]) == 2
    assert "a copy is another plan" in capsys.readouterr().err


def test_a_single_drill_is_a_suite_of_one(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _ = asked([PASSED], folder / "base.yaml", "--json")
    result = json.loads(capsys.readouterr().out)
    jsonschema.validate(result, json.loads(schema_text("gate")))
    assert (code, result["suite"], result["blocks"]) == (0, "edge-missing", False)


def test_a_pipeline_gets_one_junit_file_a_summary_and_annotations(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    junit, summary = tmp_path / "gate.xml", tmp_path / "summary.md"
    files = ("--junit", junit, "--markdown", summary, "--annotations", "github")
    assert asked([PASSED, FAILED, CANNOT], suite_of(folder, 3), *files)[0] == 2
    root = ET.parse(junit).getroot()
    assert [one.get("name") for one in root] == ["gate", "drill-0", "drill-1", "drill-2"]
    assert all(len(one.findall("testcase")) == int(one.get("tests", "0")) for one in root)
    assert [len(one.findall("testcase[@name='gate']/*")) for one in root[1:]] == [1, 1, 1]
    assert root[2].find("testcase[@name='gate']/failure") is not None
    assert root[3].find("testcase[@name='gate']/error") is not None
    assert int(root.get("errors", "0")) >= 2
    assert len(root[1].findall("testcase")) > 5  # the drill's own cases
    lines = summary.read_text().splitlines()
    assert lines[0] == "## ⛔ ERROR: this suite is blocked"
    assert len([line for line in lines if line.startswith("| drill-")]) == 3
    out = capsys.readouterr().out.splitlines()
    assert out[1].startswith("PASS          drill-0: ")
    assert [line.partition(" ")[0] for line in out[-3:]] == ["::error"] * 3


def test_nothing_but_its_own_annotations_is_obeyed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    problem = PlanError("x\n::error::mine\n  ::add-mask::y", "z\n::warning::mine")
    asked([PASSED, problem], suite_of(folder), "--annotations", "github")
    told = capsys.readouterr()
    first, *_ = told.out.splitlines()
    token = first.removeprefix("::stop-commands::")
    assert len(token) == 32
    held, _, obeyed = told.out.partition(f"::{token}::\n")
    assert held.count("::stop-commands::") == 1
    assert all(
        line.startswith(("::error title=flowdrill gate", "::error title=drill-1")) for line in obeyed.splitlines()
    )


def test_what_is_wrong_before_anything_runs_is_in_the_summary_and_annotated(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    summary = tmp_path / "summary.md"
    asked_for = ["gate", str(folder / "gone.yaml"), "--annotations", "github", "--markdown", str(summary)]
    assert main(asked_for) == 2
    told = capsys.readouterr()
    assert told.out.splitlines()[2].startswith("::error title=flowdrill gate%3A ERROR::")
    assert "gone.yaml: No such file" in told.out
    assert "gone.yaml: No such file" in told.err
    assert "## ⛔ ERROR: the gate could not be asked" in summary.read_text()


def test_no_junit_file_of_an_earlier_gate_is_left(folder: Path, tmp_path: Path) -> None:
    junit = tmp_path / "gate.xml"
    for arguments in ([folder / "gone.yaml"], [suite_of(folder), "--candidate", "nowhere.json"]):
        junit.write_text("<testsuites/>")
        assert main(["gate", *map(str, arguments), "--context", "any", "--junit", str(junit)]) == 2
        (case,) = ET.parse(junit).getroot().iter("testcase")
        said = case.findtext("error")
        assert said is not None
        assert "No such file" in said

    def interrupted(*_: object, **__: object) -> FinishedRun:
        raise KeyboardInterrupt

    junit.write_text("<testsuites/>")
    with pytest.raises(KeyboardInterrupt):
        gate(options_of(suite_of(folder), "--junit", junit), interrupted)
    assert "the gate did not come to its end" in str(ET.parse(junit).getroot().findtext(".//error"))


def test_as_a_containers_first_process_it_ends_by_a_signal_between_drills(folder: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    begun: list[str] = []

    def told_to_end(plan: DrillFile, where: Cluster, *_: object) -> FinishedRun:
        begun.append(plan.drill.drill)
        signal.raise_signal(signal.SIGTERM)
        return PASSED

    try:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as the kernel has it for that process
        with pytest.raises(SystemExit) as ended:
            gate(options_of(suite_of(folder)), told_to_end, pid=1)
        assert (ended.value.code, begun) == (143, ["drill-0"])
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_each_run_of_it_is_posted_and_no_drill_inherits_the_webhook(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inherited: list[str] = []

    def carry_out(plan: DrillFile, where: Cluster, *_: object) -> FinishedRun:
        inherited.extend(name for name in (URL_VARIABLE, KEY_VARIABLE) if name in os.environ)
        return PASSED

    with receiver(200) as (url, seen):
        monkeypatch.setenv(URL_VARIABLE, url)
        monkeypatch.setenv(KEY_VARIABLE, "a-key-of-both-sides")
        assert gate(options_of(suite_of(folder)), carry_out) == 0
    assert (len(seen), inherited) == (2, [])
    monkeypatch.setenv(URL_VARIABLE, "https://hooks.example/x")
    assert main(["gate", "--evidence", str(folder)]) == 2
    assert URL_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([], "names neither a suite nor evidence"),
        (["SUITE", "--image", f"sha256:{'a' * 64}"], "--image says nothing beside a suite"),
        (["SUITE", "--candidate", "nowhere.json"], "--candidate nowhere.json: No such file"),
        (["SUITE", "--candidate", "NO FLOW"], "is no flow"),
        (["SUITE", "--candidate", "not a reference"], "--candidate: "),
        (["SUITE", "--candidate-changes", "x.yaml"], "of which candidate is not said"),
        (["SUITE", "--candidate", "FLOW", "--candidate-changes", "WRONG"], "unknown key; did you mean resources"),
        (["SUITE", "--rollback-to", "FLOW"], "the stable version is an image that runs there"),
        (["SUITE", "--junit", "/nowhere/x.xml"], "--junit /nowhere/x.xml: No such file"),
        (["SUITE", "--sign-key", "nowhere.pem"], "nowhere.pem: No such file"),
    ],
)
def test_what_cannot_be_asked_is_named_before_anything_runs(
    folder: Path, capsys: pytest.CaptureFixture[str], more: list[str], said: str
) -> None:
    (folder / "no-flow.json").write_text("[1, 2]")
    (folder / "wrong.yaml").write_text("resource: {}\n")
    names = {
        "SUITE": suite_of(folder), "FLOW": FLOW, "NO FLOW": folder / "no-flow.json", "WRONG": folder / "wrong.yaml",
    }  # fmt: skip
    assert main(["gate", *(str(names.get(one, one)) for one in more), "--context", "any"]) == 2
    assert said in capsys.readouterr().err


def drill_of(outcome: GateOutcome, *reasons: str, step: GateStep = GateStep.DRILL) -> GateDrill:
    return GateDrill(step=step, drill="d", scenario="s", outcome=outcome, reasons=reasons)


def test_no_drill_and_a_drill_that_was_not_run_are_no_pass() -> None:
    assert gate_verdict([], inconclusive_allowed=True)[0] is GateOutcome.INCONCLUSIVE
    unrun = [drill_of(GateOutcome.PASS), drill_of(GateOutcome.NOT_RUN, "stopped")]
    assert gate_verdict(unrun, inconclusive_allowed=True)[0] is GateOutcome.INCONCLUSIVE


def result_of(*drills: GateDrill, allowed: bool = False) -> GateResult:
    verdict, says = gate_verdict(drills, inconclusive_allowed=allowed)
    return GateResult(
        suite="s", candidate="c", cluster="embedded", verdict=verdict, blocks=verdict is not GateOutcome.PASS,
        says=says, inconclusive_allowed=allowed, drills=drills,
    )  # fmt: skip


def test_an_inconclusive_drill_that_is_allowed_is_a_warning_and_no_error() -> None:
    result = result_of(drill_of(GateOutcome.PASS), drill_of(GateOutcome.INCONCLUSIVE, "noise"), allowed=True)
    assert [one.level for one in gate_annotations(result)] == [Level.NOTICE, Level.WARNING]


def test_nothing_that_a_cluster_said_acts_on_a_page_a_terminal_a_pipeline_or_xml() -> None:
    hostile = "\x1b]0;x\x07 | <script>alert(1)</script> `x` @all\n::error::mine\x00 \ufffe %"
    result = result_of(drill_of(GateOutcome.FAIL, hostile, step=GateStep.CANDIDATE))
    page, text = render_gate_markdown(result), render_gate_text(result)
    commands = render_github_annotations(gate_annotations(result)).splitlines()
    assert "\x1b" not in page + text
    assert "<script" not in page
    assert len(commands) == 2
    assert all(one.startswith("::error title=") for one in commands)
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())
    assert "<script" not in render_gate_junit(result, [None])
    assert len(ET.fromstring(render_gate_junit(result, [None]).partition("?>")[2])) == 2
