"""The same drill again and again: when it goes on, when it must not, and what is written at the end."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.cli.main import main
from flowdrill.commands.afterwards import Afterwards
from flowdrill.commands.repeats import summed_up
from flowdrill.drilling.repeating import Repetition, repeated
from flowdrill.drilling.runs import FinishedRun, RunWith
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.webhook.posting import webhook_of
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import DrillRefusedError, FlowdrillError, GuardActsError, NotRestoredError, PlanError
from flowdrill.model.events import End
from flowdrill.model.result import Report, Verdict
from flowdrill.model.status import Status
from flowdrill.preparing.opening import Cluster
from tests.unit.report.sample_parts import assessed
from tests.unit.test_webhook_summary import receiver

ROOT = Path(__file__).parents[2]
DRILL = ROOT / "drills" / "edge-missing.yaml"
GOLDEN = ROOT / "tests" / "golden" / "statefulset"
RUN_ID = "20261122T222156Z-edge-missing-statefulset-0016d3"
REPORT = report_of(read_run(GOLDEN))


def finished(outcome: RunOutcome, report: Report = REPORT) -> FinishedRun:
    return FinishedRun(GOLDEN, outcome, report)


def without(name: str) -> Report:
    failed = assessed(name, Status.FAIL, "as before", "it is not")
    checks = (*(one for one in REPORT.result.checks if one.name != name), failed)
    result = REPORT.result.model_copy(update={"checks": checks, "verdict": Verdict.FAIL})
    return REPORT.model_copy(update={"result": result})


HELD = finished(RunOutcome(End.COMPLETED, "held"))
STOPPED = finished(RunOutcome(End.INTERRUPTED, "SIGINT", stop_signal="SIGINT"))
BROKEN = finished(RunOutcome(End.FAILED, "x", error=NotRestoredError("NOT restored", "put it back")))
GUARDED = finished(RunOutcome(End.FAILED, "x", error=GuardActsError("the guard acts", "wait")))
FAILED = finished(RunOutcome(End.FAILED, "x", error=PlanError("Locust died", "see its log")))
AWAY = PlanError("the cluster is away", "try again")


def carried_out(*runs: FinishedRun | FlowdrillError, drill: Path = DRILL) -> tuple[list[Repetition], int]:
    """What is told of runs that end like these, and how many were carried out."""
    left = list(runs)

    def carry_out(drill_file: Path, *_: object) -> FinishedRun:
        one = left.pop(0)
        if isinstance(one, FlowdrillError):
            raise one
        return one

    told = repeated(drill, len(runs), Cluster("any", None), RunWith(Path("reports")), carry_out)
    return list(told), len(runs) - len(left)


def test_a_drill_is_carried_out_as_often_as_was_asked() -> None:
    told, count = carried_out(HELD, FAILED, HELD)
    assert ([one.number for one in told], count) == ([1, 2, 3], 3)
    assert all(one.stops is None for one in told)


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (STOPPED, "the run was stopped by SIGINT"),
        (BROKEN, "did not leave everything as it was: NOT restored"),
        (GUARDED, "did not leave everything as it was: the guard acts"),
        (finished(HELD.outcome, without("nothing_left_behind")), "nothing_left_behind: it is not"),
        (finished(HELD.outcome, without("restored_as_before")), "restored_as_before: it is not"),
    ],
)
def test_nothing_is_run_after_a_run_that_did_not_leave_all_as_it_was(last: FinishedRun, why: str) -> None:
    told, count = carried_out(HELD, last, HELD)
    assert count == 2
    assert told[0].stops is None
    assert why in (told[1].stops or "")


def test_nothing_is_run_after_a_workload_that_is_still_broken_and_no_report() -> None:
    told, count = carried_out(NotRestoredError("NOT restored", "put it back"), HELD)
    assert (count, told[0].stops) == (1, "the run did not leave everything as it was: NOT restored")


def test_a_run_that_could_not_begin_is_tried_once_more() -> None:
    told, count = carried_out(AWAY, HELD, AWAY, AWAY, HELD)
    assert count == 4
    assert [one.stops for one in told] == [None, None, None, "2 runs in a row could not begin"]


def test_a_plan_that_changes_meanwhile_is_not_run(tmp_path: Path) -> None:
    drill = tmp_path / "drill.yaml"
    drill.write_text(f"extends: {DRILL}\ndrill: mine\n")
    runs = repeated(drill, 3, Cluster("any", None), RunWith(tmp_path), lambda *_: HELD)
    assert next(runs).stops is None
    drill.write_text(f"extends: {DRILL}\ndrill: mine\nhold: 99s\n")
    told = next(runs)
    assert isinstance(told.run, PlanError)
    assert "has changed while it was repeated" in told.run.problem
    assert told.stops == "the plan has changed"
    assert next(runs, None) is None


def test_a_plan_that_is_not_the_approved_one_is_refused_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(DrillRefusedError):
        next(repeated(DRILL, 2, Cluster("any", None), RunWith(tmp_path, ["sha256:" + "0" * 64])))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([str(DRILL), "--repeat", "0"], "--repeat 0: is not between 1 and 1000"),
        ([str(DRILL), "--repeat", "1001"], "--repeat 1001: is not between 1 and 1000"),
        ([str(ROOT / "drills" / "gate.yaml"), "--repeat", "3"], "gate.yaml: is a suite"),
        (["nowhere.yaml", "--repeat", "3"], "nowhere.yaml: No such file"),
    ],
)
def test_what_cannot_be_repeated_is_one_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["run", *arguments, "--out", str(tmp_path)]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


Copies = Callable[[int], list[str]]


@pytest.fixture
def copies(tmp_path: Path) -> Copies:
    """Makes recorded runs of one plan."""

    def make(number: int) -> list[str]:
        made = []
        for one in range(number):
            folder = tmp_path / f"run-{one}"
            shutil.copytree(GOLDEN, folder)
            events = folder / "events.jsonl"
            events.write_text(events.read_text("utf-8").replace(RUN_ID, f"run-{one}"), "utf-8")
            made.append(str(folder))
        return made

    return make


def test_recorded_runs_are_counted_together(copies: Copies, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pool", *copies(10)]) == 0
    said = capsys.readouterr().out
    assert "edge-missing-statefulset: 10 runs: 10 pass; 10 of them count." in said
    assert (
        "with 10 of 10 you may claim at least 74.1 % of drills (95 % confidence); 95 % needs 59 of 59: 49 more" in said
    )
    assert "26.45 s to 27.11 s (97.8 %)" in said


def test_a_claim_that_is_asked_for_and_not_supported_fails(copies: Copies, capsys: pytest.CaptureFixture[str]) -> None:
    runs = copies(3)
    claim = ["--claim", "time_to_recover <= 30s"]
    assert main(["pool", *runs, *claim]) == 1
    assert main(["pool", *runs, *claim, "--share", "50%", "--confidence", "80%"]) == 0
    assert main(["pool", *runs, "--claim", "time_to_recover <= 20s", "--share", "50%", "--confidence", "80%"]) == 1
    assert "with 0 of 3 you may claim nothing" in capsys.readouterr().out


def test_all_reports_are_written_and_the_json_is_the_one_that_is_printed(
    copies: Copies, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert main(["pool", *copies(2), "--json", "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    assert sorted(one.name for one in out.iterdir()) == ["repeats.html", "repeats.json", "repeats.md"]
    assert (out / "repeats.json").read_text() == printed
    found = json.loads(printed)
    assert (found["schema"], found["runs"][0]["folder"]) == ("flowdrill.dev/repeats/v1", "../run-0")
    assert 'href="./../run-0/report.html"' in (out / "repeats.html").read_text()


@pytest.mark.parametrize(
    ("outcomes", "stops", "code"),
    [
        ((HELD, HELD), None, 0),
        ((HELD, FAILED), None, 2),
        ((FAILED, STOPPED), "the run was stopped by SIGINT", 130),
        ((HELD, AWAY), "2 runs in a row could not begin", 2),
    ],
)
def test_repeats_end_with_the_worst_code_and_what_they_come_to(
    outcomes: tuple[FinishedRun | FlowdrillError, ...],
    stops: str | None,
    code: int,
    copies: Copies,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    runs = [
        Repetition(at + 1, one if isinstance(one, FlowdrillError) else replace(one, folder=Path(folder)), None)
        for at, (one, folder) in enumerate(zip(outcomes, copies(2), strict=True))
    ]
    runs[-1] = replace(runs[-1], stops=stops)
    assert summed_up(runs, 2 + (stops is not None), tmp_path / "sum", as_json=True) == code
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert found["stopped"] == stops
    assert len(found["runs"]) == sum(isinstance(one, FinishedRun) for one in outcomes)
    assert ("no further run" in printed.err) == (stops is not None)
    assert "run 2 of" in printed.err


def test_without_a_single_run_there_is_nothing_to_sum_up(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert summed_up([Repetition(1, AWAY, None)], 1, tmp_path / "sum", as_json=False) == 2
    assert capsys.readouterr().out == ""
    assert not (tmp_path / "sum").exists()


def test_a_run_folder_that_is_gone_does_not_hide_a_signal(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    gone = replace(STOPPED, folder=tmp_path / "gone")
    assert summed_up([Repetition(1, gone, None)], 1, tmp_path / "sum", as_json=False) == 130
    assert "plan.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "there is no such folder"),
        ([str(GOLDEN), str(GOLDEN)], "are the same run"),
        ([str(GOLDEN), str(GOLDEN.with_name("image-gone"))], "are runs of different plans"),
        ([str(GOLDEN), "--claim", "ttr <= 5s\x1b[31m"], r"\x1b"),
        ([str(GOLDEN), *["--claim", "pass"] * 21], "21 claims are too many"),
        ([str(GOLDEN), "--share", "100%"], "--share 100%: is not from 50% to below 100%"),
        ([str(GOLDEN), "--confidence", "0.95"], "--confidence: needs a share in percent"),
    ],
)
def test_what_cannot_be_pooled_is_one_error(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["pool", *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert "\x1b" not in printed.err


def test_each_run_that_has_ended_is_posted(tmp_path: Path) -> None:
    runs = [Repetition(1, HELD, None), Repetition(2, AWAY, None), Repetition(3, HELD, None)]
    with receiver(200) as (url, seen):
        summed_up(runs, 3, tmp_path / "sum", as_json=False, afterwards=Afterwards(webhook_of(url, "")))
    assert len(seen) == 2
