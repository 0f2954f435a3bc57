from __future__ import annotations

from typing import Any

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.revisions import delete_revisions, delete_stuck_pods
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, STATEFULSET, owned, pod, replica_set, template, workload

APPS = "/apis/apps/v1/namespaces/demo"
SETS, BAD = f"{APPS}/replicasets", "broken:1"


def controller_revision(name: str, image: str = BAD) -> dict[str, Any]:
    meta = {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", "ownerReferences": owned("uid-app")}
    return {"metadata": meta, "data": {"spec": {"template": template(image)}}}


def current(revision: str) -> dict[str, Any]:
    item = workload()
    item["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": revision}
    return item


def test_only_the_empty_old_replica_set_of_the_image_is_deleted(api: Api, server: FakeApiServer) -> None:
    foreign = replica_set("foreign", BAD)
    foreign["metadata"]["ownerReferences"] = owned("somebody")
    server.gives("GET", f"{APPS}/deployments/app", Answer(200, current("3")))
    server.has(SETS, replica_set("good"), replica_set("bad", BAD, "2"), foreign)
    server.gives("DELETE", f"{SETS}/bad", Answer(200))
    assert delete_revisions(api, DEPLOYMENT, BAD) == ()
    (request,) = server.asked("DELETE")
    assert request.body is not None
    assert request.body["preconditions"] == {"uid": "uid-bad", "resourceVersion": "7"}


def test_replica_sets_in_use_are_kept_with_the_reason(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{APPS}/deployments/app", Answer(200, current("3")))
    server.has(SETS, replica_set("now", BAD, "3"), replica_set("busy", BAD, "2", replicas=2))
    assert delete_revisions(api, DEPLOYMENT, BAD) == (
        "replicaset/now: it is the workload's current revision",
        "replicaset/busy: it still has 2 replicas",
    )


def test_what_may_not_be_deleted_is_left_behind_with_the_reason(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{APPS}/deployments/app", Answer(200, current("3")))
    server.has(SETS, replica_set("bad", BAD, "2"))
    message = 'User "ann" cannot delete resource "replicasets" in API group "apps" in the namespace "demo"'
    server.gives("DELETE", f"{SETS}/bad", Answer(403, {"message": message}))
    (left,) = delete_revisions(api, DEPLOYMENT, BAD)
    assert left.startswith("replicaset/bad: ")
    assert "ann must not delete replicasets.apps" in left


def test_a_revision_that_changed_meanwhile_is_judged_anew(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{APPS}/deployments/app", Answer(200, current("3")))
    server.has(SETS, replica_set("bad", BAD, "2"))
    server.gives("DELETE", f"{SETS}/bad", Answer(409), Answer(200))
    assert delete_revisions(api, DEPLOYMENT, BAD) == ()
    assert len(server.asked("DELETE")) == 2


def test_controller_revisions_in_use_are_kept(api: Api, server: FakeApiServer) -> None:
    revisions = f"{APPS}/controllerrevisions"
    server.gives("GET", f"{APPS}/statefulsets/app", Answer(200, workload(currentRevision="r1", updateRevision="r2")))
    server.has(revisions, *(controller_revision(name) for name in ("r0", "r1", "r2")))
    server.gives("DELETE", f"{revisions}/r0", Answer(200))
    left = delete_revisions(api, STATEFULSET, BAD)
    assert [text.partition(":")[0] for text in left] == ["controllerrevision/r1", "controllerrevision/r2"]
    assert [request.path for request in server.asked("DELETE")] == [f"{revisions}/r0"]


def test_only_stuck_pods_of_the_image_are_deleted(api: Api, server: FakeApiServer) -> None:
    pods = "/api/v1/namespaces/demo/pods"
    leaving = pod("app-3", "uid-app", BAD, ready=False)
    leaving["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    server.has(
        pods,
        pod("app-0", "uid-app", ready=False),
        pod("app-1", "uid-app", BAD, ready=False),
        pod("app-2", "uid-app", BAD, ready=True),
        leaving,
        pod("stranger", "uid-other", BAD, ready=False),
    )
    server.gives("DELETE", f"{pods}/app-1", Answer(200))
    assert delete_stuck_pods(api, STATEFULSET, BAD) == ("app-1",)
    assert delete_stuck_pods(api, DEPLOYMENT, BAD) == ()
    assert len(server.asked("DELETE")) == 1
