"""Deleting: preconditions, grace, finalizers, what stays for now, and what may never go."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import PODS
from tests.unit.cluster.api.asking import MERGE, SHOP, Asked

CONFIG_MAPS = f"{SHOP}/configmaps"
SPEC = {"containers": [{"name": "main", "image": "x"}], "terminationGracePeriodSeconds": 20}


@pytest.fixture
def asked() -> Asked:
    return Asked()


def running(asked: Asked) -> str:
    """A pod on a node; its path."""
    asked.make(f"{SHOP}/pods", metadata={"name": "web"}, spec=SPEC)
    asked.objects.bind("shop", "web", "node")
    return f"{SHOP}/pods/web"


@pytest.mark.parametrize(
    ("asks", "grace"),
    [({}, 20), ({"gracePeriodSeconds": 5}, 5), ({"gracePeriodSeconds": 10**15}, 1 << 31)],
)  # fmt: skip
def test_a_running_pod_stays_for_its_grace(asked: Asked, asks: dict[str, int], grace: int) -> None:
    path = running(asked)
    answer = asked.ask("DELETE", path, asks)
    assert answer.json["metadata"]["deletionGracePeriodSeconds"] == grace
    assert asked.ask("GET", path).json["metadata"]["deletionTimestamp"] == answer.json["metadata"]["deletionTimestamp"]


def test_grace_can_be_made_shorter_but_not_longer(asked: Asked) -> None:
    path = running(asked)
    graces = [asked.ask("DELETE", path, {"gracePeriodSeconds": seconds}).json["metadata"] for seconds in (9, 12, 4)]
    assert [one["deletionGracePeriodSeconds"] for one in graces] == [9, 9, 4]
    assert graces[0] == graces[1], "a longer grace changes nothing"
    assert asked.ask("DELETE", path, {"gracePeriodSeconds": 0}).code == 200
    assert asked.ask("GET", path).code == 404


@pytest.mark.parametrize("phase", ["Succeeded", "Failed", None])
def test_a_pod_that_does_not_run_goes_at_once(asked: Asked, phase: str | None) -> None:
    path = running(asked) if phase else f"{SHOP}/pods/web"
    if phase:
        asked.ask("PATCH", f"{path}/status", {"status": {"phase": phase}}, kind=MERGE)
    else:
        asked.make(f"{SHOP}/pods", metadata={"name": "web"}, spec=SPEC)
    asked.ask("DELETE", path)
    assert asked.objects.find(PODS, "shop", "web") is None


@pytest.mark.parametrize(
    ("asks", "finalizer"),
    [({"propagationPolicy": "Foreground"}, "foregroundDeletion"), ({"propagationPolicy": "Orphan"}, "orphan"),
     ({"orphanDependents": True}, "orphan")],
)  # fmt: skip
def test_a_propagation_holds_the_object_until_it_is_done(asked: Asked, asks: dict[str, object], finalizer: str) -> None:
    path = f"{CONFIG_MAPS}/{asked.make(CONFIG_MAPS, metadata={'name': 'a'})['metadata']['name']}"
    answer = asked.ask("DELETE", path, asks).json
    assert answer["metadata"]["finalizers"] == [finalizer]
    assert "deletionTimestamp" in answer["metadata"]
    asked.ask("DELETE", path, {"propagationPolicy": "Background"})
    assert asked.ask("GET", path).code == 404, "a later wish replaces the first"


def test_finalizers_can_only_be_taken_away_from_what_is_going(asked: Asked) -> None:
    asked.make(CONFIG_MAPS, metadata={"name": "a", "finalizers": ["x/hold"]}, data={"a": "b"})
    path = f"{CONFIG_MAPS}/a"
    asked.ask("DELETE", path)
    refused = asked.ask("PATCH", path, {"metadata": {"finalizers": ["x/hold", "x/more"]}}, kind=MERGE)
    assert (refused.code, refused.json["reason"]) == (422, "Invalid")
    assert asked.ask("PATCH", path, {"data": {"a": "c"}}, kind=MERGE).json["data"] == {"a": "c"}
    assert asked.ask("PATCH", path, {"metadata": {"finalizers": []}}, kind=MERGE).code == 200
    assert asked.ask("GET", path).code == 404


@pytest.mark.parametrize("condition", [{"uid": "another"}, {"resourceVersion": "1"}])
def test_a_precondition_that_does_not_hold_keeps_the_object(asked: Asked, condition: dict[str, str]) -> None:
    made = asked.make(CONFIG_MAPS, metadata={"name": "a"})["metadata"]
    refused = asked.ask("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": condition})
    assert (refused.code, refused.json["reason"]) == (409, "Conflict")
    held = {name: made[name] for name in ("uid", "resourceVersion")}
    assert asked.ask("DELETE", f"{CONFIG_MAPS}/a", {"preconditions": held}).code == 200


@pytest.mark.parametrize(
    "body",
    [{"gracePeriodSeconds": "5"}, {"propagationPolicy": "Sideways"}, {"propagationPolicy": []}, {"dryRun": ["Some"]},
     {"dryRun": "All"}, {"preconditions": 5}, {"preconditions": {"uid": 5}}, []],
)  # fmt: skip
def test_options_that_make_no_sense_keep_the_object(asked: Asked, body: Any) -> None:
    asked.make(CONFIG_MAPS, metadata={"name": "a"})
    assert asked.ask("DELETE", f"{CONFIG_MAPS}/a", body).code == 400
    assert asked.ask("GET", f"{CONFIG_MAPS}/a").code == 200


@pytest.mark.parametrize("name", ["default", "kube-system", "kube-public"])
def test_the_clusters_own_namespaces_stay(asked: Asked, name: str) -> None:
    refused = asked.ask("DELETE", f"/api/v1/namespaces/{name}")
    assert (refused.code, refused.json["message"]) == (
        403, f'namespaces "{name}" is forbidden: this namespace may not be deleted',
    )  # fmt: skip
    assert "deletionTimestamp" not in asked.ask("GET", f"/api/v1/namespaces/{name}").json["metadata"]


def test_a_namespace_that_is_going_takes_nothing_new(asked: Asked) -> None:
    assert asked.ask("DELETE", SHOP).json["status"]["phase"] == "Terminating"
    refused = asked.ask("POST", CONFIG_MAPS, {"metadata": {"name": "late"}})
    assert (refused.code, refused.json["details"]["causes"][0]["reason"]) == (403, "NamespaceTerminating")
    assert asked.ask("PATCH", SHOP, {"spec": {"finalizers": []}}, kind=MERGE).code == 200
    assert asked.ask("GET", SHOP).json["spec"]["finalizers"] == ["kubernetes"], "only /finalize says it is empty"
    assert asked.ask("PUT", f"{SHOP}/finalize", {"spec": {"finalizers": ["x/y"]}}).code == 200
    assert asked.ask("GET", SHOP).json["spec"]["finalizers"] == ["x/y"]
    asked.ask("PUT", f"{SHOP}/finalize", {"spec": {"finalizers": []}})
    assert asked.ask("GET", SHOP).code == 404


def test_what_is_selected_goes_and_the_rest_stays(asked: Asked) -> None:
    for name, team in (("a", "x"), ("b", "x"), ("c", "y")):
        asked.make(CONFIG_MAPS, metadata={"name": name, "labels": {"team": team}})
    answer = asked.ask("DELETE", CONFIG_MAPS, labelSelector="team=x")
    assert [one["metadata"]["name"] for one in answer.json["items"]] == ["a", "b"]
    assert [one["metadata"]["name"] for one in asked.ask("GET", CONFIG_MAPS).json["items"]] == ["c"]
