"""Admission webhooks without a network: who is asked, what becomes of the answers, and what changes meanwhile."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest

from flowdrill.cluster.api.resource_types import CONFIG_MAPS, Json
from flowdrill.cluster.api.webhook_client import CallError
from flowdrill.cluster.api.webhooks import Webhook
from tests.unit.cluster.api.asking import APPS, JSON_PATCH, MERGE, RBAC, SHOP, Answer, Asked, deployment, rule

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"


class Hook:
    """Answers reviews; `answer` gets the webhook's name and the request, and returns the response without its uid."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Json]] = []
        self.answer: Callable[[str, Json], Json] = lambda *_: {"allowed": True}

    async def ask(self, webhook: Webhook, body: bytes) -> bytes:
        await asyncio.sleep(0)
        review = json.loads(body)
        request = review["request"]
        self.asked.append((webhook.name, request))
        review["response"] = {"uid": request["uid"], **self.answer(webhook.name, request)}
        return json.dumps(review).encode()


@pytest.fixture
def hook() -> Hook:
    return Hook()


@pytest.fixture
def asked(hook: Hook) -> Asked:
    return Asked(hook)


def watch_over(asked: Asked, *names: str, kind: str = "Validating", resources: str = "*", **more: Any) -> None:
    webhooks = [
        {
            "name": f"{name}.example.org", "admissionReviewVersions": ["v1"], "sideEffects": "None",
            "clientConfig": {"url": "https://127.0.0.1/x"},
            "rules": [{"operations": ["*"], "apiGroups": ["*"], "apiVersions": ["*"], "resources": resources.split()}],
            **more,
        }
        for name in names
    ]  # fmt: skip
    path = f"{CONFIGURATIONS}/{kind.lower()}webhookconfigurations"
    asked.make(path, metadata={"name": names[0]}, webhooks=webhooks)


def patch_of(*operations: Json) -> Json:
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return {"allowed": True, "patchType": "JSONPatch", "patch": patch}


def make(asked: Asked, name: str, **content: Any) -> Answer:
    return asked.ask("POST", f"{SHOP}/configmaps", {"metadata": {"name": name}, **content})


def test_nobody_is_asked_about_the_configurations_themselves(asked: Asked, hook: Hook) -> None:
    hook.answer = lambda *_: {"allowed": False}
    watch_over(asked, "first")
    watch_over(asked, "second", kind="Mutating")
    path = f"{CONFIGURATIONS}/validatingwebhookconfigurations/first"
    assert asked.ask("DELETE", path).code == 200
    assert hook.asked == []


def test_all_that_validate_are_asked_and_the_first_denial_counts(asked: Asked, hook: Hook) -> None:
    watch_over(asked, "a", "b", "c")
    hook.answer = lambda name, _: {"allowed": name.startswith("a"), "status": {"message": name}}
    answer = make(asked, "x")
    assert answer.json["message"] == 'admission webhook "b.example.org" denied the request: b.example.org'
    assert {name for name, _ in hook.asked} == {"a.example.org", "b.example.org", "c.example.org"}


def test_what_one_changes_the_next_one_and_those_that_validate_see(asked: Asked, hook: Hook) -> None:
    watch_over(asked, "a", "b", kind="Mutating", resources="deployments")
    watch_over(asked, "z", resources="deployments")
    operation = {"op": "add", "path": "/metadata/labels/a.example.org", "value": "was-here"}
    first = {"op": "add", "path": "/metadata/labels", "value": {}}
    hook.answer = lambda name, _: patch_of(first, operation) if name.startswith("a") else {"allowed": True}
    made = asked.make(f"{APPS}/deployments", **deployment("web"))
    labels = [one["object"]["metadata"].get("labels") for _, one in hook.asked]
    assert labels == [None, {"a.example.org": "was-here"}, {"a.example.org": "was-here"}]
    assert made["metadata"]["labels"] == {"a.example.org": "was-here"}
    assert hook.asked[0][1]["object"]["spec"]["revisionHistoryLimit"] == 10, "defaults are filled in"
    assert "uid" not in hook.asked[0][1]["object"]["metadata"]
    assert made["metadata"]["managedFields"][0]["fieldsV1"]["f:metadata"] == {
        "f:labels": {".": {}, "f:a.example.org": {}}
    }


def test_a_label_that_one_gives_is_what_the_next_one_selects_by(asked: Asked, hook: Hook) -> None:
    watch_over(asked, "a", kind="Mutating")
    watch_over(asked, "b", kind="Mutating", objectSelector={"matchExpressions": [{"key": "no", "operator": "Exists"}]})
    hook.answer = lambda *_: patch_of({"op": "add", "path": "/metadata/labels", "value": {"no": ""}})
    make(asked, "x")
    assert [name for name, _ in hook.asked] == ["a.example.org"], "nobody had given it when the write began"


