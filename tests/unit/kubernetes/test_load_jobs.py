"""The Jobs that send a load from the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.load_jobs import KubernetesLoadJobs
from flowdrill.edges.kubernetes.load_manifest import PodLoad
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import Target
from flowdrill.model.load_job import MASTER, WORKER, longest_seconds, master_job_name, worker_job_name
from flowdrill.model.load_pods_plan import ApiKeySecret, InClusterLoad
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import workload

RUN = "20260101T000000Z-edge-missing-abc123"
TARGET = Target(namespace="demo", workload="deployment/app", container="flow")
PLAN = InClusterLoad(image="registry.test/flowdrill:0.1", api_key=ApiKeySecret(secret="keys", key="api"))
LOAD = PodLoad(3, '{"url": "http://app"}', "API_KEY", 15, 600)
CORE, JOBS = "/api/v1/namespaces/demo", "/apis/batch/v1/namespaces/demo/jobs"
POLICIES = "/apis/networking.k8s.io/v1/namespaces/demo/networkpolicies"
ONE, OTHERS = f"{JOBS}/{master_job_name(TARGET)}", f"{JOBS}/{worker_job_name(TARGET)}"
POLICY = f"{POLICIES}/{master_job_name(TARGET)}"


def made(name: str, run_id: str = RUN) -> Answer:
    return Answer(200, {"metadata": {"name": name, "uid": f"uid-{name}", "annotations": {"flowdrill.dev/run": run_id}}})


def pod(name: str, phase: str = "Running", run_id: str = RUN, **status: Any) -> dict[str, Any]:
    meta = {"name": name, "uid": name, "annotations": {"flowdrill.dev/run": run_id}}
    return {"metadata": meta, "status": {"phase": phase, **status}}


@pytest.fixture
def jobs(api: Api, server: FakeApiServer) -> KubernetesLoadJobs:
    server.gives("GET", "/apis/apps/v1/namespaces/demo/deployments/app", Answer(200, workload()))
    server.gives("POST", JOBS, Answer(201, {"metadata": {"name": master_job_name(TARGET), "uid": "owner"}}))
    server.gives("POST", POLICIES, Answer(201))
    server.gives("POST", f"{CORE}/pods", Answer(201))
    return KubernetesLoadJobs(api, TARGET, PLAN, LOAD)


def posted(server: FakeApiServer, path: str) -> list[dict[str, Any]]:
    return [one.body for one in server.asked("POST") if one.path == path and one.body is not None]


def test_the_masters_job_owns_all_else_and_nobody_but_its_workers_reaches_it(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    jobs.start_master(RUN)
    server.gives("GET", ONE, made(master_job_name(TARGET)))
    jobs.start_workers(RUN, "10.0.0.7")
    (master, workers), (policy,) = posted(server, JOBS), posted(server, POLICIES)
    assert (master["spec"]["parallelism"], master["spec"]["backoffLimit"]) == (1, 0)
    assert (workers["spec"]["parallelism"], workers["spec"]["completions"]) == (3, 3)
    for one in (workers, policy):
        (owner,) = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"]) == ("Job", master_job_name(TARGET))
    (rule,) = policy["spec"]["ingress"]
    assert rule["ports"] == [{"protocol": "TCP", "port": 5557}]
    labels = workers["spec"]["template"]["metadata"]["labels"]
    assert rule["from"][0]["podSelector"]["matchLabels"].items() <= labels.items()
    assert (
        policy["spec"]["podSelector"]["matchLabels"].items() <= master["spec"]["template"]["metadata"]["labels"].items()
    )
    assert "10.0.0.7" in workers["spec"]["template"]["spec"]["containers"][0]["args"]


def test_its_pods_meet_the_restricted_standard_and_end_by_themselves(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    jobs.try_out(RUN)
    for job in posted(server, JOBS):
        spec = job["spec"]["template"]["spec"]
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["automountServiceAccountToken"] is False
        ((apart,),) = spec["affinity"]["podAntiAffinity"].values()
        assert apart["podAffinityTerm"]["labelSelector"] == {"matchLabels": {"app": "app"}}
        assert "serviceAccountName" not in spec
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert job["spec"]["activeDeadlineSeconds"] == longest_seconds(600) == 1200
        assert set(container["resources"]) == {"requests", "limits"}


def test_the_api_key_is_in_no_object_and_with_the_workers_alone(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    jobs.try_out(RUN)
    master, workers = (
        {one["name"]: one for one in job["spec"]["template"]["spec"]["containers"][0]["env"]}
        for job in posted(server, JOBS)
    )
    assert workers["API_KEY"]["valueFrom"] == {"secretKeyRef": {"name": "keys", "key": "api"}}
    assert "API_KEY" not in master


def test_trying_it_keeps_nothing_and_looks_at_pods_too(jobs: KubernetesLoadJobs, server: FakeApiServer) -> None:
    jobs.try_out(RUN)
    asked = server.asked("POST")
    assert [one.path for one in asked] == [POLICIES, JOBS, JOBS, f"{CORE}/pods", f"{CORE}/pods"]
    assert all(one.query["dryRun"] == "All" for one in asked)
    server.gives("POST", f"{CORE}/pods", Answer(403, {"message": "exceeded quota: full"}))
    with pytest.raises(ClusterError, match="exceeded quota"):
        jobs.try_out(RUN)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (JOBS, 404, "this cluster has no Jobs"),
        (JOBS, 409, "is there already: a drill that has died has left it behind"),
        (POLICIES, 409, "networkpolicy/flowdrill-load-deployment-app is there already"),
    ],
)
def test_what_keeps_it_from_being_made_is_said_before_anything_is_broken(
    jobs: KubernetesLoadJobs, server: FakeApiServer, path: str, status: int, said: str
) -> None:
    server.gives("POST", path, Answer(status, {"message": "no"}))
    with pytest.raises(ClusterError, match=said):
        jobs.try_out(RUN)


def test_who_may_not_try_pods_is_not_kept_from_a_drill(jobs: KubernetesLoadJobs, server: FakeApiServer) -> None:
    denied = 'User "me" cannot create resource "pods" in API group "" in the namespace "demo"'
    server.gives("POST", f"{CORE}/pods", Answer(403, {"message": denied}))
    jobs.try_out(RUN)


def test_an_image_that_cannot_be_pulled_is_waited_for_no_longer(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    waits = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image nowhere/x"}}}
    server.has(f"{CORE}/pods", pod("load-1", "Pending", containerStatuses=[waits]))
    server.gives("GET", ONE, made(master_job_name(TARGET)))
    held = jobs.held_up(RUN, MASTER, 1)
    assert held is not None
    assert held.hopeless
    assert "ImagePullBackOff: Back-off pulling image nowhere/x" in held.words


def test_pods_that_no_node_has_room_for_are_waited_for_and_named(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    condition = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
    server.has(f"{CORE}/pods", pod("a"), pod("b", "Pending", conditions=[condition]), pod("c", run_id="another"))
    server.gives("GET", OTHERS, made(worker_job_name(TARGET)))
    held = jobs.held_up(RUN, WORKER, 3)
    assert held is not None
    assert not held.hopeless
    assert "1 of 3 pods run (0/1 nodes are available: 1 Insufficient cpu.)" in held.words
    assert jobs.held_up(RUN, WORKER, 1) is None


def test_what_keeps_the_job_from_making_pods_is_told_by_its_event(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    server.has(f"{CORE}/pods")
    server.gives("GET", OTHERS, made(worker_job_name(TARGET)))
    said = {"metadata": {"name": "e"}, "type": "Warning", "message": 'pods "x" is forbidden: exceeded quota: compute'}
    server.has(f"{CORE}/events", said)
    held = jobs.held_up(RUN, WORKER, 3)
    assert held is not None
    assert "exceeded quota: compute" in held.words


def test_a_master_that_has_ended_says_how(jobs: KubernetesLoadJobs, server: FakeApiServer) -> None:
    ended = {"state": {"terminated": {"reason": "OOMKilled", "exitCode": 137}}}
    server.has(f"{CORE}/pods", pod("load-1", "Failed", containerStatuses=[ended]))
    server.gives("GET", f"{CORE}/pods/load-1/log", Answer(200, "one\nthe last line\n"))
    assert jobs.master_gone(RUN) == "pod/load-1 has ended (OOMKilled, exit code 137, the last line)"
    server.has(f"{CORE}/pods")
    assert "is gone" in str(jobs.master_gone(RUN))


def test_another_pod_in_the_masters_place_is_not_the_master(jobs: KubernetesLoadJobs, server: FakeApiServer) -> None:
    server.has(f"{CORE}/pods", pod("load-1", podIP="10.0.0.7"))
    assert jobs.master_address(RUN) == "10.0.0.7"
    assert jobs.master_gone(RUN) is None
    server.has(f"{CORE}/pods", pod("load-2", podIP="10.0.0.8"))
    assert "is gone" in str(jobs.master_gone(RUN))
    with pytest.raises(ClusterError, match="is gone"):
        jobs.connect(RUN)


def test_only_what_the_run_has_made_is_deleted(jobs: KubernetesLoadJobs, server: FakeApiServer) -> None:
    server.gives("GET", ONE, made(master_job_name(TARGET), "another-run"))
    server.has(f"{CORE}/pods")
    assert jobs.remove(RUN) is None
    assert server.asked("DELETE") == []
    for path, name in ((ONE, master_job_name(TARGET)), (OTHERS, worker_job_name(TARGET)), (POLICY, "policy")):
        server.gives("GET", path, made(name), Answer(404))
        server.gives("DELETE", path, Answer(200))
    server.has(f"{CORE}/pods", pod("load-1"))
    assert jobs.remove(RUN) == "job/flowdrill-load-deployment-app is still there"
    assert [one.path for one in server.asked("DELETE")] == [OTHERS, ONE, POLICY]
    assert "still end" in str(jobs.remove(RUN))
    server.has(f"{CORE}/pods")
    assert jobs.remove(RUN) is None


def test_a_lost_answer_is_looked_up_and_somebody_elses_job_is_not_taken(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    server.gives("POST", JOBS, Answer(0))
    server.gives("GET", ONE, made(master_job_name(TARGET)))
    jobs.start_master(RUN)
    server.gives("GET", ONE, made(master_job_name(TARGET), "another-run"))
    with pytest.raises(ClusterError, match="cannot be reached"):
        jobs.start_master(RUN)


def test_who_may_not_forward_a_port_is_told_which_verb_is_missing(
    jobs: KubernetesLoadJobs, server: FakeApiServer
) -> None:
    server.has(f"{CORE}/pods", pod("load-1"))
    denied = 'User "me" cannot get resource "pods/portforward" in API group "" in the namespace "demo"'
    server.gives("GET", f"{CORE}/pods/load-1/portforward", Answer(403, {"message": denied}))
    with pytest.raises(ForbiddenError, match="must not get pods/portforward in namespace demo"):
        jobs.connect(RUN)
    server.gives("GET", f"{CORE}/pods/load-1/portforward", Answer(500, {"message": "unable to upgrade"}))
    with pytest.raises(AnswerError, match="unable to upgrade"):
        jobs.connect(RUN)
