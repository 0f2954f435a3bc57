from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.errors import PlanError
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange, ProviderMode
from flowdrill.model.undo import Undo

NAME = "deployment/provider"


def release_from(env: list[dict[str, Any]] | None) -> Release:
    return provider_release(ProviderChange(mode=ProviderMode.HANG), {"name": "stub", "env": env}, NAME)


def test_both_patches_set_one_variable_of_one_container() -> None:
    release = release_from([{"name": "PROVIDER_PORT", "value": "8000"}, {"name": "PROVIDER_MODE", "value": "slow"}])
    for beside, mode in ((release.broken_beside, "hang"), (release.stable_beside, "slow")):
        (container,) = beside[NAME]["spec"]["template"]["spec"]["containers"]
        assert container == {"name": "stub", "env": [{"name": "PROVIDER_MODE", "value": mode}]}
    assert release.changes == (f"{NAME}: the model provider's mode hang (was: slow)",)


@pytest.mark.parametrize("env", [None, [], [{"name": "PROVIDER_MODE", "valueFrom": {}}]])
def test_a_workload_that_is_no_stand_in_is_refused(env: list[dict[str, Any]] | None) -> None:
    with pytest.raises(PlanError, match="container stub has no plain environment variable PROVIDER_MODE") as refused:
        release_from(env)
    assert "scenarios/provider/provider.py" in refused.value.remedy


def test_a_mode_that_it_has_already_is_no_change() -> None:
    with pytest.raises(PlanError, match="its mode is hang already") as refused:
        release_from([{"name": "PROVIDER_MODE", "value": "hang"}])
    assert f"kubectl set env {NAME} PROVIDER_MODE=ok" in refused.value.remedy


def undo_with(**beside: dict[str, Any]) -> str:
    named = {name.replace("_", "/", 1): patch for name, patch in beside.items()}
    return Undo("run-1", "deployment/app", "demo", "flow", "img:1", None, host="h", beside=named).by_hand()


def test_the_undo_by_hand_puts_back_what_is_beside_the_workload_first() -> None:
    assert undo_with(deployment_provider={"spec": {}}) == (
        "kubectl -n demo patch deployment/provider -p '{\"spec\": {}}' && "
        "kubectl -n demo set image deployment/app flow=img:1"
    )


def test_pods_that_read_a_config_map_are_started_anew_by_the_undo() -> None:
    by_hand = undo_with(configmap_flows={"data": {"flow.json": "it's {}"}})
    assert by_hand.startswith("kubectl -n demo patch configmap/flows -p ")
    assert by_hand.endswith("&& kubectl -n demo rollout restart deployment/app")
