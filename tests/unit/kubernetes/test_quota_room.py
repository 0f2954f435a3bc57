from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.quota_room import PodTurnover, quota_opponents

Json = dict[str, Any]
SURGES, NEVER_FEWER, ONE_FEWER = PodTurnover(1, 1), PodTurnover(1, 0), PodTurnover(0, 1)


def template(*requests: Json, **pod: Any) -> Json:
    containers = [{"name": f"c{number}", "resources": {"requests": one}} for number, one in enumerate(requests)]
    return {"spec": {"containers": containers, **pod}}


def quota(hard: Json, used: Json, **spec: Any) -> Json:
    return {"metadata": {"name": "q"}, "spec": {"hard": hard, **spec}, "status": {"hard": hard, "used": used}}


def priority(operator: str, *values: str) -> Json:
    rule = {"scopeName": "PriorityClass", "operator": operator, "values": list(values)}
    return {"scopeSelector": {"matchExpressions": [rule]}}


def found(quota: Json, turnover: PodTurnover, pod: Json, *limit_ranges: Json) -> list[tuple[bool, str]]:
    return [(one.blocks, one.effect) for one in quota_opponents(pod, turnover, [quota], limit_ranges)]


def test_room_for_one_more_pod_is_no_opponent() -> None:
    room = quota({"pods": "3", "requests.memory": "1Gi"}, {"pods": "2", "requests.memory": "512Mi"})
    assert found(room, NEVER_FEWER, template({"memory": "512Mi"})) == []


def test_no_room_blocks_where_no_pod_may_go_first() -> None:
    full = quota({"memory": "1Gi"}, {"memory": "800Mi"})
    ((blocks, effect),) = found(full, NEVER_FEWER, template({"memory": "400Mi"}))
    assert blocks
    assert "memory (224Mi left, 400Mi needed)" in effect


def test_no_room_only_slows_down_where_pods_may_go_first() -> None:
    full = quota({"pods": "2"}, {"pods": "2"})
    ((blocks, effect),) = found(full, SURGES, template({}))
    assert not blocks
    assert "pods (0 left, 1 needed)" in effect


def test_a_workload_that_never_surges_needs_no_room_but_its_own() -> None:
    full = quota({"pods": "2"}, {"pods": "2"})
    assert found(full, ONE_FEWER, template({})) == []
    assert found(full, PodTurnover(0, 2), template({})) == []


def test_a_quota_that_is_overdrawn_blocks_whoever_waits_for_the_next_pod() -> None:
    overdrawn = quota({"pods": "2"}, {"pods": "3"})
    ((blocks, _),) = found(overdrawn, ONE_FEWER, template({}))
    assert blocks
    assert found(overdrawn, PodTurnover(0, 3), template({})) == []


@pytest.mark.parametrize(
    ("pod", "needed"),
    [
        (template({"cpu": "300m"}, {"cpu": "300m"}), "0.6"),
        (template({"cpu": "100m"}, initContainers=[{"resources": {"requests": {"cpu": "2"}}}]), "2"),
        (
            template(
                {"cpu": "1"},
                initContainers=[{"restartPolicy": "Always", "resources": {"requests": {"cpu": "500m"}}}],
                overhead={"cpu": "250m"},
            ),
            "1.75",
        ),
        ({"spec": {"containers": [{"resources": {"limits": {"cpu": "3"}}}]}}, "3"),
        (template({"cpu": "1"}, resources={"requests": {"cpu": "5"}}), "5"),
    ],
    ids=["both", "hungriest init container", "sidecar and overhead", "limits", "the pod's own"],
)
def test_a_pod_needs_what_the_scheduler_counts(pod: Json, needed: str) -> None:
    ((_, effect),) = found(quota({"requests.cpu": "1"}, {"requests.cpu": "1"}), NEVER_FEWER, pod)
    assert f"(0 left, {needed} needed)" in effect


def test_a_container_that_does_not_say_what_the_quota_counts_is_admitted_nowhere() -> None:
    counts = quota({"limits.memory": "9Gi"}, {"limits.memory": "0"})
    ((blocks, effect),) = found(counts, ONE_FEWER, template({"memory": "1Gi"}))
    assert blocks
    assert "does not say its limits.memory" in effect
    defaults = {"spec": {"limits": [{"type": "Container", "default": {"memory": "1Gi"}}]}}
    assert found(counts, ONE_FEWER, template({"memory": "1Gi"}), defaults) == []


def test_what_a_limit_range_fills_in_is_counted() -> None:
    full = quota({"requests.memory": "1Gi"}, {"requests.memory": "1Gi"})
    defaults = {"spec": {"limits": [{"type": "Container", "defaultRequest": {"memory": "256Mi"}}]}}
    ((_, effect),) = found(full, NEVER_FEWER, template({}), defaults)
    assert "(0 left, 256Mi needed)" in effect


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        ({"scopes": ["NotTerminating"]}, True),
        ({"scopes": ["Terminating"]}, False),
        ({"scopes": ["BestEffort"]}, False),
        ({"scopes": ["NotBestEffort"]}, True),
        (priority("In", "high"), True),
        (priority("In", "low"), False),
        (priority("DoesNotExist"), False),
    ],
    ids=str,
)
def test_a_quota_counts_only_pods_of_its_scope(scope: Json, counts: bool) -> None:
    pod = template({"memory": "1Gi"}, priorityClassName="high")
    assert bool(found(quota({"pods": "1"}, {"pods": "1"}, **scope), NEVER_FEWER, pod)) is counts


def test_amounts_that_are_none_say_nothing() -> None:
    assert found(quota({"pods": {}, "x": "9", "requests.cpu": "lots"}, {"pods": "1"}), NEVER_FEWER, template({})) == []
    assert found({}, NEVER_FEWER, {}) == []
