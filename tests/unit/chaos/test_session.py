"""Whole experiments, run by chaoslib, of a drill of fakes: what is steered, what is recorded, and what is put back."""

from __future__ import annotations

import json
import signal
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chaoslib.experiment import run_experiment
from chaoslib.types import Dry, Schedule, Strategy

from flowdrill.chaos.configured import SESSION
from flowdrill.errors import PlanError
from flowdrill.history.run_reports import read_report
from flowdrill.model.events import ImageSet, Phase, PhaseStarted, Purpose
from tests.unit.chaos.experiments import METHOD, activity, of_fakes
from tests.unit.chaos.open_world import Theatre

Json = dict[str, Any]


def run(experiment: Json, rollbacks: str = "default", **how: Any) -> Json:
    settings = {"runtime": {"rollbacks": {"strategy": rollbacks}}}
    journal: Json = run_experiment(experiment, settings=settings, **how)
    return journal


def folder_of(journal: Json) -> Path:
    return Path(journal["flowdrill"]["folder"])


def outputs(journal: Json) -> dict[str, Any]:
    return {one["activity"]["name"]: one["output"] for one in journal["run"] + journal["rollbacks"]}


def broken(theatre: Theatre) -> bool:
    return any(one.purpose is Purpose.BREAK for one in theatre.world.all_of(ImageSet))


def assert_as_its_run(journal: Json) -> None:
    """The drill went to its end. On a machine that is too busy its load is late: then it cannot know, and does not
    pass."""
    told = journal["flowdrill"]
    assert told["end"] == "completed", told
    assert (journal["status"], told["verdict"]) in (("completed", "pass"), ("failed", "inconclusive")), told
    assert journal["deviated"] is False


