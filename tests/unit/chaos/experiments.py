"""Experiments of the tests: of fakes, or a shipped one that was changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from flowdrill.chaos import actions, probes

ROOT = Path(__file__).parents[3]
SHIPPED = sorted((ROOT / "experiments").glob("*.yaml"))
METHOD = (
    *("start_load", "deploy_broken_image", "broken_image_is_detected", "roll_back"),
    *("service_has_recovered", "stable_image_runs_everywhere", "take_evidence"),
)
ROLLBACKS = ("restore_stable_image", "stop_load")
STEADY: dict[str, Any] = {
    "image_is_retained": True,
    "identity_may_roll_back": True,
    "time_to_detect": [0, 10],
    "time_to_recover": [0, 10],
}
GUARD = "flowdrill.chaos.controls.guard"


def control(module: str, **arguments: Any) -> dict[str, Any]:
    name = module.rpartition(".")[2]
    return {"name": name, "provider": {"type": "python", "module": module, "arguments": arguments}}


def activity(func: str, **more: Any) -> dict[str, Any]:
    kind, module = ("action", actions) if func in actions.__all__ else ("probe", probes)
    return {"type": kind, "name": func, "provider": {"type": "python", "module": module.__name__, "func": func}, **more}


def of_fakes(
    theatre: object, method: tuple[str, ...] = METHOD, rollbacks: tuple[str, ...] = ROLLBACKS, **more: Any
) -> dict[str, Any]:
    """An experiment whose drill is of fakes."""
    return {
        "title": "hidden-text is hidden",
        "description": "d",
        "theatre": theatre,
        "controls": [control("tests.unit.chaos.open_world"), control(GUARD)],
        "steady-state-hypothesis": {
            "title": "t",
            "probes": [activity(name, tolerance=tolerance) for name, tolerance in STEADY.items()],
        },
        "method": [activity(name) for name in method],
        "rollbacks": [activity(name) for name in rollbacks],
        **more,
    }


def shipped(name: str = "flow-wiring") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "experiments" / f"{name}.yaml").read_text())
    return found


def probe_of(experiment: dict[str, Any], func: str) -> dict[str, Any]:
    probes_there = experiment["steady-state-hypothesis"]["probes"]
    found: dict[str, Any] = next(one for one in probes_there if one["provider"]["func"] == func)
    return found
