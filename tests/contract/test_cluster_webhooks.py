"""What every Kubernetes does about admission webhooks."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client.exceptions import ApiException

from tests.contract.playground import Json, Playground
from tests.contract.webhook import WebhookServer, allowed, configured, denied, patching, rule, webhook_server

VALIDATING, MUTATING = "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"
MERGE, APPLY = "application/merge-patch+json", "application/apply-patch+yaml"
CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NUMBERS = itertools.count()


@pytest.fixture
def name() -> str:
    return f"hooked-{next(_NUMBERS)}"


@pytest.fixture(scope="module")
def hook() -> Iterator[WebhookServer]:
    with webhook_server() as found:
        yield found


@pytest.fixture(autouse=True)
def fresh(hook: WebhookServer) -> None:
    hook.answer, hook.raw = allowed(), None
    hook.asked.clear()


def make(play: Playground, name: str, **query: str) -> Json:
    return play.raw("POST", play.core_path("configmaps"), {"metadata": {"name": name}}, **query)


def refused(act: Any) -> Json:
    with pytest.raises(ApiException) as error:
        act()
    return dict(json.loads(error.value.body or "{}"))


def is_there(play: Playground, name: str) -> bool:
    return any(one["metadata"]["name"] == name for one in play.raw("GET", play.core_path("configmaps"))["items"])


@pytest.mark.parametrize(
    ("answer", "code", "reason", "said"),
    [
        (denied("not today", code=403, reason="Forbidden"), 403, "Forbidden", ": not today"),
        (denied("not today"), 400, None, ": not today"),
        (denied("short", code=418, reason="Teapot"), 418, "Teapot", ": short"),
        (denied("fine?", code=200), 400, None, ": fine?"),
        (denied(reason="Forbidden"), 400, "Forbidden", ": Forbidden"),
        (denied(), 400, None, " without explanation"),
    ],
)
def test_a_denial_says_who_denied_and_why(
    play: Playground, hook: WebhookServer, name: str, answer: Any, code: int, reason: str | None, said: str
) -> None:
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "configmaps")) as webhook:
        hook.answer = answer
        status = refused(lambda: make(play, name))
    assert (status["code"], status.get("reason")) == (code, reason)
    assert status["message"] == f'admission webhook "{webhook}" denied the request{said}'
    assert not is_there(play, name)


def test_a_rollback_is_denied_in_its_dry_run_too(play: Playground, hook: WebhookServer, name: str) -> None:
    play.raw("POST", play.apps_path("deployments"), play.workload(name, replicas=0))
    with configured(play.api, VALIDATING, hook, play.namespace, rule("UPDATE", "deployments", "apps")) as webhook:
        hook.answer = denied("images are frozen", code=403, reason="Forbidden")
        container = {"name": "main", "image": "example.org/other:1"}
        change = {"spec": {"template": {"spec": {"containers": [container]}}}}
        for query in ({"dryRun": "All"}, {}):
            status = refused(lambda query=query: play.patch("deployments", name, change, **query))
            assert status["code"] == 403
            assert status["message"] == f'admission webhook "{webhook}" denied the request: images are frozen'
        mine = [one for one in hook.attempts if "system:masters" in one["userInfo"]["groups"]]
        assert [one["dryRun"] for one in mine] == [True, False]
        assert play.read("deployments", name)["metadata"]["generation"] == 1
        asked = mine[0]
        assert asked["object"]["spec"]["template"]["spec"]["containers"][0]["image"] == "example.org/other:1"
        assert asked["oldObject"]["spec"]["template"]["spec"]["containers"][0]["image"] == play.image
        hook.answer = allowed()
        assert play.patch("deployments", name, change, dryRun="All")["metadata"]["name"] == name


def test_a_webhook_is_told_what_is_done_by_whom(play: Playground, hook: WebhookServer, name: str) -> None:
    path = play.core_path("configmaps", name)
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": {"c": "1"}}
    with configured(play.api, VALIDATING, hook, play.namespace, rule("*", "configmaps")):
        made = make(play, name)
        play.raw("PUT", path, made | {"data": {"a": "1"}})
        play.raw("PATCH", path, {"data": {"b": "1"}}, content_type=MERGE)
        play.raw("PATCH", path, body, content_type=APPLY, fieldManager="tests")
        play.raw("DELETE", path)
    asked = hook.attempts
    assert [one["operation"] for one in asked] == ["CREATE", "UPDATE", "UPDATE", "UPDATE", "DELETE"]
    assert [(one["object"] is None, one["oldObject"] is None) for one in asked] == [
        (False, True), (False, False), (False, False), (False, False), (True, False),
    ]  # fmt: skip
    assert [(one["object"] or {}).get("data", {}).keys() for one in asked[1:4]] == [{"a"}, {"a", "b"}, {"a", "b", "c"}]
    assert [one["oldObject"].get("data", {}).keys() for one in asked[1:]] == [set(), {"a"}, {"a", "b"}, {"a", "b", "c"}]
    assert asked[0]["object"]["metadata"]["uid"]
    kinds = [one["options"]["kind"] for one in asked]
    assert kinds == ["CreateOptions", "UpdateOptions", "UpdateOptions", "UpdateOptions", "DeleteOptions"]
    for one in asked:
        assert (one["name"], one["namespace"]) == (name, play.namespace)
        assert one["kind"] == one["requestKind"] == {"group": "", "version": "v1", "kind": "ConfigMap"}
        assert one["resource"] == one["requestResource"] == {"group": "", "version": "v1", "resource": "configmaps"}
        assert "system:masters" in one["userInfo"]["groups"]
        assert "subResource" not in one
    assert hook.paths[-1] == "/review?timeout=5s"


def test_a_webhook_is_told_for_whom_a_request_is_made(play: Playground, hook: WebhookServer, name: str) -> None:
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "configmaps")):
        make(play, name)
        with play.as_user("on-call") as api:
            api.set_default_header("Impersonate-Group", "system:masters")
            acting = Playground(play.context, play.kubeconfig, play.namespace, api, play.image, play.missing)
            make(acting, f"{name}-2")
    assert hook.attempts[1]["userInfo"] == {"username": "on-call", "groups": ["system:masters", "system:authenticated"]}


def test_subresources_are_asked_about_only_where_a_rule_names_them(
    play: Playground, hook: WebhookServer, name: str
) -> None:
    play.raw("POST", play.apps_path("deployments"), play.workload(name, replicas=0, paused=True))
    scale = f"{play.apps_path('deployments', name)}/scale"
    rules = [rule("*", "*", "apps"), rule("UPDATE", "deployments/scale", "apps")]
    with configured(play.api, VALIDATING, hook, play.namespace, rules[0]):
        play.raw("PATCH", scale, {"spec": {"replicas": 0}}, content_type=MERGE)
        assert [one for one in hook.asked if one["name"] == name and one.get("subResource")] == []
    with configured(play.api, VALIDATING, hook, play.namespace, rules[1]):
        hook.answer = denied("no")
        assert refused(lambda: play.raw("PATCH", scale, {"spec": {"replicas": 1}}, content_type=MERGE))["code"] == 400
        asked = hook.asked[-1]
        assert (asked["subResource"], asked["kind"]["kind"], asked["kind"]["group"]) == (
            "scale",
            "Scale",
            "autoscaling",
        )
        assert asked["resource"]["resource"] == "deployments"
        assert [asked[one]["spec"].get("replicas", 0) for one in ("oldObject", "object")] == [0, 1]
        play.patch("deployments", name, {"metadata": {"labels": {"a": "b"}}})
    assert play.read("deployments", name)["spec"]["replicas"] == 0


@pytest.mark.parametrize(
    ("labels", "before", "is_asked"), [({"team": "a"}, {}, True), ({}, {"team": "a"}, True), ({}, {}, False)]
)
def test_an_object_is_selected_by_its_labels_before_or_after(
    play: Playground, hook: WebhookServer, name: str, labels: Json, before: Json, is_asked: bool
) -> None:
    made = play.raw("POST", play.core_path("configmaps"), {"metadata": {"name": name, "labels": before}})
    selector = {"matchLabels": {"team": "a"}}
    rules = rule("UPDATE", "configmaps")
    with configured(play.api, VALIDATING, hook, play.namespace, rules, objectSelector=selector):
        made["metadata"]["labels"] = labels
        play.raw("PUT", play.core_path("configmaps", name), made)
    assert bool(hook.asked) is is_asked


def test_who_is_not_concerned_is_not_asked(play: Playground, hook: WebhookServer, name: str) -> None:
    other = rule("CREATE", "configmaps", "apps"), rule("DELETE", "configmaps"), rule("CREATE", "secrets")
    wrong = rule("CREATE", "configmaps", scope="Cluster"), rule("CREATE", "configmaps/status")
    old = rule("CREATE", "configmaps") | {"apiVersions": ["v2"]}
    with configured(play.api, VALIDATING, hook, play.namespace, *other, *wrong, old):
        hook.answer = denied()
        make(play, name)
    assert hook.asked == []
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "*/*", "*", scope="Namespaced")):
        hook.answer = denied()
        refused(lambda: make(play, f"{name}-2"))


def test_a_webhook_that_cannot_be_asked_fails_the_request_unless_it_may_be_ignored(
    play: Playground, hook: WebhookServer, name: str
) -> None:
    nowhere = {**hook.client_config, "url": "https://127.0.0.1:1/x"}
    rules = rule("CREATE", "configmaps")
    with configured(play.api, VALIDATING, hook, play.namespace, rules, clientConfig=nowhere) as webhook:
        status = refused(lambda: make(play, name))
        assert (status["code"], status["reason"]) == (500, "InternalError")
        assert status["message"].startswith(f'Internal error occurred: failed calling webhook "{webhook}": ')
        assert status["message"].endswith(
            'Post "https://127.0.0.1:1/x?timeout=5s": dial tcp 127.0.0.1:1: connect: connection refused'
        )
    more = {"clientConfig": nowhere, "failurePolicy": "Ignore"}
    with configured(play.api, VALIDATING, hook, play.namespace, rules, **more):
        make(play, name)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1"}', "webhook response was absent"),
        (b'{"kind":"AdmissionReview","apiVersion":"admission.k8s.io/v1","response":{"uid":"x","allowed":true}}',
         "expected response.uid="),
        (b"nonsense", "couldn't get version/kind; json parse error"),
    ],
)  # fmt: skip
def test_an_answer_that_is_none_is_a_failure(
    play: Playground, hook: WebhookServer, name: str, raw: bytes, said: str
) -> None:
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "configmaps")):
        hook.raw = raw
        status = refused(lambda: make(play, name))
    assert status["code"] == 500
    assert said in status["message"]


def test_a_webhook_whose_certificate_is_unknown_is_not_asked(play: Playground, hook: WebhookServer, name: str) -> None:
    rules = rule("CREATE", "configmaps")
    with (
        webhook_server() as stranger,
        configured(
            play.api, VALIDATING, hook, play.namespace, rules, clientConfig={**hook.client_config, "url": stranger.url}
        ),
    ):
        assert "x509: certificate signed by unknown authority" in refused(lambda: make(play, name))["message"]
        assert stranger.asked == []


def test_a_service_that_is_not_there_is_a_failure(play: Playground, hook: WebhookServer, name: str) -> None:
    nobody = f"nobody-{name}"
    service = {"caBundle": hook.client_config["caBundle"], "service": {"name": nobody, "namespace": play.namespace}}
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "configmaps"), clientConfig=service):
        assert f'service "{nobody}" not found' in refused(lambda: make(play, name))["message"]


def test_a_mutating_webhook_changes_what_is_kept(play: Playground, hook: WebhookServer, name: str) -> None:
    with configured(play.api, MUTATING, hook, play.namespace, rule("CREATE UPDATE", "configmaps")):
        hook.answer = patching({"op": "add", "path": "/metadata/annotations", "value": {"by": "hook"}})
        assert make(play, name, dryRun="All")["metadata"]["annotations"] == {"by": "hook"}
        make(play, name)
        assert not hook.asked[-1]["object"]["metadata"].get("uid")
        hook.answer = patching({"op": "add", "path": "/data", "value": {"more": "x"}})
        play.raw("PATCH", play.core_path("configmaps", name), {"data": {"mine": "y"}}, content_type=MERGE)
    seen = play.raw("GET", play.core_path("configmaps", name))
    assert (seen["metadata"]["annotations"], seen["data"]) == ({"by": "hook"}, {"more": "x"})


@pytest.mark.parametrize(
    ("operation", "code", "said"),
    [
        ({"op": "replace", "path": "/nowhere/x", "value": 1}, 500, "Internal error occurred: "),
        ({"op": "replace", "path": "/metadata", "value": 7}, 500, "Internal error occurred: "),
        ({"op": "add", "path": "/metadata/namespace", "value": "default"}, 400, "the namespace of the provided object"),
    ],
)
def test_a_change_that_cannot_be_is_refused(
    play: Playground, hook: WebhookServer, name: str, operation: Json, code: int, said: str
) -> None:
    with configured(play.api, MUTATING, hook, play.namespace, rule("CREATE", "configmaps")):
        hook.answer = patching(operation)
        status = refused(lambda: make(play, name))
    assert status["code"] == code
    assert said in status["message"]


def test_a_mutating_webhook_may_deny_too(play: Playground, hook: WebhookServer, name: str) -> None:
    with configured(play.api, MUTATING, hook, play.namespace, rule("CREATE", "configmaps")) as webhook:
        hook.answer = denied("no")
        assert refused(lambda: make(play, name))["message"] == f'admission webhook "{webhook}" denied the request: no'


@pytest.mark.parametrize(
    ("change", "field", "said"),
    [
        ({"name": "x"}, "name", "should be a domain with at least three segments separated by dots"),
        ({"sideEffects": None}, "sideEffects", "Required value: must specify one of None, NoneOnDryRun"),
        ({"sideEffects": "Some"}, "sideEffects", 'Unsupported value: "Some": supported values: "None", "NoneOnDryRun"'),
        ({"admissionReviewVersions": None}, "admissionReviewVersions", "Required value: must specify one of v1, v1be"),
        ({"timeoutSeconds": 31}, "timeoutSeconds", "31: the timeout value must be between 1 and 30 seconds"),
        ({"failurePolicy": "x"}, "failurePolicy", 'Unsupported value: "x": supported values: "Fail", "Ignore"'),
        ({"clientConfig": {}}, "clientConfig", "Required value: exactly one of url or service is required"),
        ({"clientConfig": {"url": "http://a/b"}}, "clientConfig.url", "'https' is the only allowed URL scheme"),
        ({"rules": [rule("", "pods")]}, "rules[0].operations", "Required value"),
        ({"rules": [rule("FLY", "pods")]}, "rules[0].operations[0]", 'Unsupported value: "FLY": supported values: "*"'),
        ({"rules": [rule("* CREATE", "pods")]}, "rules[0].operations", "must not specify other operations"),
        ({"matchPolicy": "x"}, "matchPolicy", 'Unsupported value: "x": supported values: "Equivalent", "Exact"'),
        ({"clientConfig": {"service": {"name": "a"}}}, "clientConfig.service.namespace", "Required value"),
    ],
)
def test_a_configuration_that_cannot_be_is_invalid(
    play: Playground, hook: WebhookServer, change: Json, field: str, said: str
) -> None:
    one: Json = {
        "name": "a.example.org", "admissionReviewVersions": ["v1"], "sideEffects": "None",
        "clientConfig": hook.client_config, "rules": [rule("CREATE", "pods")],
    }  # fmt: skip
    body = {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": VALIDATING,
        "metadata": {"name": "flowdrill-wrong"},
        "webhooks": [{name: value for name, value in (one | change).items() if value is not None}],
    }
    status = refused(lambda: play.raw("POST", CONFIGURATIONS, body, dryRun="All"))
    assert (status["code"], status["reason"]) == (422, "Invalid")
    if field.startswith("clientConfig.service"):
        return  # which part of it comes first has changed since 1.20
    assert status["details"]["causes"][0]["field"] == f"webhooks[0].{field}"
    assert said in status["message"]


def test_kubectl_shows_configurations(play: Playground, hook: WebhookServer) -> None:
    with configured(play.api, VALIDATING, hook, play.namespace, rule("CREATE", "pods")) as webhook:
        shown = play.kubectl("get", "validatingwebhookconfigurations", webhook.partition(".")[0])
        assert shown.split()[:3] == ["NAME", "WEBHOOKS", "AGE"]
        assert shown.split()[4] == "2"
