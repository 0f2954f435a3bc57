"""What a scenario changes in the model provider: computed from the stand-in's container. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.errors import PlanError
from flowdrill.model.release import Beside, Release
from flowdrill.model.scenario import ProviderChange

MODE = "PROVIDER_MODE"


def provider_release(change: ProviderChange, container: Mapping[str, Any], workload: str) -> Release:
    """Return the patches of `workload` (deployment/NAME) that set the stand-in's mode and put the old one back, from
    its container as in the pod template. PlanError when it has no mode, or is in that mode already."""
    modes = [one.get("value") for one in container.get("env") or () if one.get("name") == MODE]
    if len(modes) != 1 or not isinstance(modes[0], str):
        raise PlanError(
            f"{workload}: its container {container.get('name')} has no plain environment variable {MODE}",
            "the drill's `provider` must be the stand-in scenarios/provider/provider.py: name a Deployment that is not "
            "there, and the drill starts it",
        )
    stable, broken = modes[0], change.mode.value
    if stable == broken:
        raise PlanError(
            f"{workload}: changes.provider: its mode is {broken} already",
            f"`kubectl set env {workload} {MODE}=ok`, or mend the scenario: it changes nothing",
        )
    name = str(container.get("name"))
    return Release(
        broken_beside=_mode_patch(workload, name, broken),
        stable_beside=_mode_patch(workload, name, stable),
        changes=(f"{workload}: the model provider's mode {broken} (was: {stable})",),
    )


def _mode_patch(workload: str, container: str, mode: str) -> Beside:
    containers = [{"name": container, "env": [{"name": MODE, "value": mode}]}]
    return {workload: {"spec": {"template": {"spec": {"containers": containers}}}}}
