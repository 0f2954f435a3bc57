"""Tokens: whose they are, until when, for whom they are meant, and that nobody else can make them."""

from __future__ import annotations

import base64
import json

import pytest

from tests.unit.cluster.api.asking import ADMIN, SHOP, Asked

SELF = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews"


@pytest.fixture
def asked() -> Asked:
    return Asked()


def test_a_token_is_its_accounts_until_it_ends(asked: Asked) -> None:
    token = asked.token_of("agent")
    assert asked.ask("POST", SELF, {}, token=token).json["status"]["userInfo"]["username"] == (
        "system:serviceaccount:shop:agent"
    )
    asked.clock.pass_seconds(3599)
    assert asked.ask("POST", SELF, {}, token=token).code == 201
    asked.clock.pass_seconds(2)
    assert asked.ask("POST", SELF, {}, token=token).code == 401


def test_a_token_does_not_outlive_its_account(asked: Asked) -> None:
    token = asked.token_of("agent")
    asked.ask("DELETE", f"{SHOP}/serviceaccounts/agent")
    assert asked.ask("POST", SELF, {}, token=token).code == 401
    asked.make(f"{SHOP}/serviceaccounts", metadata={"name": "agent"})
    assert asked.ask("POST", SELF, {}, token=token).code == 401, "another account of the same name"


@pytest.mark.parametrize("change", ["name", "header", "signature", "none"])
def test_a_token_that_was_changed_is_nobodys(asked: Asked, change: str) -> None:
    head, claims, signature = asked.token_of("agent").split(".")
    if change == "name":
        said = json.loads(base64.urlsafe_b64decode(claims + "=="))
        said["kubernetes.io"]["namespace"] = "kube-system"
        claims = base64.urlsafe_b64encode(json.dumps(said).encode()).decode().rstrip("=")
    elif change == "header":
        head = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    else:
        signature = "" if change == "none" else signature[:-2]
    assert asked.ask("POST", SELF, {}, token=f"{head}.{claims}.{signature}").code == 401


@pytest.mark.parametrize("header", ["Bearer", "Bearer x", "Bearer a.b.c", "Basic eDp5", "x", f"Token {ADMIN}", "é"])
def test_anything_else_is_unauthorized(asked: Asked, header: str) -> None:
    answer = asked.ask("GET", f"{SHOP}/pods", token=None, headers={"authorization": header})
    assert (answer.code, answer.json["reason"]) == (401, "Unauthorized")


def test_without_a_token_one_is_anonymous_and_sees_only_what_is_public(asked: Asked) -> None:
    assert asked.ask("GET", "/version", token=None).code == 200
    assert asked.ask("GET", "/readyz", token=None).body == b"ok"
    for path in (f"{SHOP}/pods", "/api", "/openapi/v2", "/api/v1/namespaces"):
        assert asked.ask("GET", path, token=None).code == 403


def test_a_token_for_somebody_else_is_none_for_this_api(asked: Asked) -> None:
    asked.make(f"{SHOP}/serviceaccounts", metadata={"name": "agent"})
    path = f"{SHOP}/serviceaccounts/agent/token"
    token = asked.ask("POST", path, {"spec": {"audiences": ["vault"]}}).json["status"]["token"]
    assert asked.ask("POST", SELF, {}, token=token).code == 401
    for audiences, known in (([], False), (["vault"], True), (["other"], False)):
        review = asked.ask("POST", REVIEWS, {"spec": {"token": token, "audiences": audiences}})
        assert review.json["status"]["authenticated"] is known


@pytest.mark.parametrize(
    "spec", [{"expirationSeconds": 599}, {"expirationSeconds": "x"}, {"expirationSeconds": 10**12}, {"audiences": 5}]
)
def test_a_token_that_cannot_be_is_refused(asked: Asked, spec: dict[str, object]) -> None:
    asked.make(f"{SHOP}/serviceaccounts", metadata={"name": "agent"})
    assert asked.ask("POST", f"{SHOP}/serviceaccounts/agent/token", {"spec": spec}).code == 400


@pytest.mark.parametrize("token", ["", "x", "..", 5, None])
def test_a_review_of_nobodys_token_says_so(asked: Asked, token: object) -> None:
    review = asked.ask("POST", REVIEWS, {"spec": {"token": token}})
    assert review.json["status"] == {"authenticated": False}


def test_a_secrets_token_is_good_while_the_secret_has_it(asked: Asked) -> None:
    account = asked.make(f"{SHOP}/serviceaccounts", metadata={"name": "agent"})
    token = asked.authenticator.lasting_token("shop", "agent", account["metadata"]["uid"], "kept")
    assert asked.ask("POST", SELF, {}, token=token).code == 401, "not before it is kept"
    asked.make(f"{SHOP}/secrets", metadata={"name": "kept"}, stringData={"token": token})
    assert asked.ask("POST", SELF, {}, token=token).code == 201
    asked.ask("DELETE", f"{SHOP}/secrets/kept")
    assert asked.ask("POST", SELF, {}, token=token).code == 401
    asked.make(f"{SHOP}/secrets", metadata={"name": "kept"}, stringData={"token": "another"})
    assert asked.ask("POST", SELF, {}, token=token).code == 401


def test_a_token_that_is_bound_to_an_object_goes_with_it(asked: Asked) -> None:
    path = f"{SHOP}/serviceaccounts/agent/token"
    asked.make(f"{SHOP}/serviceaccounts", metadata={"name": "agent"})
    held = {"kind": "Secret", "name": "held"}
    wrong = (held, {"kind": "Node", "name": "x"}, 5)
    codes = [asked.ask("POST", path, {"spec": {"boundObjectRef": reference}}).code for reference in wrong]
    asked.make(f"{SHOP}/secrets", metadata={"name": "held"})
    codes.append(asked.ask("POST", path, {"spec": {"boundObjectRef": held | {"uid": "another"}}}).code)
    assert codes == [404, 400, 400, 409]
    token = asked.ask("POST", path, {"spec": {"boundObjectRef": held}}).json["status"]["token"]
    assert asked.ask("POST", SELF, {}, token=token).code == 201
    asked.ask("DELETE", f"{SHOP}/secrets/held")
    asked.make(f"{SHOP}/secrets", metadata={"name": "held"})
    assert asked.ask("POST", SELF, {}, token=token).code == 401
