from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Json, labels_query
from flowdrill.edges.kubernetes.snapshot import Seen, manifest_digest, workload_snapshot
from flowdrill.model.workload import PodSnapshot, WorkloadKind, WorkloadSnapshot
from tests.unit.kubernetes.objects import DIGEST, IMAGE, endpoint_slice, pod, replica_set, workload

KIND = WorkloadKind.DEPLOYMENT


def snapshot(kind: WorkloadKind = KIND, *, of: Json | None = None, **seen: Any) -> WorkloadSnapshot:
    empty: dict[str, Any] = {"revisions": [replica_set()], "pods": [], "pulled_events": [], "endpoints": []}
    return workload_snapshot(kind, "flow", Seen(workload=of or workload(), **(empty | seen)))


def one_pod(item: Json, **seen: Any) -> PodSnapshot:
    (found,) = snapshot(pods=[item], **seen).pods
    return found


def test_counts_that_the_api_leaves_out_are_zero() -> None:
    seen = snapshot()
    counts = (seen.replicas, seen.updated_replicas, seen.ready_replicas, seen.available_replicas)
    assert counts == (0, 0, 0, 0)
    assert (seen.generation, seen.observed_generation, seen.wanted_replicas) == (3, 0, 2)
    assert (seen.image, seen.containers) == (IMAGE, ("proxy", "flow"))


def test_a_stateful_set_of_an_old_release_has_as_many_available_as_ready() -> None:
    assert snapshot(WorkloadKind.STATEFULSET, of=workload(readyReplicas=2)).available_replicas == 2
    assert snapshot(WorkloadKind.STATEFULSET, of=workload(readyReplicas=2, availableReplicas=0)).available_replicas == 0
    assert snapshot(of=workload(readyReplicas=2)).available_replicas == 0


def test_scaling_to_zero_is_not_taken_for_the_default() -> None:
    item = workload()
    item["spec"]["replicas"] = 0
    assert snapshot(of=item).wanted_replicas == 0
    del item["spec"]["replicas"]
    assert snapshot(of=item).wanted_replicas == 1


def test_paused_and_on_delete_are_seen() -> None:
    item = workload()
    item["spec"] |= {"paused": True, "updateStrategy": {"type": "OnDelete"}}
    assert (snapshot(of=item).paused, snapshot(of=item).on_delete) == (True, True)


def test_pods_of_other_owners_with_the_same_labels_are_left_out() -> None:
    other = replica_set("other")
    other["metadata"]["ownerReferences"][0]["uid"] = "uid-of-another-deployment"
    mine, theirs = pod("a"), pod("b", owner="uid-other")
    orphan = pod("c")
    orphan["metadata"]["ownerReferences"] = []
    seen = snapshot(revisions=[replica_set(), other], pods=[theirs, orphan, mine])
    assert [found.name for found in seen.pods] == ["a"]


def test_a_stateful_set_owns_its_pods_itself() -> None:
    seen = snapshot(WorkloadKind.STATEFULSET, pods=[pod("app-1", owner="uid-app"), pod("app-0", owner="uid-app")])
    assert [found.name for found in seen.pods] == ["app-0", "app-1"]


def test_pods_that_have_ended_for_good_are_left_out() -> None:
    evicted = pod()
    evicted["status"]["phase"] = "Failed"
    assert snapshot(pods=[evicted]).pods == ()


def test_a_running_pod_is_read_from_its_target_container() -> None:
    found = one_pod(pod())
    assert (found.image, found.image_digest, found.restarts) == (IMAGE, DIGEST, 1)
    assert (found.scheduled, found.pulled, found.started, found.ready) == (True, True, True, True)
    assert (found.deleting, found.in_endpoints, found.waiting_reason) == (False, False, None)


def test_a_pod_that_cannot_pull_says_why() -> None:
    item = pod(ready=False, waiting={"reason": "ImagePullBackOff"})
    item["status"]["containerStatuses"][1]["imageID"] = ""
    found = one_pod(item)
    assert (found.image_digest, found.pulled, found.started, found.ready) == (None, False, False, False)
    assert found.waiting_reason == "ImagePullBackOff"


def test_a_new_pod_without_a_status_is_a_pod() -> None:
    item = pod()
    item["status"] = {}
    found = one_pod(item)
    assert (found.scheduled, found.pulled, found.started, found.ready, found.restarts) == (False,) * 4 + (0,)


@pytest.mark.parametrize(("field", "pulled"), [("spec.containers{flow}", True), ("spec.initContainers{x}", False)])
def test_a_pulled_event_counts_for_its_container_only(field: str, pulled: bool) -> None:
    item = pod(ready=False, waiting={"reason": "ContainerCreating"})
    item["status"]["containerStatuses"][1]["imageID"] = ""
    event = {"involvedObject": {"kind": "Pod", "uid": "uid-app-1-x", "fieldPath": field}}
    assert one_pod(item, pulled_events=[event]).pulled is pulled


@pytest.mark.parametrize(("ready", "served"), [(True, True), (None, True), (False, False)])
def test_an_endpoint_counts_unless_it_is_said_to_be_not_ready(ready: bool | None, served: bool) -> None:
    assert one_pod(pod(), endpoints=[endpoint_slice("app-1-x", ready=ready)]).in_endpoints is served


def test_endpoints_of_old_clusters_are_read_too() -> None:
    address = {"ip": "10.0.0.1", "targetRef": {"kind": "Pod", "name": "app-1-x"}}
    assert one_pod(pod(), endpoints=[{"subsets": [{"addresses": [address]}]}]).in_endpoints
    assert not one_pod(pod(), endpoints=[{"subsets": [{"notReadyAddresses": [address]}]}]).in_endpoints


@pytest.mark.parametrize(
    ("image_id", "digest"),
    [
        (f"registry.example/flow@{DIGEST}", DIGEST),
        (f"docker-pullable://registry.example/flow@{DIGEST}", DIGEST),
        (f"docker://{DIGEST}", None),
        (DIGEST, None),
        ("", None),
    ],
)
def test_only_a_manifest_digest_is_taken_from_an_image_id(image_id: str, digest: str | None) -> None:
    assert manifest_digest(image_id) == digest


def test_selectors_are_written_as_the_api_reads_them() -> None:
    rules = [
        {"key": "a", "operator": "In", "values": ["x", "y"]},
        {"key": "b", "operator": "NotIn", "values": ["z"]},
        {"key": "c", "operator": "Exists"},
        {"key": "d", "operator": "DoesNotExist"},
    ]
    query = labels_query({"matchLabels": {"app": "app"}, "matchExpressions": rules})
    assert query == (("labelSelector", "app=app,a in (x,y),b notin (z),c,!d"),)
