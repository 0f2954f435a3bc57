"""Drill files that extend one another, and suites of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.cli.main import main
from flowdrill.drilling.runs import FinishedRun
from flowdrill.edges.planfiles.reading import is_suite, read_drill, read_suite
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import FlowdrillError, GuardActsError, NotRestoredError, PlanError, TakenOverError
from flowdrill.model.events import End
from flowdrill.model.result import Verdict

DRILLS = Path(__file__).parents[2] / "drills"
Written = Callable[[str, str], Path]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    (tmp_path / "base.yaml").write_text((DRILLS / "edge-missing.yaml").read_text())

    def write(name: str, text: str) -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return write


def test_a_drill_takes_what_it_does_not_give_from_the_one_it_extends(written: Written) -> None:
    drill = read_drill(written("a.yaml", "extends: base.yaml\ndrill: a\nload: { requests_per_second: 7 }\n"))
    base = read_drill(DRILLS / "edge-missing.yaml")
    assert (drill.drill, drill.load.requests_per_second) == ("a", 7)
    assert drill.load.model_copy(update={"requests_per_second": base.load.requests_per_second}) == base.load
    assert drill.target == base.target


def test_the_nearest_of_several_files_counts(written: Written) -> None:
    written("middle.yaml", "extends: base.yaml\nhold: 11s\ndetect: { limit: 70s }\n")
    drill = read_drill(written("a.yaml", "extends: middle.yaml\ndrill: a\nhold: 12s\n"))
    assert (drill.hold, drill.detect.limit, drill.extends) == (12, 70, "middle.yaml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("extends: nowhere.yaml\ndrill: a\n", r"nowhere\.yaml: No such file"),
        ("extends: a.yaml\ndrill: a\n", "extends this file"),
        ("extends: base.yaml\ndrill: a\nlod: {}\n", r"a\.yaml:3: lod: unknown key; did you mean load"),
        ("extends: base.yaml\ndrill: a\nload: { requests_per_second: -1 }\n", r"a\.yaml:3: load\.requests_per_second"),
        ("extends: 7\ndrill: a\n", "extends"),
    ],
)
def test_what_is_wrong_with_an_extension_is_named(written: Written, text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        read_drill(written("a.yaml", text))


def test_a_suite_names_its_drills(written: Written) -> None:
    path = written("s.yaml", "suite: s\ndrills: [base.yaml]\n")
    assert is_suite(path)
    assert not is_suite(path.with_name("base.yaml"))
    assert read_suite(path)[1] == (path.with_name("base.yaml"),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("suite: s\ndrills: []\n", r"s\.yaml:2: drills"),
        ("suite: s\ndrills: [gone.yaml]\n", r"gone\.yaml: No such file"),
        ("suite: s\ndrils: [base.yaml]\n", r"unknown key; did you mean drills"),
    ],
)
def test_what_is_wrong_with_a_suite_is_named_before_anything_runs(written: Written, text: str, said: str) -> None:
    with pytest.raises(PlanError, match=said):
        read_suite(written("s.yaml", text))


def finished(verdict: Verdict, outcome: RunOutcome) -> FinishedRun:
    golden = report_of(read_run(DRILLS.parent / "tests/golden/rollback-as-on-call"))
    result = golden.result.model_copy(update={"verdict": verdict})
    return FinishedRun(Path("reports/x"), outcome, golden.model_copy(update={"result": result}))


PASSED = finished(Verdict.PASS, RunOutcome(End.COMPLETED, "held"))
FAILED = finished(Verdict.FAIL, RunOutcome(End.COMPLETED, "held"))
UNSURE = finished(Verdict.INCONCLUSIVE, RunOutcome(End.UNSTEADY, "noise"))
BROKEN = finished(Verdict.FAIL, RunOutcome(End.FAILED, "x", error=NotRestoredError("NOT restored", "put it back")))
GUARDED = finished(Verdict.FAIL, RunOutcome(End.FAILED, "x", error=GuardActsError("the guard acts", "wait")))
TAKEN_OVER = finished(Verdict.FAIL, RunOutcome(End.FAILED, "x", error=TakenOverError("ann set it", "look")))
NOT_RESTORED = NotRestoredError("NOT restored", "put it back")
STOPPED = finished(Verdict.INCONCLUSIVE, RunOutcome(End.INTERRUPTED, "SIGINT", stop_signal="SIGINT"))


@pytest.mark.parametrize(
    ("runs", "code", "carried_out"),
    [
        ((PASSED, PASSED), 0, 2),
        ((PASSED, UNSURE), 3, 2),
        ((UNSURE, FAILED), 1, 2),
        ((FAILED, PlanError("cannot begin", "mend it"), PASSED), 2, 3),
        ((BROKEN, PASSED), 2, 1),
        ((NOT_RESTORED, PASSED), 2, 1),
        ((GUARDED, PASSED), 2, 1),
        ((TAKEN_OVER, PASSED), 2, 1),
        ((STOPPED, PASSED), 130, 1),
    ],
)
def test_a_suite_has_one_exit_code_and_stops_where_going_on_would_do_harm(
    written: Written,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    runs: tuple[FinishedRun | FlowdrillError, ...],
    code: int,
    carried_out: int,
) -> None:
    left = list(runs)

    def carry_out(*_: object, **__: object) -> FinishedRun:
        one = left.pop(0)
        if isinstance(one, FlowdrillError):
            raise one
        return one

    monkeypatch.setattr("flowdrill.drilling.runs.run_drill_file", carry_out)
    names = ", ".join(["base.yaml"] * len(runs))
    path = written("s.yaml", f"suite: s\ndrills: [{names}]\n")
    assert main(["run", str(path), "--context", "any"]) == code
    assert len(runs) - len(left) == carried_out
    assert len(capsys.readouterr().out.strip().splitlines()) == carried_out