def test_a_patch_begins_again_when_the_object_changes_while_webhooks_think(asked: Asked, hook: Hook) -> None:
    make(asked, "x")
    watch_over(asked, "a")

    def meddle(*_: Any) -> Json:
        if len(hook.asked) == 1:
            asked.objects.change(CONFIG_MAPS, "shop", "x", lambda one: one.update(data={"theirs": "1"}))
        return {"allowed": True}

    hook.answer = meddle
    assert asked.ask("PATCH", f"{SHOP}/configmaps/x", {"data": {"mine": "1"}}, kind=MERGE).code == 200
    assert asked.ask("GET", f"{SHOP}/configmaps/x").json["data"] == {"theirs": "1", "mine": "1"}
    assert hook.asked[-1][1]["oldObject"]["data"] == {"theirs": "1"}


def test_a_replacement_of_an_old_version_conflicts_then(asked: Asked, hook: Hook) -> None:
    made = make(asked, "x").json
    watch_over(asked, "a")

    def meddle(*_: Any) -> Json:
        asked.objects.change(CONFIG_MAPS, "shop", "x", lambda one: one.update(data={"theirs": "1"}))
        return {"allowed": True}

    hook.answer = meddle
    assert asked.ask("PUT", f"{SHOP}/configmaps/x", made | {"data": {"mine": "1"}}).code == 409
    assert asked.ask("GET", f"{SHOP}/configmaps/x").json["data"] == {"theirs": "1"}


def test_an_object_that_never_comes_to_rest_conflicts_in_the_end(asked: Asked, hook: Hook) -> None:
    make(asked, "x")
    watch_over(asked, "a")

    def meddle(*_: Any) -> Json:
        asked.objects.change(CONFIG_MAPS, "shop", "x", lambda one: one.update(data={"n": str(len(hook.asked))}))
        return {"allowed": True}

    hook.answer = meddle
    assert asked.ask("PATCH", f"{SHOP}/configmaps/x", {"data": {"mine": "1"}}, kind=MERGE).code == 409
    assert asked.ask("DELETE", f"{SHOP}/configmaps/x").code == 409


def test_an_object_that_goes_while_webhooks_think_is_not_found(asked: Asked, hook: Hook) -> None:
    make(asked, "x")
    watch_over(asked, "a")

    def remove(*_: Any) -> Json:
        if asked.objects.find(CONFIG_MAPS, "shop", "x"):
            asked.objects.delete(CONFIG_MAPS, "shop", "x")
        return {"allowed": True}

    hook.answer = remove
    assert asked.ask("PATCH", f"{SHOP}/configmaps/x", {"data": {"mine": "1"}}, kind=MERGE).code == 404


def test_each_deletion_of_many_is_asked_about(asked: Asked, hook: Hook) -> None:
    for name in ("x", "y"):
        make(asked, name)
    watch_over(asked, "a")
    hook.answer = lambda _, request: {"allowed": request["name"] == "x"}
    assert asked.ask("DELETE", f"{SHOP}/configmaps").code == 400
    assert [one["metadata"]["name"] for one in asked.objects.select(CONFIG_MAPS, "shop")] == ["y"]


def test_nobody_gets_more_rights_by_what_a_webhook_writes(asked: Asked, hook: Hook) -> None:
    ann = asked.may("ann", rule("create", "roles", "rbac.authorization.k8s.io"))
    watch_over(asked, "a", kind="Mutating", resources="roles")
    everything = [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}]
    hook.answer = lambda *_: patch_of({"op": "add", "path": "/rules", "value": everything})
    body = {"metadata": {"name": "mine"}, "rules": []}
    answer = asked.ask("POST", f"{RBAC}/namespaces/shop/roles", body, headers=ann)
    assert answer.code == 403
    assert "attempting to grant RBAC permissions" in answer.json["message"]


def test_a_scale_is_changed_by_who_mutates(asked: Asked, hook: Hook) -> None:
    asked.make(f"{APPS}/deployments", **deployment("web"))
    watch_over(asked, "a", kind="Mutating", resources="deployments/scale")
    hook.answer = lambda *_: patch_of({"op": "replace", "path": "/spec/replicas", "value": 3})
    path = f"{APPS}/deployments/web/scale"
    assert asked.ask("PATCH", path, {"spec": {"replicas": 9}}, kind=MERGE).json["spec"]["replicas"] == 3


