"""A pod's status says what its containers' states add up to."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.node.pod_status import ContainerState, pod_status, state_from

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUNNING: Json = {"running": {"startedAt": "2026-03-01T12:00:00Z"}}
WAITING: Json = {"waiting": {"reason": "ContainerCreating"}}


def ended(code: int) -> Json:
    return {"terminated": {"exitCode": code}}


def container(state: Json, *, restarts: int = 0, ready: bool = False, name: str = "main") -> ContainerState:
    return ContainerState(name, "image:1", state, restarts=restarts, ready=ready)


def status(
    *main: ContainerState, init: tuple[ContainerState, ...] = (), policy: str = "Always", deleted: bool = False,
    before: Json | None = None, now: datetime = NOW,
) -> Json:  # fmt: skip
    meta = {"name": "web", **({"deletionTimestamp": "2026-03-01T12:00:00Z"} if deleted else {})}
    pod = {"metadata": meta, "spec": {"restartPolicy": policy}, "status": before or {}}
    return pod_status(pod, list(init), list(main), "127.231.64.1", "127.231.0.1", now)


def conditions(found: Json) -> dict[str, str]:
    return {one["type"]: one["status"] for one in found["conditions"]}


@pytest.mark.parametrize(
    ("states", "policy", "phase"),
    [
        ([WAITING], "Always", "Pending"),
        ([RUNNING], "Always", "Running"),
        ([WAITING, RUNNING], "Always", "Running"),
        ([ended(0)], "Always", "Running"),
        ([ended(1)], "Always", "Running"),
        ([ended(0)], "OnFailure", "Succeeded"),
        ([ended(1)], "OnFailure", "Running"),
        ([ended(0)], "Never", "Succeeded"),
        ([ended(0), ended(1)], "Never", "Failed"),
        ([ended(1), RUNNING], "Never", "Running"),
        ([ended(1), WAITING], "Never", "Running"),
    ],
)
def test_the_phase_is_what_the_containers_and_the_policy_make_it(states: list[Json], policy: str, phase: str) -> None:
    assert status(*map(container, states), policy=policy)["phase"] == phase


def test_a_container_between_two_runs_keeps_its_pod_running() -> None:
    assert status(container({"waiting": {"reason": "CrashLoopBackOff"}}, restarts=1))["phase"] == "Running"


@pytest.mark.parametrize(("code", "phase"), [(0, "Succeeded"), (137, "Failed")])
def test_a_deleted_pod_has_ended_as_its_containers_did(code: int, phase: str) -> None:
    assert status(container(ended(code)), deleted=True)["phase"] == phase


@pytest.mark.parametrize(
    ("init", "policy", "phase", "initialized"),
    [
        (RUNNING, "Always", "Pending", "False"),
        (ended(0), "Always", "Pending", "True"),
        (ended(1), "Always", "Pending", "False"),
        (ended(1), "Never", "Failed", "False"),
    ],
)
def test_init_containers_come_before_everything(init: Json, policy: str, phase: str, initialized: str) -> None:
    found = status(container(WAITING), init=(container(init, name="first"),), policy=policy)
    assert (found["phase"], conditions(found)["Initialized"]) == (phase, initialized)
    assert [one["name"] for one in found["initContainerStatuses"]] == ["first"]


def test_a_pod_is_ready_when_all_its_containers_are() -> None:
    both = container(RUNNING, ready=True), container(RUNNING, name="other")
    found = status(*both)
    assert (conditions(found)["Ready"], conditions(found)["ContainersReady"]) == ("False", "False")
    message = next(one["message"] for one in found["conditions"] if one["type"] == "Ready")
    assert message == "containers with unready status: [other]"
    assert conditions(status(both[0], container(RUNNING, ready=True)))["Ready"] == "True"
    done = status(container(ended(0)), policy="Never")
    assert next(one["reason"] for one in done["conditions"] if one["type"] == "Ready") == "PodCompleted"


def test_a_transition_time_stays_until_the_condition_turns() -> None:
    first = status(container(RUNNING))
    later = NOW + timedelta(minutes=1)
    second = status(container(RUNNING), before=first, now=later)
    assert second == first
    third = status(container(RUNNING, ready=True), before=second, now=later)
    since = {one["type"]: one["lastTransitionTime"] for one in third["conditions"]}
    assert (since["Ready"], since["Initialized"]) == ("2026-03-01T12:01:00Z", "2026-03-01T12:00:00Z")
    assert third["startTime"] == first["startTime"]


@pytest.mark.parametrize(
    ("written", "is_running", "exit_code", "restarts"),
    [
        (None, False, None, 0),
        ({"state": RUNNING, "restartCount": 2}, True, None, 2),
        ({"state": ended(3)}, False, 3, 0),
    ],
)
def test_what_an_earlier_life_has_written_is_read_again(
    written: Any, is_running: bool, exit_code: int | None, restarts: int
) -> None:
    state = state_from("main", "image:1", written)
    assert (state.is_running, state.exit_code, state.restarts) == (is_running, exit_code, restarts)
    assert not state.ready, "that must be seen anew"
