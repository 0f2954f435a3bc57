from __future__ import annotations

from dataclasses import replace

import pytest

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.patching import patch_beside, patch_container
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError
from flowdrill.errors import ClusterError
from flowdrill.model.access import Subject
from tests.fakes.fake_api_server import Answer, FakeApiServer
from tests.unit.kubernetes.objects import DEPLOYMENT

PATH = "/apis/apps/v1/namespaces/demo/deployments/app"


def patch(api: Api, cause: str | None = "why", subject: Subject | None = None, dry_run: bool = False) -> None:
    patch_container(api.acting_as(subject), DEPLOYMENT, "img@sha256:1", cause, fields={}, dry_run=dry_run)


def test_the_patch_changes_one_image_and_the_cause_and_nothing_else(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(200))
    patch(api)
    (request,) = server.asked("PATCH")
    assert request.body == {
        "metadata": {"annotations": {"kubernetes.io/change-cause": "why"}},
        "spec": {"template": {"spec": {"containers": [{"name": "flow", "image": "img@sha256:1"}]}}},
    }
    assert request.query == {"fieldManager": "flowdrill"}
    assert request.headers["Content-Type"] == "application/strategic-merge-patch+json"
    assert "Impersonate-User" not in request.headers


def test_no_cause_takes_the_annotation_away(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(200))
    patch(api, cause=None)
    assert server.requests[0].body is not None
    assert server.requests[0].body["metadata"] == {"annotations": {"kubernetes.io/change-cause": None}}


def test_a_dry_run_as_somebody_else_says_both(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(200))
    patch(api, subject=Subject("system:serviceaccount:ops:brake"), dry_run=True)
    (request,) = server.requests
    assert request.query["dryRun"] == "All"
    assert request.headers["Impersonate-User"] == "system:serviceaccount:ops:brake"


def test_a_patch_is_sent_again_while_the_server_is_busy_restarting_or_gone(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(0), Answer(503), Answer(429), Answer(500), Answer(200))
    patch(api)
    assert len(server.asked("PATCH")) == 5


def test_a_refusal_is_not_asked_again(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(422, {"message": "image: Required value"}))
    with pytest.raises(AnswerError, match="image: Required value"):
        patch(api)
    assert len(server.asked("PATCH")) == 1


def test_patience_ends_with_the_last_answer(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(503, {"message": "shutting down"}))
    with pytest.raises(AnswerError, match="answered 503: shutting down"):
        patch(replace(api, patience_seconds=0.25))
    assert len(server.asked("PATCH")) == 2


def test_a_server_that_is_gone_is_said(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(0))
    with pytest.raises(UnreachableError, match=f"{server.address} cannot be reached"):
        patch(replace(api, patience_seconds=0.0))


def test_an_answer_that_is_no_kubernetes_object_is_said(api: Api, server: FakeApiServer) -> None:
    server.gives("PATCH", PATH, Answer(200, "<html>a login page</html>"))
    with pytest.raises(ClusterError, match="no Kubernetes object"):
        patch(api)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("configmap/flows", "/api/v1/namespaces/demo/configmaps/flows"),
        ("deployment/provider", "/apis/apps/v1/namespaces/demo/deployments/provider"),
        ("statefulset/provider", "/apis/apps/v1/namespaces/demo/statefulsets/provider"),
    ],
)
def test_another_object_is_patched_where_its_kind_lives(api: Api, server: FakeApiServer, name: str, path: str) -> None:
    server.gives("PATCH", path, Answer(200))
    patch_beside(api, DEPLOYMENT, name, {"data": {"key": "text"}}, dry_run=True)
    (request,) = server.asked("PATCH")
    assert request.body == {"data": {"key": "text"}}
    assert request.query == {"fieldManager": "flowdrill", "dryRun": "All"}
