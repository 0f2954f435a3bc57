from __future__ import annotations

import json

import pytest

from flowdrill.edges.kubernetes.refusals import AnswerError, BusyError, printable, refusal
from flowdrill.errors import ClusterAwayError, ClusterError, ForbiddenError
from flowdrill.model.access import Subject


def refused(status: int, message: str, as_user: str | None = None) -> ClusterError:
    body = json.dumps({"kind": "Status", "message": message}).encode()
    return refusal(status, body, "PATCH /x", None if as_user is None else Subject(as_user))


def test_a_missing_permission_names_identity_verb_and_resource_and_the_rule_to_give() -> None:
    error = refused(
        403,
        'deployments.apps "app" is forbidden: User "system:serviceaccount:ops:brake" cannot patch resource '
        '"deployments" in API group "apps" in the namespace "demo"',
    )
    assert isinstance(error, ForbiddenError)
    assert "system:serviceaccount:ops:brake must not patch deployments.apps in namespace demo" in error.problem
    assert "the service account brake of namespace ops a Role in namespace demo" in error.remedy
    assert "{apiGroups: ['apps'], resources: [deployments], verbs: [patch]}" in error.remedy


def test_a_permission_that_no_namespace_has_needs_a_cluster_role() -> None:
    error = refused(403, 'User "ann" cannot list resource "nodes" in API group "" at the cluster scope')
    assert "the user ann a ClusterRole" in error.remedy


def test_it_is_said_when_acting_as_somebody_else_is_what_was_refused() -> None:
    error = refused(
        403, 'users "bob" is forbidden: User "ann" cannot impersonate resource "users" in API group ""', "bob"
    )
    assert isinstance(error, ForbiddenError)
    assert "ann must not act as bob" in error.problem
    assert "rollback.as" in error.remedy


def test_a_quota_or_a_webhook_is_no_missing_permission() -> None:
    error = refused(403, 'admission webhook "policy" denied the request: no digests')
    assert not isinstance(error, ForbiddenError)
    assert "denied the request: no digests" in error.problem


def test_an_unknown_identity_is_told_to_log_in() -> None:
    assert "renew the login" in refused(401, "Unauthorized").remedy


def test_an_answer_that_is_no_status_is_shown_as_it_is() -> None:
    error = refusal(502, b"<html>bad gateway</html>", "GET /x", None)
    assert isinstance(error, AnswerError)
    assert error.status == 502
    assert "<html>bad gateway</html>" in error.problem


def test_control_and_direction_characters_never_reach_the_terminal() -> None:
    assert printable("a\x1b[2Jb\nc\u202ed") == "a [2Jb c d"
    assert "\x1b" not in refused(500, "x\x1b]0;owned\x07").problem
    assert len(printable("x" * 10_000)) < 700


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_server_that_is_too_busy_has_said_neither_yes_nor_no(status: int) -> None:
    error = refused(status, "slow down")
    assert isinstance(error, BusyError)
    assert isinstance(error, ClusterAwayError)
    assert error.status == status


@pytest.mark.parametrize("status", [400, 403, 409, 422, 500])
def test_a_refusal_and_a_webhook_that_failed_are_answers(status: int) -> None:
    assert not isinstance(refused(status, "failed calling webhook"), ClusterAwayError)


def test_half_a_surrogate_pair_gets_into_no_event() -> None:
    assert printable("a\ud800b\udfff") == "a b"