def test_one_that_cannot_be_asked_is_passed_over_when_it_may_be(asked: Asked, hook: Hook) -> None:
    def fail(name: str, _: Json) -> Json:
        raise CallError("no route")

    hook.answer = fail
    watch_over(asked, "a", failurePolicy="Ignore")
    assert make(asked, "x").code == 201
    watch_over(asked, "b")
    answer = make(asked, "y")
    assert answer.code == 500
    assert answer.json["message"] == ('Internal error occurred: failed calling webhook "b.example.org": no route')


@pytest.mark.parametrize(
    "odd",
    [
        {"allowed": "yes"}, {"allowed": 1}, {"allowed": False, "status": "no"},
        {"allowed": False, "status": {"code": True}}, {},
        {"allowed": False, "status": {"code": 99999, "message": ["x"], "reason": {}}},
    ],
)  # fmt: skip
def test_only_what_is_allowed_is_allowed(asked: Asked, hook: Hook, odd: Json) -> None:
    watch_over(asked, "a")
    hook.answer = lambda *_: odd
    assert make(asked, "x").code == 400


@pytest.mark.parametrize(
    "odd",
    [
        {"allowed": True, "patch": "!", "patchType": "JSONPatch"}, {"allowed": True, "patch": "W10="},
        {"allowed": True, "patch": "e30=", "patchType": "JSONPatch"}, {"uid": "another", "allowed": True},
        patch_of({"op": "add", "path": "/data", "value": {"a": {}}}), patch_of({"op": "remove", "path": "/metadata"}),
        patch_of({"op": "fly"}),
    ],
)  # fmt: skip
def test_a_patch_that_cannot_be_is_an_internal_error(asked: Asked, hook: Hook, odd: Json) -> None:
    watch_over(asked, "a", kind="Mutating", resources="configmaps")
    hook.answer = lambda *_: odd
    assert make(asked, "x").code == 500
    assert asked.objects.find(CONFIG_MAPS, "shop", "x") is None


@pytest.mark.parametrize("bundle", ["////", "AAAA", "LS0t"])
def test_a_bundle_that_holds_no_certificate_trusts_nobody(bundle: str) -> None:
    asked = Asked()
    watch_over(asked, "a", clientConfig={"url": "https://127.0.0.1:1/x", "caBundle": bundle})
    answer = make(asked, "x")
    assert answer.code == 500
    assert "failed calling webhook" in answer.json["message"]
    assert "connection refused" not in answer.json["message"]


def test_warnings_reach_the_sender_as_one_header_each(asked: Asked, hook: Hook) -> None:
    watch_over(asked, "a")
    hook.answer = lambda *_: {"allowed": True, "warnings": ['careful: "x"\r\nSet-Cookie: a', 7, ""]}
    warnings = [text for name, text in make(asked, "x").headers if name == "warning"]
    assert warnings == ['299 - "careful: \\"x\\"  Set-Cookie: a"']


def test_namespaces_are_selected_by_their_labels(asked: Asked, hook: Hook) -> None:
    selector = {"matchLabels": {"team": "a"}}
    watch_over(asked, "a", namespaceSelector=selector)
    make(asked, "x")
    asked.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "other"}})
    assert hook.asked == []
    asked.ask("POST", "/api/v1/namespaces", {"metadata": {"name": "mine", "labels": {"team": "a"}}})
    asked.ask("POST", "/api/v1/namespaces/mine/configmaps", {"metadata": {"name": "x"}})
    assert [(one["resource"]["resource"], one["namespace"], one["name"]) for _, one in hook.asked] == [
        ("namespaces", "mine", "mine"), ("configmaps", "mine", "x"),
    ]  # fmt: skip
    asked.ask("POST", f"{RBAC}/clusterroles", {"metadata": {"name": "in-no-namespace"}})
    assert hook.asked[-1][1]["name"] == "in-no-namespace", "what is in no namespace is not exempt"


def test_cel_is_refused_where_it_is_asked_for(asked: Asked) -> None:
    one = {
        "name": "a.example.org", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": {"url": "https://127.0.0.1/x"}, "matchConditions": [{"name": "a", "expression": "true"}],
    }  # fmt: skip
    body = {"metadata": {"name": "x"}, "webhooks": [one]}
    answer = asked.ask("POST", f"{CONFIGURATIONS}/validatingwebhookconfigurations", body)
    assert answer.code == 422
    assert (
        "webhooks[0].matchConditions: Forbidden: the embedded cluster does not evaluate CEL" in answer.json["message"]
    )


def test_a_change_of_a_webhook_is_a_new_generation(asked: Asked) -> None:
    watch_over(asked, "a")
    path = f"{CONFIGURATIONS}/validatingwebhookconfigurations/a"
    change = [{"op": "replace", "path": "/webhooks/0/timeoutSeconds", "value": 3}]
    assert asked.ask("PATCH", path, change, kind=JSON_PATCH).json["metadata"]["generation"] == 2
