"""The Job that guards a run from within the cluster."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.guard_job import WATCHES, KubernetesGuardJob
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.guard_plan import InClusterGuard
from flowdrill.model.undo import Undo, undo_digest
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import workload

RUN = "20260101T000000Z-edge-missing-abc123"
UNDO = Undo(RUN, "deployment/app", "demo", "flow", "img:1", None, host="me", guard_job="flowdrill-guard-deployment-app")
TARGET = Target(namespace="demo", workload="deployment/app", container="flow")
PLAN = InClusterGuard(image="registry.test/flowdrill:0.1")
CORE = "/api/v1/namespaces/demo"
JOBS = "/apis/batch/v1/namespaces/demo/jobs"
ONE = f"{JOBS}/flowdrill-guard-deployment-app"
ACCOUNT = f"{CORE}/serviceaccounts/flowdrill-guard"


def made(run_id: str = RUN) -> dict[str, Any]:
    return {"metadata": {"name": UNDO.guard_job, "uid": "job-uid", "annotations": {"flowdrill.dev/run": run_id}}}


def pod(phase: str = "Running", owner: str = "job-uid", **status: Any) -> dict[str, Any]:
    meta = {"name": "guard-abcde", "uid": "p", "ownerReferences": [{"uid": owner}]}
    meta["annotations"] = {"flowdrill.dev/run": RUN}  # type: ignore[assignment]
    return {"metadata": meta, "status": {"phase": phase, **status}}


@pytest.fixture
def job(api: Api, server: FakeApiServer) -> KubernetesGuardJob:
    server.gives("GET", ACCOUNT, Answer(200))
    server.gives("GET", "/apis/apps/v1/namespaces/demo/deployments/app", Answer(200, workload()))
    server.gives("POST", JOBS, Answer(201))
    server.gives("POST", f"{CORE}/pods", Answer(201))
    return KubernetesGuardJob(api, TARGET, PLAN, RegistryAccess(plain_http=True))


def posted(server: FakeApiServer, path: str) -> dict[str, Any]:
    (found,) = [one for one in server.asked("POST") if one.path == path]
    assert found.body is not None
    return found.body


def test_its_pod_meets_the_restricted_standard_and_is_told_whose_undo_to_believe(
    job: KubernetesGuardJob, server: FakeApiServer
) -> None:
    found = workload()
    found["spec"]["template"]["spec"] |= {
        "imagePullSecrets": [{"name": "pull"}],
        "securityContext": {"runAsUser": 1000, "fsGroup": 5},
        "tolerations": [{"operator": "Exists"}],
    }
    server.gives("GET", "/apis/apps/v1/namespaces/demo/deployments/app", Answer(200, found))
    job.create(UNDO)
    body = posted(server, JOBS)
    spec = body["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["securityContext"] == {
        "runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}, "runAsUser": 1000,
    }  # fmt: skip
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "readOnlyRootFilesystem": True,
    }  # fmt: skip
    assert spec["imagePullSecrets"] == [{"name": "pull"}]
    assert (spec["serviceAccountName"], spec["restartPolicy"]) == ("flowdrill-guard", "Never")
    assert "tolerations" not in spec
    assert body["spec"]["activeDeadlineSeconds"] == 24 * 3600
    told = " ".join(container["args"])
    assert f"--run {RUN} --undo-digest {undo_digest(UNDO)} --plain-http" in told
    assert body["metadata"]["labels"]["flowdrill.dev/run"] == RUN


def test_a_pod_that_runs_as_root_leaves_the_user_to_the_image(job: KubernetesGuardJob, server: FakeApiServer) -> None:
    found = workload()
    found["spec"]["template"]["spec"]["securityContext"] = {"runAsUser": 0}
    server.gives("GET", "/apis/apps/v1/namespaces/demo/deployments/app", Answer(200, found))
    job.create(UNDO)
    assert "runAsUser" not in posted(server, JOBS)["spec"]["template"]["spec"]["securityContext"]


def test_trying_it_keeps_nothing_and_looks_at_its_pod_too(job: KubernetesGuardJob, server: FakeApiServer) -> None:
    job.try_out(RUN)
    asked = server.asked("POST")
    assert [one.path for one in asked] == [JOBS, f"{CORE}/pods"]
    assert all(one.query["dryRun"] == "All" for one in asked)
    server.gives("POST", f"{CORE}/pods", Answer(403, {"message": "exceeded quota: full"}))
    with pytest.raises(ClusterError, match="exceeded quota"):
        job.try_out(RUN)


def test_who_may_not_try_pods_or_read_accounts_is_not_kept_from_a_drill(
    job: KubernetesGuardJob, server: FakeApiServer
) -> None:
    denied = 'User "me" cannot {} resource "{}" in API group "" in the namespace "demo"'
    server.gives("POST", f"{CORE}/pods", Answer(403, {"message": denied.format("create", "pods")}))
    server.gives("GET", ACCOUNT, Answer(403, {"message": denied.format("get", "serviceaccounts")}))
    job.try_out(RUN)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ({("GET", ACCOUNT): 404}, "namespace demo has no service account flowdrill-guard"),
        ({("POST", JOBS): 404}, "this cluster has no Jobs"),
        ({("POST", JOBS): 409}, "is there already: a drill that has died has left it behind"),
    ],
)
def test_what_keeps_it_from_being_made_is_said_before_anything_is_broken(
    job: KubernetesGuardJob, server: FakeApiServer, answers: dict[tuple[str, str], int], said: str
) -> None:
    for (method, path), status in answers.items():
        server.gives(method, path, Answer(status))
    with pytest.raises(ClusterError, match=said):
        job.try_out(RUN)


def test_a_lost_answer_is_looked_up_and_somebody_elses_job_is_not_taken_for_its_own(
    job: KubernetesGuardJob, server: FakeApiServer
) -> None:
    server.gives("POST", JOBS, Answer(0))
    server.gives("GET", ONE, Answer(200, made()))
    job.create(UNDO)
    server.gives("POST", JOBS, Answer(409))
    job.create(UNDO)
    server.gives("GET", ONE, Answer(200, made("another")))
    with pytest.raises(ClusterError, match="is there already"):
        job.create(UNDO)
    server.gives("POST", JOBS, Answer(422, {"message": "no"}))
    with pytest.raises(AnswerError):
        job.create(UNDO)


def test_it_is_ready_once_its_log_says_so(job: KubernetesGuardJob, server: FakeApiServer) -> None:
    assert job.unready() == "job/flowdrill-guard-deployment-app is gone"
    server.gives("GET", ONE, Answer(200, made()))
    waits = {"containerStatuses": [{"state": {"waiting": {"reason": "ErrImagePull", "message": "no \x1b[31mimage"}}}]}
    server.has(f"{CORE}/pods", pod("Pending", **waits), pod(owner="another"))
    assert job.unready() == "job/flowdrill-guard-deployment-app does not watch yet (ErrImagePull: no  [31mimage)"
    server.has(f"{CORE}/pods", pod())
    log = f"{CORE}/pods/guard-abcde/log"
    server.gives("GET", log, Answer(200, "cannot reach it\n"))
    assert str(job.unready()).endswith("does not watch yet: cannot reach it")
    server.gives("GET", log, Answer(200, f"{WATCHES} {RUN}\nand more\n"))
    assert job.unready() is None


def test_a_log_that_may_not_be_read_is_said(job: KubernetesGuardJob, server: FakeApiServer) -> None:
    server.gives("GET", ONE, Answer(200, made()))
    server.has(f"{CORE}/pods", pod())
    said = 'User "me" cannot get resource "pods/log" in API group "" in the namespace "demo"'
    server.gives("GET", f"{CORE}/pods/guard-abcde/log", Answer(403, {"message": said}))
    with pytest.raises(ForbiddenError):
        job.unready()


def test_only_its_own_is_deleted_and_its_pods_are_waited_for(job: KubernetesGuardJob, server: FakeApiServer) -> None:
    server.has(f"{CORE}/pods")
    assert job.remove(RUN) is None
    server.gives("GET", ONE, Answer(200, made("another")))
    assert job.remove(RUN) is None
    assert server.asked("DELETE") == []
    server.gives("GET", ONE, Answer(200, made()))
    server.gives("DELETE", ONE, Answer(409))
    assert job.remove(RUN) == "job/flowdrill-guard-deployment-app is still there"
    (deleted,) = server.asked("DELETE")
    assert deleted.body is not None
    assert deleted.body["preconditions"] == {"uid": "job-uid"}
    assert deleted.body["propagationPolicy"] == "Background"
    server.gives("GET", ONE, Answer(404))
    server.has(f"{CORE}/pods", pod())
    assert job.remove(RUN) == "1 pods of job/flowdrill-guard-deployment-app still end"


def test_every_workload_has_a_name_for_its_job_that_fits_and_is_its_own() -> None:
    long = ["a" * 60, "a" * 61, "a.b", "a-b"]
    names = {guard_job_name(Target(namespace="demo", workload=f"{kind}/{name}")) for name in long
             for kind in ("deployment", "statefulset")}  # fmt: skip
    assert len(names) == 8
    assert all(len(name) <= 63 and "." not in name for name in names)
