from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from flowdrill.analysis.template_differences import template_differences

Json = dict[str, Any]


def template(**container: Any) -> Json:
    flow = {"name": "flow", "image": "flow:1", "resources": {"limits": {"memory": "1Gi"}}, **container}
    return {"metadata": {"labels": {"app": "a"}}, "spec": {"containers": [flow, {"name": "proxy", "image": "proxy:1"}]}}


def env(**values: str) -> list[Json]:
    return [{"name": name, "value": value} for name, value in values.items()]


def differences(now: Json, then: Json) -> tuple[str, ...]:
    return template_differences(now, then, "flow")


def test_the_image_of_the_target_container_alone_is_no_difference() -> None:
    assert differences(template(), template(image="flow:2")) == ()


def test_variables_are_compared_by_name_with_what_they_would_become() -> None:
    now = template(env=env(LANGFLOW_AUTO_LOGIN="true", SAME="x", EMPTY=""))
    then = template(
        env=[*env(SAME="x", EMPTY="", NEW="1"), {"name": "LEVEL", "valueFrom": {"fieldRef": {"fieldPath": "a.b"}}}]
    )
    assert differences(now, then) == (
        'env LANGFLOW_AUTO_LOGIN: "true" -> not set',
        'env NEW: not set -> "1"',
        "env LEVEL: not set -> from fieldRef a.b",
    )


def test_a_variable_that_is_empty_is_not_one_that_is_not_set() -> None:
    assert differences(template(env=env(A="")), template()) == ('env A: "" -> not set',)


def test_what_else_differs_is_named_where_it_is() -> None:
    now = template(command=["lfx", "serve"], volumeMounts=[{"name": "flows", "mountPath": "/app"}])
    now["spec"] |= {"volumes": [{"name": "flows", "configMap": {"name": "a"}}], "serviceAccountName": "one"}
    then = template(resources={"limits": {"memory": "400Mi"}}, volumeMounts=[{"name": "old", "mountPath": "/app"}])
    then["spec"] |= {"volumes": [{"name": "flows", "configMap": {"name": "b"}}, {"name": "old", "emptyDir": {}}]}
    then["spec"]["containers"][1] = {"name": "proxy", "image": "proxy:0", "env": env(A="b")}
    then["metadata"]["labels"]["app"] = "b"
    assert differences(now, then) == (
        "mount /app: name flows -> old",
        "resources.limits.memory 1Gi -> 400Mi",
        'command ["lfx", "serve"] -> not set',
        'container proxy: env A: not set -> "b"',
        "container proxy: image proxy:1 -> proxy:0",
        "volume flows: configMap.name a -> b",
        "volume old: added",
        "pod serviceAccountName one -> not set",
        "labels.app a -> b",
    )


def test_references_to_secrets_are_named_and_not_redacted() -> None:
    now = template(envFrom=[{"secretRef": {"name": "keys"}}, {"prefix": "A_", "configMapRef": {"name": "settings"}}])
    now["spec"] |= {"imagePullSecrets": [{"name": "login"}]}
    then = template(envFrom=[{"prefix": "B_", "configMapRef": {"name": "settings"}}])
    assert differences(now, then) == (
        "envFrom secretRef keys: removed",
        "envFrom configMapRef settings: prefix A_ -> B_",
        'pod imagePullSecrets [{"name": "login"}] -> not set',
    )


def test_containers_that_come_and_go_are_one_line_each() -> None:
    now, then = template(), template()
    then["spec"]["containers"][1] = {"name": "old-proxy", "image": "proxy:0", "env": env(A="b")}
    then["spec"]["initContainers"] = [{"name": "migrate", "image": "m:1"}]
    assert differences(now, then) == (
        "container proxy: removed",
        "container old-proxy: added (image proxy:0)",
        "init container migrate: added (image m:1)",
    )


