"""What the API server's authorizers are asked, and what becomes of their answers. No answer is never a yes or a no."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.edges.kubernetes.access_reviews import answers_about, answers_of
from flowdrill.edges.kubernetes.api import Api
from flowdrill.model.access import AccessAnswer, AccessQuestion, Subject
from tests.fakes.fake_api_server import Answer, FakeApiServer

SELF = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
LOCAL = "/apis/authorization.k8s.io/v1/namespaces/demo/localsubjectaccessreviews"
PATCH = AccessQuestion("patch", "apps", "deployments", namespace="demo", name="app", needed_for="to roll back")
LOGS = AccessQuestion("get", "", "pods", "log", "demo")


def says(server: FakeApiServer, **status: Any) -> None:
    server.gives("POST", SELF, Answer(201, {"kind": "SelfSubjectAccessReview", "status": status}))


def one_answer(api: Api) -> AccessAnswer:
    (answer,) = answers_of(api, (PATCH,))
    return answer


def test_a_yes_names_the_binding_that_grants_it(server: FakeApiServer, api: Api) -> None:
    says(server, allowed=True, reason='RBAC: allowed by RoleBinding "on-call/demo" of Role "on-call"')
    assert one_answer(api) == AccessAnswer(PATCH, True, 'RoleBinding "on-call/demo" of Role "on-call"')
    (asked,) = server.asked("POST")
    assert asked.body is not None
    wanted = {"verb": "patch", "group": "apps", "resource": "deployments", "namespace": "demo", "name": "app"}
    assert asked.body["spec"] == {"resourceAttributes": wanted}


def test_questions_are_answered_in_their_order(server: FakeApiServer, api: Api) -> None:
    says(server, allowed=False)
    answers = answers_of(api, (PATCH, LOGS) * 20)
    assert [one.question for one in answers] == [PATCH, LOGS] * 20
    specs = [request.body["spec"]["resourceAttributes"] for request in server.asked("POST") if request.body]
    assert {"verb": "get", "resource": "pods", "subresource": "log", "namespace": "demo"} in specs


@pytest.mark.parametrize(
    ("status", "allowed", "words"),
    [
        ({"allowed": False, "reason": "no"}, False, ""),
        ({"allowed": False, "denied": True}, False, ""),
        ({"allowed": False, "evaluationError": "webhook\x1b[2J: timeout"}, None, "not found out: webhook [2J: timeout"),
        ({"allowed": True, "evaluationError": "a role is gone", "reason": "allowed by x"}, True, "x"),
        ({}, None, "not found out: the API server's answer says neither yes nor no"),
        ({"allowed": "yes"}, None, "not found out: the API server's answer says neither yes nor no"),
    ],
)
def test_what_an_answer_means(
    server: FakeApiServer, api: Api, status: dict[str, Any], allowed: bool | None, words: str
) -> None:
    says(server, **status)
    assert one_answer(api) == AccessAnswer(PATCH, allowed, words)


@pytest.mark.parametrize("status", [["allowed"], "allowed", 7, None])
def test_an_answer_in_a_strange_shape_is_no_answer(server: FakeApiServer, api: Api, status: object) -> None:
    server.gives("POST", SELF, Answer(201, {"status": status}))
    assert one_answer(api).allowed is None


def test_a_review_that_is_refused_is_not_known_and_says_why(server: FakeApiServer, api: Api) -> None:
    message = (
        'users "ann" is forbidden: User "bot" cannot impersonate resource "users" in API group "" at the cluster scope'
    )
    server.gives("POST", SELF, Answer(403, {"kind": "Status", "message": message}))
    (answer,) = answers_of(api.acting_as(Subject("ann")), (PATCH,))
    assert answer.allowed is None
    assert answer.granted_by.startswith("not found out: ")
    assert "bot must not act as ann: it lacks the verb impersonate on users" in answer.granted_by


def test_a_review_is_asked_again_while_the_server_is_busy(server: FakeApiServer, api: Api) -> None:
    yes = Answer(201, {"status": {"allowed": True}})
    server.gives("POST", SELF, Answer(429, {"message": "slow down"}), Answer(0), yes)
    assert one_answer(api).allowed is True


def test_a_server_that_is_gone_leaves_every_answer_unknown(server: FakeApiServer, api: Api) -> None:
    server.stop()
    answers = answers_of(Api(api.client, api.server, patience_seconds=0.0), (PATCH, LOGS))
    assert [one.allowed for one in answers] == [None, None]


def test_every_group_of_whoever_is_impersonated_is_a_header_of_its_own(server: FakeApiServer, api: Api) -> None:
    says(server, allowed=True)
    answers_of(api.acting_as(Subject("ann", ("ops", "on call"))), (PATCH,))
    (asked,) = server.asked("POST")
    assert asked.all_headers("Impersonate-User") == ["ann"]
    assert asked.all_headers("Impersonate-Group") == ["ops", "on call"]


@pytest.mark.parametrize(
    ("subject", "about"),
    [
        ("eve", {"user": "eve", "groups": ["system:authenticated"]}),
        ("group:interns", {"groups": ["interns", "system:authenticated"]}),
        ("group:system:authenticated", {"groups": ["system:authenticated"]}),
        ("group:system:unauthenticated", {"groups": ["system:unauthenticated"]}),
        ("system:anonymous", {"user": "system:anonymous", "groups": ["system:unauthenticated"]}),
        (
            "system:serviceaccount:ci:bot",
            {
                "user": "system:serviceaccount:ci:bot",
                "groups": ["system:serviceaccounts", "system:serviceaccounts:ci", "system:authenticated"],
            },
        ),
    ],
)
def test_others_are_asked_about_with_the_groups_that_they_are_in(
    server: FakeApiServer, api: Api, subject: str, about: dict[str, Any]
) -> None:
    server.gives("POST", LOCAL, Answer(201, {"status": {"allowed": False}}))
    (answer,) = answers_about(api, "demo", (subject,), PATCH)
    assert answer.allowed is False
    (asked,) = server.asked("POST")
    assert asked.body is not None
    assert {key: value for key, value in asked.body["spec"].items() if key != "resourceAttributes"} == about
    assert asked.body["metadata"] == {"namespace": "demo"}
