"""Who stands for a run: names as they were claimed, and two of them where the drill wants that."""

from __future__ import annotations

import os
import pwd
import re
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.host.clock_discipline import clock_discipline
from flowdrill.errors import DrillRefusedError, PlanError
from flowdrill.model.audit_facts import ClaimedName
from flowdrill.model.drill import Drill
from flowdrill.preparing.authority import Told, audit_facts_of, people_of
from tests.unit.analysis.synthetic_run import drill_of

ROOT = Path(__file__).parents[2]
ALONE = drill_of()
BOTH = drill_of(audit={"separate_approver": True})


def ran_by(environ: dict[str, str], told: Told | None = None, drill: Drill = ALONE) -> ClaimedName | None:
    return people_of(drill, told or Told(), environ).ran_by


def test_who_runs_it_is_whom_the_command_line_names() -> None:
    assert ran_by({"GITHUB_ACTOR": "bot"}, Told(ran_by="Ada Lovelace")) == ClaimedName("Ada Lovelace", "--ran-by")


@pytest.mark.parametrize(
    ("environ", "name", "source"),
    [
        ({"FLOWDRILL_RAN_BY": "ada", "GITHUB_ACTOR": "bot"}, "ada", "$FLOWDRILL_RAN_BY"),
        ({"GITHUB_ACTOR": "ada"}, "ada", "$GITHUB_ACTOR"),
        ({"GITHUB_ACTOR": "ada", "GITHUB_TRIGGERING_ACTOR": "grace"}, "grace", "$GITHUB_TRIGGERING_ACTOR"),
        ({"GITHUB_ACTOR": " ", "GITLAB_USER_LOGIN": "ada"}, "ada", "$GITLAB_USER_LOGIN"),
    ],
)
def test_else_it_is_whom_a_variable_names(environ: dict[str, str], name: str, source: str) -> None:
    assert ran_by(environ) == ClaimedName(name, source)


def test_else_it_is_the_user_of_the_process_and_not_what_a_variable_says() -> None:
    found = ran_by({"USER": "somebody else", "LOGNAME": "somebody else"})
    assert found == ClaimedName(pwd.getpwuid(os.getuid()).pw_name, "this host's user account")


def test_nobody_has_approved_what_nobody_is_said_to_have_approved() -> None:
    assert people_of(ALONE, Told(), {}).approved_by is None
    found = people_of(ALONE, Told(), {"FLOWDRILL_APPROVED_BY": "grace"}).approved_by
    assert found == ClaimedName("grace", "$FLOWDRILL_APPROVED_BY")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (Told(ran_by=""), "--ran-by: is empty"),
        (Told(approved_by="\x07 \n"), "--approved-by: is empty"),
        (Told(ran_by="a" * 201), "--ran-by: is longer than 200 characters"),
    ],
)
def test_what_is_no_name_is_refused(told: Told, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        people_of(ALONE, told, {})


def test_a_name_cannot_steer_a_terminal_or_carry_a_password() -> None:
    found = ran_by({}, Told(ran_by="ada\x1b[2J\u202e password=hunter22"))
    assert found is not None
    assert found.name == "ada [2J password=[redacted]"


def test_a_drill_for_two_people_is_refused_without_an_approver() -> None:
    with pytest.raises(DrillRefusedError, match=r"no approver is named; it is run by ada \(--ran-by\)"):
        people_of(BOTH, Told(ran_by="ada"), {})


@pytest.mark.parametrize("approver", ["ada", "ADA", " ada ", "\uff41da"])
def test_a_drill_for_two_people_is_refused_when_both_are_one(approver: str) -> None:
    with pytest.raises(DrillRefusedError, match="wants an approver who is not who runs it"):
        people_of(BOTH, Told(ran_by="ada", approved_by=approver), {})


def test_a_drill_for_two_people_is_let_through_with_two() -> None:
    found = people_of(BOTH, Told(ran_by="ada", approved_by="ada lovelace"), {})
    assert found.approved_by == ClaimedName("ada lovelace", "--approved-by")


def test_without_that_one_person_may_do_both() -> None:
    assert people_of(ALONE, Told(ran_by="ada", approved_by="ada"), {}).approved_by is not None


def test_the_facts_of_a_first_run_name_none_before_it(tmp_path: Path) -> None:
    facts = audit_facts_of(ALONE, Told(ran_by="ada"), tmp_path / "not there", {})
    assert facts.previous is None
    assert (facts.clock is None) == (clock_discipline() is None)


def test_a_kernel_that_says_something_says_something_possible() -> None:
    seen = clock_discipline()
    if seen is None:
        pytest.skip("this kernel does not say")
    assert abs(seen.offset_seconds) < 3600
    assert seen.max_error_seconds >= 0


@pytest.fixture
def drill(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    text = (ROOT / "drills/edge-missing.yaml").read_text(encoding="utf-8")
    path = tmp_path / "drill.yaml"
    path.write_text(f"{text}\naudit: {{ separate_approver: true }}\n", encoding="utf-8")
    monkeypatch.setenv("LANGFLOW_API_KEY", "k")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "there-is-none"))
    for name in ("FLOWDRILL_RAN_BY", "FLOWDRILL_APPROVED_BY"):
        monkeypatch.delenv(name, raising=False)
    return path


def run(drill: Path, *options: str) -> int:
    return main(["run", str(drill), "--context", "any", "--out", str(drill.parent / "out"), *options])


@pytest.mark.parametrize("options", [[], ["--repeat", "2"]])
def test_a_run_is_refused_before_anything_is_asked_of_a_cluster(
    drill: Path, options: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(drill, "--ran-by", "ada", "--approved-by", "Ada", *options) == 2
    said = capsys.readouterr().err
    assert "run by ada (--ran-by), and approved by Ada (--approved-by)" in said
    assert "audit.separate_approver" in said
    assert "there-is-none" not in said, "no kubeconfig was looked for"
    assert "run 1 of" not in said, "no run was begun"
    assert not (drill.parent / "out").exists()


def test_with_two_names_the_next_thing_that_is_wrong_is_told(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(drill, "--ran-by", "ada", "--approved-by", "grace") == 2
    said = capsys.readouterr().err
    assert "approver" not in said
    assert "there-is-none" in said or "context" in said


def test_a_suite_is_refused_before_its_first_drill(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (drill.parent / "free.yaml").write_text((ROOT / "drills/edge-missing.yaml").read_text("utf-8"), encoding="utf-8")
    suite = drill.parent / "suite.yaml"
    suite.write_text("suite: s\ndrills: [free.yaml, drill.yaml]\n", encoding="utf-8")
    assert run(suite, "--ran-by", "ada") == 2
    said = capsys.readouterr()
    assert "no approver is named" in said.err
    assert said.out == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [(["--repeat", "2"], "--previous and --repeat do not fit"), ([], "--previous .*: is no run folder")],
)
def test_a_run_before_this_one_is_one_runs_and_is_looked_at_first(
    drill: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["--ran-by", "ada", "--approved-by", "grace"]
    assert run(drill, *names, "--previous", str(drill.parent), *options) == 2
    assert re.search(said, capsys.readouterr().err)


def test_a_suite_takes_no_run_before_it(drill: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = drill.parent / "suite.yaml"
    suite.write_text("suite: s\ndrills: [drill.yaml]\n", encoding="utf-8")
    assert run(suite, "--previous", str(drill.parent)) == 2
    assert "--previous takes one drill" in capsys.readouterr().err
