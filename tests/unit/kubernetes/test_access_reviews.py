from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdrill.edges.kubernetes.access_reviews import answers_about, own_answers
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.refusals import UnreachableError
from flowdrill.edges.kubernetes.responder import Responder, responder_problem
from flowdrill.errors import ClusterError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Subject
from tests.fakes.fake_api_server import Answer, FakeApiServer

SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LOCAL = "/apis/authorization.k8s.io/v1/namespaces/demo/localsubjectaccessreviews"
ACCOUNTS = "/api/v1/namespaces/ops/serviceaccounts"
BRAKE = Subject("system:serviceaccount:ops:brake")
PATCH = AccessQuestion("patch", "apps", "deployments", "", "demo", "app")
LOGS = AccessQuestion("get", "", "pods", "log", "demo")


def problem(api: Api, subject: Subject | None) -> str | None:
    return responder_problem(api, Responder(api, subject=subject))


def asked(api: Api, server: FakeApiServer, **status: Any) -> AccessAnswer:
    server.gives("POST", SELF, Answer(201, {"status": status}))
    (answer,) = own_answers(api, [PATCH])
    return answer


def test_a_question_is_asked_as_whoever_it_is_about(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", SELF, Answer(201, {"status": {"allowed": True}}))
    answers = own_answers(api.acting_as(Subject("ann", ("sre",))), [PATCH, LOGS])
    assert [(answer.question, answer.allowed) for answer in answers] == [(PATCH, True), (LOGS, True)]
    bodies = [request.body["spec"]["resourceAttributes"] for request in server.requests if request.body]
    assert sorted(bodies, key=str) == [
        {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "demo"},
        {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "demo", "name": "app"},
    ]
    assert {(one.headers["Impersonate-User"], *one.groups) for one in server.requests} == {("ann", "sre")}


def test_what_grants_it_is_said_without_control_characters_and_not_at_any_length(
    api: Api, server: FakeApiServer
) -> None:
    why = 'RBAC: allowed by RoleBinding "r/demo" of Role "r" to User "ann"'
    assert asked(api, server, allowed=True, reason=why).granted_by == ('RoleBinding "r/demo" of Role "r" to User "ann"')
    assert asked(api, server, allowed=True, reason="a\x1b[2J\n" + 5000 * "x").granted_by.startswith("a [2J x")
    assert len(asked(api, server, allowed=True, reason=5000 * "x").granted_by) < 310


@pytest.mark.parametrize(
    ("status", "allowed", "why"),
    [
        ({"allowed": False, "reason": 'RBAC: role "x" not found'}, False, 'RBAC: role "x" not found'),
        ({"allowed": False, "denied": True, "evaluationError": "x"}, False, ""),
        ({"allowed": False, "evaluationError": "webhook timed out"}, None, "webhook timed out"),
        ({"allowed": True, "evaluationError": "webhook timed out"}, True, ""),
        ({"allowed": "yes"}, None, "the API server's answer does not say"),
        ({}, None, "the API server's answer does not say"),
    ],
)
def test_only_a_clear_answer_is_one(
    api: Api, server: FakeApiServer, status: dict[str, Any], allowed: bool | None, why: str
) -> None:
    answer = asked(api, server, **status)
    assert (answer.allowed, answer.granted_by) == (allowed, why)


@pytest.mark.parametrize("status", [[], "allowed", None])
def test_an_answer_of_another_shape_is_no_answer(api: Api, server: FakeApiServer, status: Any) -> None:
    server.gives("POST", SELF, Answer(201, {"status": status}))
    assert own_answers(api, [PATCH])[0].allowed is None


def test_a_review_that_is_refused_leaves_the_answer_open(api: Api, server: FakeApiServer) -> None:
    message = 'users "ann" is forbidden: User "me" cannot impersonate resource "users" in API group ""'
    server.gives("POST", SELF, Answer(403, {"message": message}))
    (answer,) = own_answers(api.acting_as(Subject("ann")), [PATCH])
    assert answer.allowed is None
    assert "me must not act as ann" in answer.granted_by


def test_an_api_server_that_is_gone_is_no_answer_about_permissions(api: Api, server: FakeApiServer) -> None:
    server.gives("POST", SELF, Answer(0))
    with pytest.raises(UnreachableError):
        own_answers(replace(api, patience_seconds=0.0), [PATCH] * 40)
    assert len(server.requests) < 40


@pytest.mark.parametrize(
    ("subject", "identity"),
    [
        ("ann", {"user": "ann", "groups": ["system:authenticated"]}),
        ("group:sre", {"groups": ["sre", "system:authenticated"]}),
        ("system:anonymous", {"user": "system:anonymous", "groups": ["system:unauthenticated"]}),
        ("group:system:unauthenticated", {"groups": ["system:unauthenticated"]}),
        (
            BRAKE.user,
            {
                "user": BRAKE.user,
                "groups": ["system:serviceaccounts", "system:serviceaccounts:ops", "system:authenticated"],
            },
        ),
    ],
)
def test_others_are_asked_about_with_the_groups_that_their_requests_would_have(
    api: Api, server: FakeApiServer, subject: str, identity: dict[str, Any]
) -> None:
    server.gives("POST", LOCAL, Answer(201, {"status": {"allowed": True}}))
    ((who, answer),) = answers_about(api, "demo", [subject], PATCH)
    assert (who, answer.allowed) == (subject, True)
    body = server.requests[0].body
    assert body is not None
    assert body["metadata"] == {"namespace": "demo"}
    assert {key: value for key, value in body["spec"].items() if key != "resourceAttributes"} == identity


def test_an_account_that_is_there_is_no_problem_and_neither_is_a_user_or_nobody(
    api: Api, server: FakeApiServer
) -> None:
    server.gives("GET", f"{ACCOUNTS}/brake", Answer(200, {"metadata": {"name": "brake"}}))
    assert problem(api, BRAKE) is problem(api, Subject("ann")) is problem(api, None) is None


def test_an_account_that_is_not_there_is_said_with_those_that_are(api: Api, server: FakeApiServer) -> None:
    server.gives("GET", f"{ACCOUNTS}/brake", Answer(404, {"message": 'serviceaccounts "brake" not found'}))
    with pytest.raises(ClusterError, match=r"namespace ops has no service account brake\n"):
        problem(api, BRAKE)
    server.has(ACCOUNTS, {"metadata": {"name": "default"}})
    with pytest.raises(ClusterError, match="brake; it has: default"):
        problem(api, BRAKE)
    server.has(ACCOUNTS, {"metadata": {"name": "default"}}, {"metadata": {"name": "brakes"}})
    with pytest.raises(ClusterError, match=r"brake; did you mean brakes\?") as missing:
        problem(api, BRAKE)
    assert "`kubectl -n ops create serviceaccount brake`" in missing.value.remedy


def test_an_account_that_may_not_be_looked_up_is_told_by_its_permissions(api: Api, server: FakeApiServer) -> None:
    message = 'serviceaccounts "brake" is forbidden: User "me" cannot get resource "serviceaccounts" in API group ""'
    server.gives("GET", f"{ACCOUNTS}/brake", Answer(403, {"message": message}))
    assert problem(api, BRAKE) is None