def test_hashes_restarts_and_what_the_api_server_fills_in_are_no_difference() -> None:
    probe = {"httpGet": {"path": "/health", "port": 7860}}
    now, then = template(readinessProbe=probe, ports=[{"containerPort": 7860}]), template()
    now["spec"]["volumes"] = [{"name": "f", "configMap": {"name": "a"}}]
    filled = copy.deepcopy(now)
    filled["metadata"] |= {"creationTimestamp": None, "annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}
    filled["metadata"]["labels"]["pod-template-hash"] = "abc"
    filled["spec"] |= {
        "restartPolicy": "Always",
        "dnsPolicy": "ClusterFirst",
        "securityContext": {},
        "$patch": "replace",
    }
    filled["spec"] |= {"schedulerName": "default-scheduler", "terminationGracePeriodSeconds": 30}
    filled["spec"]["volumes"][0]["configMap"]["defaultMode"] = 420
    flow = filled["spec"]["containers"][0]
    flow |= {"imagePullPolicy": "Always", "terminationMessagePath": "/dev/termination-log"}
    flow["ports"][0]["protocol"] = "TCP"
    flow["readinessProbe"] |= {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    flow["readinessProbe"]["httpGet"]["scheme"] = "HTTP"
    assert differences(now, filled) == differences(filled, now) == ()
    assert differences(now, then) != ()


def test_an_init_container_that_becomes_a_sidecar_is_a_difference() -> None:
    now, then = template(), template()
    now["spec"]["initContainers"] = [{"name": "a", "image": "a:1"}]
    then["spec"]["initContainers"] = [{"name": "a", "image": "a:1", "restartPolicy": "Always"}]
    assert differences(now, then) == ("init container a: restartPolicy not set -> Always",)


@pytest.mark.parametrize(
    ("now", "then"),
    [
        ({"env": env(OPENAI_API_KEY="hunter2-now")}, {"env": env(OPENAI_API_KEY="hunter2-then")}),
        ({"env": env(LANGFLOW_SUPERUSER_PASSWORD="hunter2")}, {}),
        ({"env": env(DATABASE_URL="postgresql://u:hunter2@db/x")}, {}),
        ({"args": ["serve", "--api-key", "hunter2"]}, {}),
        ({"args": ["serve", "--api-key=hunter2"]}, {}),
        ({"env": env(API_KEY="hunter2"), "command": ["sh", "-c", "curl -u me:hunter2 x"]}, {}),
        ({"livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "hunter2"}]}}}, {}),
        ({"env": env(API_KEY='hunter2"quoted'), "command": ["sh", "-c", 'x hunter2"quoted']}, {}),
        ({"x": [{"apiKey": "hunter2", "password": 7}], "y": {"token": "hunter2"}}, {}),
        ({"lifecycle": {"preStop": {"exec": {"command": ["curl", "-H", "Authorization: Bearer hunter2hunter2"]}}}}, {}),
    ],
    ids=str,
)
def test_a_secret_is_in_no_line(now: Json, then: Json) -> None:
    there = differences(template(**now), template(**then))
    back = differences(template(**then), template(**now))
    assert there
    assert back
    assert "hunter2" not in "".join((*there, *back))


def test_two_secrets_that_differ_are_said_to_differ() -> None:
    (line,) = differences(template(env=env(API_KEY="aaaa")), template(env=env(API_KEY="bbbb")))
    assert line == "env API_KEY: [redacted] -> another value"


def test_where_a_secret_comes_from_is_no_secret() -> None:
    source = [{"name": "API_KEY", "valueFrom": {"secretKeyRef": {"name": "flow", "key": "api-key"}}}]
    assert differences(template(env=source), template()) == ("env API_KEY: from secretKeyRef flow/api-key -> not set",)


def test_lines_are_bounded_in_number_and_length() -> None:
    many = template(env=env(**{f"NAME_{number}": "x" * 5000 for number in range(200)}))
    lines = differences(many, template())
    assert len(lines) == 21
    assert lines[-1] == "and 180 more"
    assert max(map(len, lines)) < 250


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"spec": None},
        {"spec": {"containers": "no list"}},
        {"spec": {"containers": [7, {"name": 3, "env": {"a": 1}}], "volumes": [[]]}},
        {"metadata": [], "spec": {"containers": [{"name": "flow", "env": [{"valueFrom": {"x": [1]}}, {}]}]}},
        {"spec": json.loads('{"affinity":' * 60 + "1" + "}" * 60)},
    ],
    ids=str,
)
def test_whatever_a_revision_holds_is_compared(odd: Json) -> None:
    assert isinstance(differences(template(), odd), tuple)
    assert isinstance(differences(odd, template()), tuple)
    assert differences(odd, odd) == ()
