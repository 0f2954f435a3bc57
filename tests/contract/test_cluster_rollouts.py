"""What every Kubernetes does with Deployments and StatefulSets, the embedded one as a real one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from tests.contract.playground import SERVES, WAITS, Playground

REVISION = "deployment.kubernetes.io/revision"
FAILS = "import time; time.sleep(0.2); print('giving up'); raise SystemExit(3)"


def condition(workload: dict[str, Any], kind: str) -> dict[str, Any]:
    found = [one for one in workload.get("status", {}).get("conditions", []) if one["type"] == kind]
    return found[0] if found else {}


def since(found: dict[str, Any]) -> datetime:
    assert found["status"] == "True"
    return datetime.fromisoformat(found["lastTransitionTime"].replace("Z", "+00:00"))


def test_a_rollout_replaces_every_pod_and_says_when_it_is_complete(play: Playground) -> None:
    play.deploy("roll", replicas=2)
    play.until(lambda: play.complete("roll"))
    before = {pod["metadata"]["uid"] for pod in play.pods("roll")}
    play.set_env("roll", "two")
    play.until(lambda: play.complete("roll"))
    running = [pod for pod in play.pods("roll") if "deletionTimestamp" not in pod["metadata"]]
    assert not before & {pod["metadata"]["uid"] for pod in running}
    seen = play.read("deployments", "roll")
    assert seen["metadata"]["annotations"][REVISION] == "2"
    assert condition(seen, "Progressing")["reason"] == "NewReplicaSetAvailable"
    assert condition(seen, "Available")["status"] == "True"
    assert sorted(rs["spec"]["replicas"] for rs in play.replica_sets("roll")) == [0, 2]


def test_the_old_template_finds_its_replica_set_again(play: Playground) -> None:
    play.deploy("undo")
    play.until(lambda: play.complete("undo"))
    first = {rs["metadata"]["uid"] for rs in play.replica_sets("undo")}
    play.set_env("undo", "two")
    play.until(lambda: play.complete("undo"))
    template = next(rs for rs in play.replica_sets("undo") if rs["metadata"]["uid"] in first)["spec"]["template"]
    template["metadata"]["labels"].pop("pod-template-hash")
    play.raw(
        "PATCH",
        play.apps_path("deployments", "undo"),
        [{"op": "replace", "path": "/spec/template", "value": template}],
        content_type="application/json-patch+json",
    )
    play.until(lambda: play.complete("undo"))
    sets = play.replica_sets("undo")
    assert len(sets) == 2
    (current,) = (rs for rs in sets if rs["spec"]["replicas"])
    assert current["metadata"]["uid"] in first
    assert current["metadata"]["annotations"][REVISION] == "3"


def test_a_rollout_that_stalls_is_reported_after_its_deadline_and_the_old_pods_stay(play: Playground) -> None:
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    play.deploy("stall", replicas=2, progressDeadlineSeconds=4, strategy=strategy)
    play.until(lambda: play.complete("stall"))
    container = {"name": "main", "image": play.missing}
    play.patch("deployments", "stall", {"spec": {"template": {"spec": {"containers": [container]}}}})
    seen = play.until(
        lambda: (
            (now := play.read("deployments", "stall"))
            and condition(now, "Progressing").get("reason") == "ProgressDeadlineExceeded"
            and now
        )
    )
    assert isinstance(seen, dict)
    assert condition(seen, "Progressing")["status"] == "False"
    assert "has timed out progressing" in condition(seen, "Progressing")["message"]
    assert seen["status"]["availableReplicas"] == 2
    assert seen["status"]["unavailableReplicas"] == 1


def test_old_revisions_are_pruned_to_the_limit(play: Playground) -> None:
    play.deploy("prune", revisionHistoryLimit=1)
    for version in ("two", "three", "four"):
        play.until(lambda: play.complete("prune"))
        play.set_env("prune", version)
    play.until(lambda: play.complete("prune"))
    play.until(lambda: len(play.replica_sets("prune")) == 2)
    revisions = {rs["metadata"]["annotations"][REVISION] for rs in play.replica_sets("prune")}
    assert revisions == {"3", "4"}


def test_a_paused_deployment_does_not_roll(play: Playground) -> None:
    play.deploy("pause", paused=False)
    play.until(lambda: play.complete("pause"))
    play.patch("deployments", "pause", {"spec": {"paused": True}})
    generation = play.set_env("pause", "two")["metadata"]["generation"]
    play.until(lambda: play.read("deployments", "pause")["status"]["observedGeneration"] >= generation)
    assert len(play.replica_sets("pause")) == 1
    play.patch("deployments", "pause", {"spec": {"paused": False}})
    play.until(lambda: play.complete("pause"))
    assert len(play.replica_sets("pause")) == 2


def test_recreate_ends_the_old_pods_before_it_starts_new_ones(play: Playground) -> None:
    play.deploy("recreate", replicas=2, strategy={"type": "Recreate"})
    play.until(lambda: play.complete("recreate"))
    old = {pod["metadata"]["name"] for pod in play.pods("recreate")}
    play.set_env("recreate", "two")
    seen: set[frozenset[str]] = set()

    def done() -> bool:
        seen.add(frozenset(pod["metadata"]["name"] for pod in play.pods("recreate")))
        return play.complete("recreate")

    play.until(done)
    assert not any(names & old and names - old for names in seen)


def test_a_scaled_deployment_has_as_many_pods(play: Playground) -> None:
    play.deploy("scale", replicas=1)
    play.until(lambda: play.complete("scale"))
    path = play.apps_path("deployments", "scale") + "/scale"
    assert play.raw("GET", path)["spec"]["replicas"] == 1
    play.raw("PATCH", path, {"spec": {"replicas": 3}}, content_type="application/merge-patch+json")
    play.until(lambda: play.complete("scale") and len(play.pods("scale")) == 3)
    assert play.raw("GET", path)["status"]["replicas"] == 3
    play.patch("deployments", "scale", {"spec": {"replicas": 0}})
    play.until(lambda: not play.pods("scale"))


def test_a_deleted_deployment_takes_its_replica_sets_and_pods_along(play: Playground) -> None:
    play.deploy("gone", replicas=2)
    play.until(lambda: play.complete("gone"))
    play.delete("deployments", "gone")
    play.until(lambda: not play.pods("gone") and not play.replica_sets("gone"))


def test_a_deployment_deleted_with_orphan_leaves_its_pods(play: Playground) -> None:
    play.deploy("orphan")
    play.until(lambda: play.complete("orphan"))
    body = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Orphan"}
    play.raw("DELETE", play.apps_path("deployments", "orphan"), body)
    play.until(lambda: not any("ownerReferences" in rs["metadata"] for rs in play.replica_sets("orphan")))
    assert len(play.replica_sets("orphan")) == 1
    assert len(play.pods("orphan")) == 1
    play.delete("replicasets", play.replica_sets("orphan")[0]["metadata"]["name"])
    play.until(lambda: not play.pods("orphan"))


def test_a_stateful_set_replaces_its_pods_from_the_highest_number_down(play: Playground) -> None:
    probe = {"exec": {"command": ["sh", "-c", "exit 0"]}, "initialDelaySeconds": 2, "periodSeconds": 1}
    slowly = {"readinessProbe": probe}
    play.deploy("set", kind="StatefulSet", replicas=2, container=slowly)
    play.until(lambda: play.complete("set", "statefulsets"))
    names = [pod["metadata"]["name"] for pod in play.pods("set")]
    assert sorted(names) == ["set-0", "set-1"]
    play.set_env("set", "two", "statefulsets")
    update = play.until(
        lambda: (
            (status := play.read("statefulsets", "set")["status"])["updateRevision"] != status["currentRevision"]
            and status["updateRevision"]
        )
    )

    def updated() -> set[str]:
        pods = play.pods("set")
        return {p["metadata"]["name"] for p in pods if p["metadata"]["labels"]["controller-revision-hash"] == update}

    first = play.until(updated)
    assert first == {"set-1"}
    play.until(lambda: play.complete("set", "statefulsets"))
    assert updated() == {"set-0", "set-1"}
    assert len(play.raw("GET", play.apps_path("controllerrevisions"), labelSelector="app=set")["items"]) == 2


def test_a_stateful_set_waits_for_its_broken_pod_even_when_the_template_is_mended(play: Playground) -> None:
    play.deploy("stuck", kind="StatefulSet", replicas=2)
    play.until(lambda: play.complete("stuck", "statefulsets"))
    image = play.read("statefulsets", "stuck")["spec"]["template"]["spec"]["containers"][0]["image"]
    for one in (play.missing, image):
        container = {"name": "main", "image": one}
        play.patch("statefulsets", "stuck", {"spec": {"template": {"spec": {"containers": [container]}}}})
        if one == play.missing:
            play.until(lambda: any(p["spec"]["containers"][0]["image"] == play.missing for p in play.pods("stuck")))
    seen = play.read("statefulsets", "stuck")["metadata"]["generation"]
    play.until(lambda: play.read("statefulsets", "stuck")["status"]["observedGeneration"] >= seen)
    (broken,) = (p for p in play.pods("stuck") if p["spec"]["containers"][0]["image"] == play.missing)
    assert "deletionTimestamp" not in broken["metadata"]
    play.raw("DELETE", play.core_path("pods", broken["metadata"]["name"]))
    play.until(lambda: play.complete("stuck", "statefulsets"))


def test_min_ready_seconds_hold_a_pod_back_from_being_available(play: Playground) -> None:
    play.deploy("slow", minReadySeconds=3)
    play.until(lambda: play.read("deployments", "slow").get("status", {}).get("availableReplicas") == 1)
    (pod,) = play.pods("slow")
    ready, available = (
        since(one) for one in (condition(pod, "Ready"), condition(play.read("deployments", "slow"), "Available"))
    )
    assert available - ready >= timedelta(seconds=3)  # by their own time: a busy kubelet tells late that a pod is ready


def test_never_fewer_available_pods_than_asked_for_while_rolling(play: Playground) -> None:
    strategy = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    probe = {"httpGet": {"path": "/", "port": 8080}, "periodSeconds": 1}
    container = {"readinessProbe": probe, "env": [{"name": "VERSION", "value": "one"}]}
    play.deploy("steady", SERVES, replicas=2, strategy=strategy, container=container)
    play.until(lambda: play.complete("steady"))
    play.set_env("steady", "two")
    available: list[int] = []
    total: list[int] = []

    def done() -> bool:
        status = play.read("deployments", "steady")["status"]
        available.append(status.get("availableReplicas", 0))
        total.append(status["replicas"])
        return play.complete("steady")

    play.until(done)
    assert min(available) >= 2
    assert max(total) <= 3


def test_events_tell_of_scaling(play: Playground) -> None:
    play.deploy("told", WAITS)
    play.until(lambda: play.complete("told"))
    play.until(lambda: any("told" in text for text in play.events("ScalingReplicaSet")))
    play.until(lambda: any("told" in text for text in play.events("SuccessfulCreate")))
