"""Experiments that would say more of a drill than is so, lead it elsewhere, or leave it half open."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import run_experiment
from chaoslib.types import Dry

from flowdrill.history.run_reports import read_report
from flowdrill.model.status import Status
from tests.unit.chaos.experiments import METHOD, control, of_fakes, shipped
from tests.unit.chaos.open_world import Theatre
from tests.unit.chaos.test_session import broken, folder_of, run

Json = dict[str, Any]
TEAM = "tests.unit.chaos.team"


def team(name: str, func: str, kind: str = "action", **more: Any) -> Json:
    return {"name": name, "type": kind, "provider": {"type": "python", "module": TEAM, "func": func}, **more}


def check_of(journal: Json, name: str) -> Status | None:
    checks = read_report(folder_of(journal)).result.checks
    return next((one.status for one in checks if one.name == name), None)


def with_activities(tmp_path: Path, func: str, **more: Any) -> tuple[Theatre, Json]:
    """A drill that has an activity beside its break, and an experiment that plays it."""
    theatre = Theatre(tmp_path, {"chaos": {"during": [{**team("meanwhile", func, **more), "at": "broken"}]}})
    experiment = of_fakes(theatre)
    experiment["method"].insert(2, team("meanwhile", func, **more))
    return theatre, experiment


@pytest.mark.drills
def test_a_secret_that_could_be_any_word_leaves_the_run_readable(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, hidden=("true", "1", "hidden-text"))
    journal = run(of_fakes(theatre, dry=Dry.ACTIONS))
    assert journal["flowdrill"].get("run_id"), journal["flowdrill"]
    kept = json.loads((folder_of(journal) / "chaos" / "journal.json").read_text())
    assert kept["flowdrill"] == journal["flowdrill"]
    assert "hidden-text" not in (folder_of(journal) / "chaos" / "experiment.json").read_text()


def test_an_experiment_without_its_drill_has_not_completed() -> None:
    """chaoslib takes actions that fail for part of the experiment."""
    experiment = shipped()
    del experiment["controls"][0], experiment["steady-state-hypothesis"], experiment["secrets"]
    journal = run_experiment(experiment, settings={})
    assert {one["status"] for one in journal["run"]} == {"failed"}
    assert journal["status"] == "failed"


def test_a_second_drill_in_one_experiment_is_refused(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    theatre = Theatre(tmp_path)
    experiment = of_fakes(theatre)
    experiment["controls"].append(control("flowdrill.chaos.controls.record_timeline", drill="drills/edge-missing.yaml"))
    journal = run(experiment)
    assert journal["status"] == "interrupted"
    assert "an experiment has one drill" in caplog.text
    assert not broken(theatre)
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_a_signal_while_the_drill_settles_at_the_end_restores_at_once(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, {"hold": "60s", "rollback": {"limit": "120s"}})
    main = threading.main_thread().ident
    assert main is not None
    experiment = of_fakes(theatre, method=METHOD[:4])
    del experiment["steady-state-hypothesis"]
    interrupts = threading.Timer(8, signal.pthread_kill, (main, signal.SIGTERM))
    interrupts.start()
    journal = run(experiment, rollbacks="never")
    interrupts.cancel()
    assert journal["flowdrill"]["end"] == "interrupted"
    assert theatre.world.problems_left() == []


@pytest.mark.parametrize(
    ("func", "more", "status", "deviated", "told"),
    [
        ("fail", {}, "failed", False, Status.UNKNOWN),
        pytest.param("answer", {"kind": "probe", "tolerance": 2}, None, True, Status.FAIL, marks=pytest.mark.drills),
        pytest.param("done", {}, None, False, Status.PASS, marks=pytest.mark.drills),
    ],
)
def test_what_came_of_the_drills_own_activities_counts(
    tmp_path: Path, func: str, more: Json, status: str | None, deviated: bool, told: Status
) -> None:
    theatre, experiment = with_activities(tmp_path, func, **more)
    journal = run(experiment)
    assert broken(theatre)
    assert check_of(journal, "activity_meanwhile") is told
    assert journal["deviated"] is deviated
    assert status is None or journal["status"] == status
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_what_was_to_clean_up_and_was_not_played_is_told(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, {"chaos": {"after": [team("clean up", "done")]}})
    experiment = of_fakes(theatre)
    experiment["rollbacks"].append(team("clean up", "done"))
    journal = run(experiment, rollbacks="never")
    assert journal["flowdrill"]["verdict"] == "pass"  # so it is for this alone that the experiment has not completed
    assert journal["status"] == "failed"
    assert journal["flowdrill"]["not_done"] == ["after: clean up: it was not played"]


def test_the_drills_own_activities_are_led_to_its_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """chaostoolkit-kubernetes would take the kubeconfig's current context: another cluster."""
    monkeypatch.setenv("KUBECONFIG", "/elsewhere")
    monkeypatch.delenv("KUBERNETES_CONTEXT", raising=False)
    theatre = Theatre(
        tmp_path, {"chaos": {"steady_state": [team("where", "cluster", "probe", tolerance="the-drills")]}}
    )
    experiment = of_fakes(theatre, method=())
    experiment["steady-state-hypothesis"]["probes"] = [team("where", "cluster", "probe", tolerance="the-drills")]
    journal = run(experiment)
    assert journal["steady_states"]["before"]["steady_state_met"] is True, journal["steady_states"]["before"]
    assert os.environ["KUBECONFIG"] == "/elsewhere"
    assert "KUBERNETES_CONTEXT" not in os.environ


def test_what_comes_before_the_break_and_is_not_done_leaves_nothing_broken(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, {"chaos": {"before": [team("set up", "fail")]}})
    experiment = of_fakes(theatre)
    experiment["method"].insert(1, team("set up", "fail"))
    journal = run(experiment)
    assert journal["status"] == "interrupted"
    assert not broken(theatre)
    assert theatre.world.problems_left() == []
