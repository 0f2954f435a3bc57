"""Logging in: who is told the password, and what is done with the token."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowdrill.errors import RegistryError
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import Descriptor
from tests.unit.oci.loopback_registry import LoopbackRegistry, Scripted, basic

TOKEN = "t0ken-of-the-server"
SECRET = "s3cret-of-the-user"


def _bearer(registry: LoopbackRegistry, *answers: bytes, status: int = 200, scope: str = "") -> None:
    realm = f"http://{registry.address}/token"
    registry.challenge = f'Bearer realm="{realm}",service="registry.test"' + (f',scope="{scope}"' if scope else "")
    registry.accepted_authorizations = {f"Bearer {TOKEN}"}
    registry.script += [Scripted("GET", "/token", status, {}, body) for body in answers]


def _docker_config(folder: Path, registry: LoopbackRegistry, entry: dict[str, str]) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps({"auths": {registry.address: entry}}))
    return {"DOCKER_CONFIG": str(folder)}


def test_an_anonymous_token_is_fetched_once_for_each_scope(registry: LoopbackRegistry) -> None:
    _bearer(registry, json.dumps({"token": TOKEN}).encode())
    repository = registry.repository()
    assert repository.tags() == ()
    assert repository.tags() == ()
    (asked,) = registry.asked("GET", "/token")
    assert asked.authorization is None
    assert "service=registry.test" in asked.path
    assert "scope=repository%3Aapp%3Apull" in asked.path


def test_the_scope_that_the_registry_names_is_asked_for_too(registry: LoopbackRegistry) -> None:
    _bearer(registry, json.dumps({"access_token": TOKEN}).encode(), scope="repository:app:pull repository:app:delete")
    registry.repository().tags()
    assert "scope=repository%3Aapp%3Adelete" in registry.asked("GET", "/token")[0].path


def test_a_mount_asks_for_both_repositories(registry: LoopbackRegistry) -> None:
    blob = Descriptor("x", registry.put_blob("base", b"x"), 1)
    _bearer(registry, *[json.dumps({"token": TOKEN}).encode()] * 2)
    registry.repository("app").take_blob(blob, registry.repository("base"))
    path = registry.asked("GET", "/token")[-1].path
    assert "scope=repository%3Aapp%3Apull%2Cpush" in path
    assert "scope=repository%3Abase%3Apull" in path


def test_the_password_goes_to_the_token_server_only(registry: LoopbackRegistry, tmp_path: Path) -> None:
    _bearer(registry, json.dumps({"token": TOKEN}).encode())
    environ = _docker_config(tmp_path, registry, {"username": "u", "password": SECRET})
    registry.repository(environ=environ).tags()
    assert {seen.path.split("?")[0] for seen in registry.seen if seen.authorization == basic("u", SECRET)} == {"/token"}
    assert registry.seen[-1].authorization == f"Bearer {TOKEN}"


def test_an_identity_token_is_exchanged(registry: LoopbackRegistry, tmp_path: Path) -> None:
    _bearer(registry)
    registry.script.append(Scripted("POST", "/token", 200, {}, json.dumps({"access_token": TOKEN}).encode()))
    environ = _docker_config(tmp_path, registry, {"identitytoken": "refresh-me"})
    registry.repository(environ=environ).tags()
    (asked,) = registry.asked("POST", "/token")
    assert asked.authorization is None
    assert b"grant_type=refresh_token" in asked.body
    assert b"refresh_token=refresh-me" in asked.body


def test_a_password_is_sent_only_after_the_registry_asked(registry: LoopbackRegistry, tmp_path: Path) -> None:
    registry.challenge, registry.accepted_authorizations = 'Basic realm="x"', {basic("u", SECRET)}
    environ = _docker_config(tmp_path, registry, {"username": "u", "password": SECRET})
    registry.repository(environ=environ).tags()
    assert [seen.authorization for seen in registry.seen] == [None, basic("u", SECRET)]


def test_a_wrong_password_is_tried_once_and_not_shown(registry: LoopbackRegistry, tmp_path: Path) -> None:
    registry.challenge, registry.accepted_authorizations = 'Basic realm="x"', {basic("u", "other")}
    environ = _docker_config(tmp_path, registry, {"username": "u", "password": SECRET})
    with pytest.raises(RegistryError, match="HTTP 401") as caught:
        registry.repository(environ=environ).tags()
    assert len(registry.seen) == 2
    assert "docker login" in caught.value.remedy
    assert SECRET not in str(caught.value)


def test_without_credentials_the_error_says_how_to_log_in(registry: LoopbackRegistry) -> None:
    registry.challenge = 'Basic realm="x"'
    with pytest.raises(RegistryError, match="wants a login") as caught:
        registry.repository().tags()
    assert f"docker login {registry.address}" in caught.value.remedy


def test_a_token_that_does_not_open_the_door_is_an_error(registry: LoopbackRegistry) -> None:
    _bearer(registry, *[b'{"token": "of-no-use"}'] * 3)
    with pytest.raises(RegistryError, match="HTTP 401"):
        registry.repository().tags()
    assert len(registry.asked("GET", "/token")) == 1


@pytest.mark.parametrize(
    "answer", [b"<html>", b"[]", b'{"token": 5}', b'{"token": "a\\r\\nX-Injected: 1"}', b"{}", b"x" * (2 << 20)]
)
def test_an_answer_without_a_usable_token_is_one_clear_error(registry: LoopbackRegistry, answer: bytes) -> None:
    _bearer(registry, answer)
    with pytest.raises(RegistryError, match="did not answer with a token"):
        registry.repository().tags()


def test_a_refused_login_names_the_token_server(registry: LoopbackRegistry) -> None:
    _bearer(registry, b"{}", status=403)
    with pytest.raises(RegistryError, match=f"token server {registry.address} refused"):
        registry.repository().tags()


def test_a_token_server_without_tls_is_not_told_anything(registry: LoopbackRegistry) -> None:
    registry.challenge = 'Bearer realm="http://192.0.2.1/token"'
    with pytest.raises(RegistryError, match="without TLS"):
        registry.repository().tags()


@pytest.mark.parametrize("challenge", ["Negotiate", "Bearer", 'Bearer realm="file:///etc/passwd"'])
def test_an_unknown_kind_of_login_is_an_error(registry: LoopbackRegistry, challenge: str) -> None:
    registry.challenge = challenge
    with pytest.raises(RegistryError, match=r"login in a way|token server"):
        registry.repository().tags()


def test_an_expired_token_is_renewed(registry: LoopbackRegistry) -> None:
    _bearer(registry, json.dumps({"token": TOKEN}).encode(), json.dumps({"token": "second"}).encode())
    repository = registry.repository()
    repository.tags()
    registry.accepted_authorizations = {"Bearer second"}
    digest = registry.put_blob("app", b"x")
    assert repository.blob_size(digest) == 1
    assert digest == digest_of(b"x")