def test_a_whole_experiment_is_a_whole_drill_and_both_say_the_same(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    journal = run(of_fakes(theatre))
    assert_as_its_run(journal)
    assert [one["status"] for one in journal["run"] + journal["rollbacks"]] == ["succeeded"] * 9
    said = outputs(journal)
    assert said["broken_image_is_detected"] is said["service_has_recovered"] is True
    assert said["stable_image_runs_everywhere"] is True
    assert said["take_evidence"]
    assert theatre.world.problems_left() == []
    folder, result = folder_of(journal), read_report(folder_of(journal)).result
    assert journal["flowdrill"]["run_id"] == result.run.id
    assert journal["flowdrill"]["verdict"] == result.verdict
    assert journal["flowdrill"]["instants"] == result.model_dump(mode="json")["instants"]
    after = {one["activity"]["name"]: one["output"] for one in journal["steady_states"]["after"]["probes"]}
    assert result.measures.time_to_detect is not None
    assert after["time_to_detect"] == result.measures.time_to_detect.latest
    kept = json.loads((folder / "chaos" / "journal.json").read_text())
    assert kept["flowdrill"] == journal["flowdrill"]
    assert [one["start"] for one in kept["run"]] == [one["start"] for one in journal["run"]]
    written = (folder / "chaos" / "experiment.json").read_text()
    assert "hidden-text" not in written
    assert [one["name"] for one in json.loads(written)["method"]] == list(METHOD)
    assert "chaos/journal.json" in (folder / "SHA256SUMS").read_text()
    assert any("steered by Chaos Toolkit" in one for one in result.notes)


@pytest.mark.parametrize("dry", [Dry.ACTIONS, Dry.PAUSE, Dry.PROBES, Dry.ACTIVITIES])
def test_a_dry_run_does_nothing_to_the_cluster(tmp_path: Path, dry: Dry) -> None:
    theatre = Theatre(tmp_path)
    journal = run(of_fakes(theatre, dry=dry))
    assert (journal["status"], journal["deviated"]) == ("completed", False)
    phases = [one.phase for one in theatre.world.all_of(PhaseStarted)]
    assert phases == [Phase.PREFLIGHT]
    assert theatre.world.workload.undo is None
    assert not broken(theatre)
    assert journal["flowdrill"]["dry"] is True
    assert journal["flowdrill"]["end"] == "interrupted"


@pytest.mark.drills
def test_a_missed_objective_deviates_and_everything_is_put_back(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, {"objectives": {"time_to_recover": "1ms"}})
    journal = run(of_fakes(theatre), rollbacks="never")
    assert journal["rollbacks"] == []
    assert journal["deviated"] is True
    assert journal["flowdrill"]["verdict"] == "fail"
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_a_tolerance_that_is_missed_deviates(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    experiment = of_fakes(theatre)
    experiment["steady-state-hypothesis"]["probes"] = [activity("time_to_recover", tolerance=[0, 0.001])]
    journal = run(experiment)
    assert journal["steady_states"]["before"]["steady_state_met"] is True
    assert journal["steady_states"]["after"]["steady_state_met"] is False
    assert journal["deviated"] is True
    assert journal["flowdrill"]["verdict"] != "fail"
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_a_failure_that_nobody_detects_deviates(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, {"detect": {"limit": "3s", "trigger": "kubernetes"}})
    journal = run(of_fakes(theatre))
    assert outputs(journal)["broken_image_is_detected"] is False
    probe = journal["steady_states"]["after"]["probes"][-1]
    assert "never detected" in probe["exception"][-1]
    assert journal["deviated"] is True
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_a_hypothesis_that_runs_all_the_time_disturbs_nothing(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    schedule = Schedule(continuous_hypothesis_frequency=0.2)
    journal = run(of_fakes(theatre), strategy=Strategy.CONTINUOUS, schedule=schedule)
    assert_as_its_run(journal)
    assert len(journal["steady_states"]["during"]) > 5


@pytest.mark.parametrize(
    "number",
    [
        signal.SIGTERM,
        *(pytest.param(one, marks=pytest.mark.drills) for one in (signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2)),
    ],
)
def test_a_signal_in_the_middle_ends_the_drill_and_puts_everything_back(tmp_path: Path, number: signal.Signals) -> None:
    theatre = Theatre(tmp_path)
    theatre.world.bites = False  # nobody is hit: the experiment waits for the detectors
    main = threading.main_thread().ident
    assert main is not None
    theatre.world.at_the_break = lambda: theatre.world.time.after(1, lambda: signal.pthread_kill(main, number))
    journal = run(of_fakes(theatre))
    assert broken(theatre)
    assert journal["status"] == "interrupted"
    assert journal["flowdrill"]["end"] == "interrupted"
    assert "roll_back" not in outputs(journal)
    assert theatre.world.problems_left() == []
    assert (folder_of(journal) / "report.html").exists()


@pytest.mark.drills
def test_an_experiment_that_breaks_off_in_chaoslib_itself_puts_everything_back(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    experiment = of_fakes(theatre, method=METHOD[:2])
    experiment["steady-state-hypothesis"]["probes"] = [activity("service_has_recovered", tolerance=[0, 1])]
    experiment["method"].append(activity("time_to_detect", pauses={"before": "no number"}))
    with suppress(TypeError):
        run(experiment)
    assert broken(theatre)
    assert theatre.world.problems_left() == []


def test_nothing_is_broken_without_the_guard(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    experiment = of_fakes(theatre)
    del experiment["controls"][1]
    journal = run(experiment)
    failed = next(one for one in journal["run"] if one["activity"]["name"] == "deploy_broken_image")
    assert "nothing is broken without the control flowdrill.chaos.controls.guard" in failed["exception"][-1]
    assert not broken(theatre)
    assert journal["status"] == "failed"
    assert theatre.world.problems_left() == []


@pytest.mark.drills
def test_a_service_that_is_not_steady_ends_the_method(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path)
    theatre.world.noise_every = 2
    journal = run(of_fakes(theatre))
    assert journal["status"] == "interrupted"
    assert [one["activity"]["name"] for one in journal["run"]] == ["start_load"]
    assert "requests were bad" in journal["run"][0]["exception"][-1]
    assert not broken(theatre)


def test_a_drill_that_cannot_be_opened_is_one_error(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, refuses=PlanError("there is nothing", "look for it"))
    experiment = of_fakes(theatre)
    journal = run(experiment)
    assert journal["status"] in ("failed", "interrupted")
    assert journal["flowdrill"]["problem"] == "there is nothing"


@pytest.mark.drills
def test_two_experiments_in_one_process_know_nothing_of_each_other(tmp_path: Path) -> None:
    first, second = Theatre(tmp_path / "1"), Theatre(tmp_path / "2")
    journals = [run(of_fakes(one, dry=Dry.ACTIONS)) for one in (first, second)]
    assert first.session is not second.session
    assert {str(folder_of(one).parent) for one in journals} == {str(tmp_path / "1"), str(tmp_path / "2")}
    assert SESSION not in journals[0]["experiment"].get("configuration", {})
    alone = of_fakes(first)
    del alone["controls"]
    failed = run(alone)["steady_states"]["before"]["probes"][0]
    assert "no drill is open" in failed["exception"][-1]
