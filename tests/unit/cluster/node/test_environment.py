"""What a container's environment is made of."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, SECRETS, Json
from flowdrill.cluster.node.environment import (
    ConfigError,
    container_environment,
    expanded,
    field_value,
    resource_value,
)
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named

POD: Json = {
    "metadata": {"name": "web-0", "namespace": "shop", "uid": "u1", "labels": {"app": "web"}},
    "spec": {"enableServiceLinks": False, "nodeName": "node"},
    "status": {"hostIP": "127.231.0.1"},
}


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


@pytest.fixture
def objects() -> Objects:
    found = fresh_objects(Clock())
    found.create(CONFIG_MAPS, named(CONFIG_MAPS, "settings", data={"COLOUR": "blue", "SIZE": "$(COLOUR)"}))
    secret = {"password": encoded(b"pa$$word $(COLOUR)"), "bytes": encoded(b"\xff\x00\xfe")}
    found.create(SECRETS, named(SECRETS, "hidden", data=secret))
    return found


def environment(objects: Objects, **container: Any) -> dict[str, str]:
    return container_environment(objects, POD, {"name": "main", **container}, "127.231.64.1")


def secret_key(key: str, **more: Any) -> Json:
    return {"valueFrom": {"secretKeyRef": {"name": "hidden", "key": key, **more}}}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("$(A)-$(B)", "1-2"),
        ("$$(A)", "$(A)"),
        ("$$$(A)", "$1"),
        ("$(C) $C ${A} $( $", "$(C) $C ${A} $( $"),
        ("$$", "$"),
        ("$()", "$()"),
    ],
)
def test_references_are_filled_in_and_all_else_stays(text: str, wanted: str) -> None:
    assert expanded(text, {"A": "1", "B": "2"}) == wanted


def test_a_later_variable_may_refer_to_an_earlier_one_but_not_the_other_way_round(objects: Objects) -> None:
    env = [{"name": "A", "value": "$(B)"}, {"name": "B", "value": "b"}, {"name": "C", "value": "$(A)$(B)"}]
    found = environment(objects, env=env)
    assert [found[name] for name in "ABC"] == ["$(B)", "b", "$(B)b"]


def test_what_comes_from_a_secret_is_not_expanded(objects: Objects) -> None:
    assert environment(objects, env=[{"name": "P", **secret_key("password")}])["P"] == "pa$$word $(COLOUR)"


def test_bytes_of_a_secret_arrive_as_they_are(objects: Objects) -> None:
    text = environment(objects, env=[{"name": "B", **secret_key("bytes")}])["B"]
    assert text.encode("utf-8", "surrogateescape") == b"\xff\x00\xfe"


def test_whole_objects_come_first_with_their_prefix_and_single_variables_win(objects: Objects) -> None:
    sources = [{"configMapRef": {"name": "settings"}}, {"prefix": "S_", "secretRef": {"name": "hidden"}}]
    found = environment(objects, envFrom=sources, env=[{"name": "COLOUR", "value": "my $(COLOUR)"}])
    assert found["COLOUR"] == "my blue"
    assert found["SIZE"] == "$(COLOUR)"
    assert found["S_password"] == "pa$$word $(COLOUR)"


@pytest.mark.parametrize(
    ("container", "why"),
    [
        ({"envFrom": [{"secretRef": {"name": "gone"}}]}, 'secret "gone" not found'),
        ({"envFrom": [{"configMapRef": {"name": "gone"}}]}, 'configmap "gone" not found'),
        ({"env": [{"name": "A", **secret_key("gone")}]}, "couldn't find key gone in Secret shop/hidden"),
        ({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.magic"}}}]}, "unsupported fieldPath"),
        ({"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "x.cpu"}}}]}, "unsupported container"),
    ],
)
def test_what_is_not_there_is_named(objects: Objects, container: Json, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        environment(objects, **container)


def test_what_is_optional_may_be_missing(objects: Objects) -> None:
    gone = {"valueFrom": {"configMapKeyRef": {"name": "gone", "key": "x", "optional": True}}}
    env = [{"name": "A", **secret_key("gone", optional=True)}, {"name": "B", **gone}]
    found = environment(objects, env=env, envFrom=[{"secretRef": {"name": "gone", "optional": True}}])
    assert "A" not in found
    assert "B" not in found


@pytest.mark.parametrize(
    ("reference", "wanted"),
    [
        ({"resource": "limits.cpu"}, "2"),
        ({"resource": "limits.cpu", "divisor": "1m"}, "1500"),
        ({"resource": "requests.cpu"}, "1"),
        ({"resource": "limits.memory", "divisor": "1Mi"}, "65"),
        ({"resource": "limits.memory"}, str((64 << 20) + 1)),
        ({"resource": "limits.ephemeral-storage"}, "0"),
    ],
)
def test_resources_are_rounded_up(reference: Json, wanted: str) -> None:
    resources = {"limits": {"cpu": "1500m", "memory": str((64 << 20) + 1)}, "requests": {"cpu": "1m"}}
    assert resource_value({"name": "main", "resources": resources}, reference) == wanted


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("metadata.name", "web-0"),
        ("metadata.labels['app']", "web"),
        ("metadata.annotations['none']", ""),
        ("metadata.labels", 'app="web"\n'),
        ("status.podIP", "127.231.64.1"),
        ("status.hostIP", "127.231.0.1"),
    ],
)
def test_fields_of_the_pod(path: str, wanted: str) -> None:
    assert field_value(POD, path, "127.231.64.1") == wanted
