"""What is wrong with an experiment is one error: chaoslib's own where it has one, else ours in its style."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from chaoslib.exceptions import ActivityFailed, ChaosException, InvalidActivity, InvalidExperiment
from chaoslib.experiment import ensure_experiment_is_valid, run_experiment

from flowdrill.chaos import actions, probes
from tests.unit.chaos.experiments import ROOT, probe_of, shipped

OFFERED = [getattr(module, name) for module in (actions, probes) for name in module.__all__]


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("LANGFLOW_API_KEY", "k")


def arguments_of(experiment: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = experiment["controls"][0]["provider"]["arguments"]
    return found


def refused(experiment: dict[str, Any]) -> str:
    with pytest.raises(ChaosException) as caught:
        ensure_experiment_is_valid(experiment)
    assert isinstance(caught.value, (InvalidActivity, InvalidExperiment))
    return str(caught.value)


def interrupted(experiment: dict[str, Any], caplog: pytest.LogCaptureFixture) -> str:
    """Why a run ends before anything is opened."""
    journal = run_experiment(experiment, settings={})
    assert journal["status"] == "interrupted"
    assert journal["run"] == []
    return caplog.text


def test_a_secret_that_is_absent_is_chaoslibs_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LANGFLOW_API_KEY")
    assert "environment key that does not exist: LANGFLOW_API_KEY" in refused(shipped())


def test_a_configuration_that_is_absent_is_chaoslibs_error() -> None:
    experiment = shipped()
    del experiment["configuration"]["flowdrill_context"]["default"]
    assert "environment key that does not exist: FLOWDRILL_CONTEXT" in refused(experiment)


def test_a_configuration_that_nobody_gives_ends_the_run_before_it_begins(caplog: pytest.LogCaptureFixture) -> None:
    experiment = shipped()
    del experiment["configuration"]["flowdrill_context"]
    said = interrupted(experiment, caplog)
    assert "record_timeline: kube_context: there is no configuration 'flowdrill_context'" in said


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"drill": "drills/nowhere.yaml"}, "drills/nowhere.yaml"),
        ({"drill": "drills/target/kubernetes.yaml"}, "drills/target/kubernetes.yaml"),
        ({"drill": ""}, "its argument 'drill' is missing"),
        ({"drill": 3}, "argument 'drill' is no text"),
        ({"out": ["reports"]}, "argument 'out' is no text"),
        ({"kubecontext": "lab"}, "there is no argument 'kubecontext'"),
        ({"approved": "sha256:1"}, "'approved' is no list of texts"),
    ],
)
def test_an_argument_that_cannot_be_used_is_refused(change: dict[str, Any], words: str) -> None:
    experiment = shipped()
    arguments_of(experiment).update(change)
    said = refused(experiment)
    assert said.startswith("control 'record_timeline': ")
    assert words in said
    assert "\n  -> " in said


@pytest.mark.parametrize("tolerance", [5.5, None])
def test_a_tolerance_that_is_none_is_chaoslibs_error(tolerance: object) -> None:
    experiment = shipped()
    probe_of(experiment, "time_to_detect")["tolerance"] = tolerance
    assert "tolerance" in refused(experiment)


@pytest.mark.parametrize(
    ("func", "tolerance"),
    [
        ("time_to_detect", True),
        ("time_to_detect", "5s"),
        ("time_to_recover", 5),
        ("time_to_recover", [1, 2, 3]),
        ("time_to_recover", {"type": "regex", "pattern": "5"}),
        ("service_is_healthy", 1),
        ("image_is_retained", [0, 1]),
    ],
)
def test_a_tolerance_for_something_else_ends_the_run_before_it_begins(
    func: str, tolerance: object, caplog: pytest.LogCaptureFixture
) -> None:
    experiment = shipped()
    probe_of(experiment, func)["tolerance"] = tolerance
    ensure_experiment_is_valid(experiment)  # chaoslib has nothing against it
    assert f"{func} returns a " in interrupted(experiment, caplog)


def test_an_experiment_that_leaves_out_what_its_drill_does_ends_before_it_begins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    experiment = shipped()
    arguments_of(experiment)["drill"] = "drills/pod-deleted-during-rollback.yaml"
    said = interrupted(experiment, caplog)
    assert "the experiment has not the drill's activity 'the deployment is available' (steady state)" in said


def test_a_drill_of_many_workloads_ends_the_run_before_it_begins(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "many.yaml").write_text(
        f"drill: many\nextends: {ROOT}/drills/edge-missing.yaml\nload: {{url: 'http://{{service}}.test'}}\n"
    )
    experiment = shipped()
    arguments_of(experiment)["drill"] = str(tmp_path / "many.yaml")
    assert "what is in braces is said by the Service before a workload" in interrupted(experiment, caplog)


def test_an_unknown_context_ends_the_run_before_it_begins(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLOWDRILL_CONTEXT", "nowhere")
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    assert "there is no kubeconfig /nowhere" in interrupted(shipped(), caplog)


def test_an_unknown_activity_or_argument_is_chaoslibs_error() -> None:
    experiment = shipped()
    experiment["method"][0]["provider"]["func"] = "start_the_load"
    assert "does not expose a function called 'start_the_load'" in refused(experiment)
    experiment = shipped()
    experiment["method"][0]["provider"]["arguments"] = {"users": 3}
    assert "argument 'users' is not part of the function signature" in refused(experiment)


@pytest.mark.parametrize("call", OFFERED, ids=lambda one: one.__name__)
def test_an_activity_without_a_drill_says_what_is_missing(call: Any) -> None:
    with pytest.raises(ActivityFailed, match=r"no drill is open: list the control flowdrill\.chaos\.controls"):
        call({})
