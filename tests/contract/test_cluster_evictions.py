"""What every Kubernetes does about evictions and disruption budgets."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import Json, Playground

MERGE = "application/merge-patch+json"
_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    return f"evicted-{next(_NUMBERS)}"


def refused(act: Any) -> Json:
    with pytest.raises(ApiException) as error:
        act()
    return dict(json.loads(error.value.body or "{}"))


def budgets_path(play: Playground) -> str:
    versions = [one["version"] for one in play.raw("GET", "/apis/policy")["versions"]]
    version = "v1" if "v1" in versions else "v1beta1"  # Kubernetes has had v1 from 1.21 on
    return f"/apis/policy/{version}/namespaces/{play.namespace}/poddisruptionbudgets"


@contextmanager
def budget(play: Playground, name: str, app: str, **spec: Any) -> Iterator[str]:
    """A budget for the pods of a workload; its path."""
    path = budgets_path(play)
    body = {"metadata": {"name": name}, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}}
    play.raw("POST", path, body)
    try:
        yield f"{path}/{name}"
    finally:
        play.raw("DELETE", f"{path}/{name}")


def counted(play: Playground, path: str, **wanted: int) -> None:
    """Wait until a budget's status says so."""
    play.until(lambda: wanted.items() <= play.raw("GET", path).get("status", {}).items(), f"{wanted}")


def evict(play: Playground, pod: str, *, url: str = "", **query: str) -> Json:
    resources = play.raw("GET", "/api/v1")["resources"]
    known = next(one for one in resources if one["name"] == "pods/eviction")
    assert (known["group"], known["kind"], known["verbs"]) == ("policy", "Eviction", ["create"])
    meta = {"name": pod, "namespace": play.namespace}
    body = {"apiVersion": f"policy/{known['version']}", "kind": "Eviction", "metadata": meta}
    body |= {"deleteOptions": {"gracePeriodSeconds": 0}}
    return play.raw("POST", f"{play.core_path('pods', url or pod)}/eviction", body, **query)


def names(play: Playground, app: str) -> set[str]:
    return {one["metadata"]["name"] for one in play.pods(app) if "deletionTimestamp" not in one["metadata"]}


def test_a_pod_is_evicted_only_when_its_budget_can_spare_it(play: Playground, name: str) -> None:
    play.deploy(name, replicas=2)
    play.until(lambda: play.complete(name), "both pods run")
    pod = min(names(play, name))
    with budget(play, name, name, minAvailable=2) as path:
        counted(
            play, path, disruptionsAllowed=0, currentHealthy=2, desiredHealthy=2, expectedPods=2, observedGeneration=1
        )
        for query in ({}, {"dryRun": "All"}):
            answer = refused(lambda query=query: evict(play, pod, **query))
            assert (answer["code"], answer["reason"]) == (429, "TooManyRequests")
            assert answer["message"] == "Cannot evict pod as it would violate the pod's disruption budget."
            cause = f"The disruption budget {name} needs 2 healthy pods and has 2 currently"
            assert answer["details"]["causes"] == [{"reason": "DisruptionBudget", "message": cause}]
        play.raw("PATCH", path, {"spec": {"minAvailable": 1}}, content_type=MERGE)
        counted(
            play, path, disruptionsAllowed=1, currentHealthy=2, desiredHealthy=1, expectedPods=2, observedGeneration=2
        )
        assert evict(play, pod, dryRun="All")["status"] == "Success"
        assert pod in names(play, name)
        assert play.raw("GET", path)["status"]["disruptionsAllowed"] == 1
        done = evict(play, pod)
        assert (done["kind"], done["status"], done["code"]) == ("Status", "Success", 201)
        play.until(lambda: pod not in names(play, name), "it goes")
        play.until(lambda: play.complete(name), "another one takes its place")
        counted(play, path, disruptionsAllowed=1, currentHealthy=2)
    play.delete("deployments", name)


@pytest.mark.parametrize(
    ("spec", "healthy"), [({"maxUnavailable": "34%"}, 1), ({"minAvailable": "51%"}, 2), ({"maxUnavailable": 3}, 0)]
)
def test_a_budget_counts_by_what_the_owners_of_its_pods_want(
    play: Playground, name: str, spec: Json, healthy: int
) -> None:
    play.deploy(name, replicas=2, container={"image": play.missing, "command": None})
    play.until(lambda: len(play.pods(name)) == 2, "its pods")
    with budget(play, name, name, **spec) as path:
        counted(play, path, desiredHealthy=healthy, currentHealthy=0, expectedPods=2, disruptionsAllowed=0)
        pod = min(names(play, name))
        evict(play, pod)  # it has not begun: it serves nobody
        play.until(lambda: pod not in names(play, name), "it goes")
    play.delete("deployments", name)


def test_what_cannot_be_evicted(play: Playground, name: str) -> None:
    play.deploy(name)
    play.until(lambda: play.complete(name), "it runs")
    pod = min(names(play, name))
    assert refused(lambda: evict(play, "nobody"))["message"] == 'pods "nobody" not found'
    with budget(play, name, name, minAvailable=0) as one, budget(play, f"{name}-b", name, minAvailable=0) as other:
        for path in (one, other):
            counted(play, path, disruptionsAllowed=1)
        answer = refused(lambda: evict(play, pod))
        assert answer["code"] == 500
        assert answer["message"].startswith("This pod has more than one PodDisruptionBudget")
    assert refused(lambda: evict(play, "another", url=pod))["code"] == 400
    assert evict(play, pod)["status"] == "Success"  # nothing protects it now
    play.delete("deployments", name)
