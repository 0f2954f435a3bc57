"""The protobuf that kubectl writes, and what is damaged."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.cluster.api.protobuf import object_in_protobuf
from flowdrill.cluster.api.status_error import StatusError
from tests.unit.cluster.api.asking import SHOP, Asked

KIND = "application/vnd.kubernetes.protobuf"


def varint(number: int) -> bytes:
    text = bytearray()
    while number > 0x7F:
        text.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*text, number])


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    raw = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(raw)) + raw


def envelope(kind: str, content: bytes, api_version: str = "v1") -> bytes:
    return b"k8s\0" + field(1, field(1, api_version) + field(2, kind)) + field(2, content)


def config_map(name: str, data: dict[str, str]) -> bytes:
    entries = b"".join(field(2, field(1, key) + field(2, text)) for key, text in data.items())
    return envelope("ConfigMap", field(1, field(1, name)) + entries)


@given(st.text(), st.dictionaries(st.text(), st.text(), max_size=4))
def test_what_was_written_is_read(name: str, data: dict[str, str]) -> None:
    found = object_in_protobuf(config_map(name, data))
    assert (found["apiVersion"], found["kind"]) == ("v1", "ConfigMap")
    assert found.get("data", {}) == data
    assert found.get("metadata", {}).get("name", "") == name


def test_secrets_roles_and_options_are_read() -> None:
    secret = object_in_protobuf(envelope("Secret", field(2, field(1, "key") + field(2, b"\0\xff")) + field(5, 1)))
    assert (secret["data"], secret["immutable"]) == ({"key": base64.b64encode(b"\0\xff").decode()}, True)
    rule = field(1, "get") + field(1, "list") + field(2, "") + field(3, "pods")
    role = object_in_protobuf(envelope("Role", field(2, rule), "rbac.authorization.k8s.io/v1"))
    assert role["rules"] == [{"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}]
    options = object_in_protobuf(envelope("DeleteOptions", field(1, (1 << 64) - 1) + field(5, "All")))
    assert options == {"apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": -1, "dryRun": ["All"]}


GOOD = config_map("a", {"key": "text"})


@pytest.mark.parametrize(
    "body",
    [b"", b"k8s", b"k8s\0", b"{}", GOOD[:-1], GOOD[:20], b"k8s\0" + b"\xff" * 12, b"k8s\0" + field(1, 5),
     b"k8s\0" + field(1, field(1, 5) + field(2, 6)), envelope("ConfigMap", b"\x0b"), envelope("Secret", field(5, "x")),
     envelope("ConfigMap", field(1, 5)), envelope("ConfigMap", field(1, field(1, b"\xff")))],
)  # fmt: skip
def test_a_damaged_body_is_refused(body: bytes) -> None:
    with pytest.raises(StatusError) as refused:
        object_in_protobuf(body)
    assert refused.value.code == 400


def outcome(body: bytes) -> int:
    try:
        found: Any = object_in_protobuf(body)
    except StatusError as refused:
        return refused.code
    return 200 if isinstance(found, dict) else 0


@given(st.binary(max_size=80), st.integers(0, len(GOOD)))
def test_no_bytes_whatever_are_a_defect(noise: bytes, place: int) -> None:
    for body in (b"k8s\0" + noise, GOOD[:place] + noise + GOOD[place:], envelope("Role", noise)):
        assert outcome(body) in (200, 400, 415)


def test_a_kind_that_is_not_read_is_named() -> None:
    with pytest.raises(StatusError, match="reads a Deployment as JSON only") as refused:
        object_in_protobuf(envelope("Deployment", b"", "apps/v1"))
    assert refused.value.code == 415


def test_the_api_takes_it_for_the_same_object() -> None:
    asked = Asked()
    answer = asked.ask("POST", f"{SHOP}/configmaps", config_map("a", {"key": "text"}), kind=KIND)
    assert (answer.code, answer.json["data"]) == (201, {"key": "text"})
    assert asked.ask("POST", f"{SHOP}/secrets", config_map("b", {}), kind=KIND).code == 400
    options = envelope("DeleteOptions", field(2, field(1, "another")))
    assert asked.ask("DELETE", f"{SHOP}/configmaps/a", options, kind=KIND).code == 409
