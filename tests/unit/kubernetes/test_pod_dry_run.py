from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.pod_dry_run import try_pod
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.edges.kubernetes.target import FoundTarget
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT, STATEFULSET, workload

PODS = "/api/v1/namespaces/demo/pods"
QUOTA = 'pods "app-x" is forbidden: exceeded quota: few, requested: pods=1, used: pods=2, limited: pods=2'


def tried(api: Api, server: FakeApiServer, answer: Answer, target: FoundTarget = DEPLOYMENT, **spec: Any) -> str | None:
    seen = workload()
    seen["spec"].update(spec)
    seen["spec"]["template"]["metadata"] = {"labels": {"app": "app"}, "annotations": {"team": "flows"}}
    server.gives("GET", target.path, Answer(200, seen))
    server.gives("POST", PODS, answer)
    return try_pod(api, target, "stable@sha256:1", {"env": [{"name": "A", "value": "b"}], "readinessProbe": None})


def test_the_pod_is_the_templates_with_the_image_and_is_never_kept(api: Api, server: FakeApiServer) -> None:
    assert tried(api, server, Answer(201)) is None
    (request,) = server.asked("POST")
    assert request.query["dryRun"] == "All"
    assert request.body is not None
    assert request.body["metadata"] == {
        "labels": {"app": "app"}, "annotations": {"team": "flows"}, "generateName": "app-", "namespace": "demo"
    }  # fmt: skip
    assert request.body["spec"]["containers"] == [
        {"name": "proxy", "image": "proxy:1"},
        {"name": "flow", "image": "stable@sha256:1", "env": [{"name": "A", "value": "b"}]},
    ]


def test_a_pod_of_a_statefulset_has_the_volumes_of_its_claims(api: Api, server: FakeApiServer) -> None:
    claims = [{"metadata": {"name": "data"}}]
    assert tried(api, server, Answer(201), STATEFULSET, volumeClaimTemplates=claims) is None
    body = server.asked("POST")[0].body
    assert body is not None
    assert body["spec"]["volumes"] == [{"name": "data", "persistentVolumeClaim": {"claimName": "data-app-0"}}]


def test_a_quota_that_leaves_no_room_for_the_rollouts_first_pod_refuses(api: Api, server: FakeApiServer) -> None:
    with pytest.raises(AnswerError, match="exceeded quota: few"):
        tried(api, server, Answer(403, {"message": QUOTA}))


@pytest.mark.parametrize(
    ("target", "strategy"),
    [
        (STATEFULSET, {}),
        (DEPLOYMENT, {"type": "Recreate"}),
        (DEPLOYMENT, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}}),
        (DEPLOYMENT, {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}),
    ],
)
def test_a_full_quota_is_no_refusal_where_a_pod_may_go_before_one_comes(
    api: Api, server: FakeApiServer, target: FoundTarget, strategy: dict[str, Any]
) -> None:
    said = tried(api, server, Answer(403, {"message": QUOTA}), target, strategy=strategy)
    assert said is not None
    assert "exceeded quota: few" in said
    assert "may take a pod away first" in said


@pytest.mark.parametrize(
    "answer",
    [
        Answer(403, {"message": 'pods is forbidden: User "me" cannot create resource "pods" in API group ""'}),
        Answer(400, {"message": 'admission webhook "w" does not support dry run'}),
    ],
)
def test_what_cannot_be_tried_is_said_and_refuses_nothing(api: Api, server: FakeApiServer, answer: Answer) -> None:
    assert tried(api, server, answer)


def test_a_webhook_that_denies_the_pod_refuses(api: Api, server: FakeApiServer) -> None:
    with pytest.raises(AnswerError, match="denied the request: no digests"):
        tried(api, server, Answer(403, {"message": 'admission webhook "w" denied the request: no digests'}))
