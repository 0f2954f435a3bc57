"""Credentials from where `docker login` leaves them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from flowdrill.analysis.docker_auths import Credentials
from flowdrill.errors import RegistryError
from flowdrill.oci.credentials import config_path, find_credentials

AUTH = base64.b64encode(b"user:pass:word").decode()


def _found(folder: Path, config: dict[str, Any], host: str = "registry.example:5000") -> Credentials | None:
    path = folder / "config.json"
    path.write_text(json.dumps(config))
    return find_credentials(host, path)


@pytest.mark.parametrize(
    "entry",
    [{"auth": AUTH}, {"username": "user", "password": "pass:word"}],
)
@pytest.mark.parametrize(
    "key", ["registry.example:5000", "https://registry.example:5000", "https://registry.example:5000/v1/"]
)
def test_auths_are_found_in_every_spelling(tmp_path: Path, entry: dict[str, str], key: str) -> None:
    assert _found(tmp_path, {"auths": {key: entry}}) == Credentials("user", "pass:word")


def test_docker_hub_has_a_key_of_its_own(tmp_path: Path) -> None:
    config = {"auths": {"https://index.docker.io/v1/": {"auth": AUTH}}}
    assert _found(tmp_path, config, "docker.io") == Credentials("user", "pass:word")
    assert _found(tmp_path, config, "registry.example") is None


def test_an_identity_token_is_taken_before_a_password(tmp_path: Path) -> None:
    found = _found(tmp_path, {"auths": {"registry.example:5000": {"auth": AUTH, "identitytoken": "T"}}})
    assert found is not None
    assert found.identity_token == "T"


def test_another_port_is_another_registry(tmp_path: Path) -> None:
    assert _found(tmp_path, {"auths": {"registry.example:5001": {"auth": AUTH}}}) is None


def test_no_file_means_no_credentials(tmp_path: Path) -> None:
    assert find_credentials("registry.example", tmp_path / "config.json") is None


def test_the_configuration_is_looked_for_where_docker_looks() -> None:
    assert config_path({"DOCKER_CONFIG": "/x"}) == Path("/x/config.json")
    assert config_path({}) == Path.home() / ".docker" / "config.json"


@pytest.mark.parametrize("text", ["{", "[]", '{"auths": {"h": {"auth": "%%%"}}}', "\udcff"])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RegistryError, match=str(path)):
        find_credentials("h", path)


def test_secrets_are_not_in_a_representation() -> None:
    assert "s3cret" not in repr(Credentials("u", "s3cret", "s3cret-token"))


def _helper(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


def test_a_helper_is_asked_for_its_registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path, monkeypatch, 'read server; echo "{\\"Username\\": \\"of $server\\", \\"Secret\\": \\"s\\"}"')
    for config in ({"credsStore": "test"}, {"credHelpers": {"registry.example:5000": "test"}}):
        assert _found(tmp_path, config) == Credentials("of registry.example:5000", "s")


def test_a_helper_may_give_an_identity_token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path, monkeypatch, """echo '{"Username": "<token>", "Secret": "T"}'""")
    assert _found(tmp_path, {"credsStore": "test"}) == Credentials("", "", "T")


def test_a_helper_that_has_none_means_anonymous(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _helper(tmp_path, monkeypatch, "echo credentials not found in native keychain; exit 1")
    assert _found(tmp_path, {"credsStore": "test"}) is None


@pytest.mark.parametrize("script", ["echo s3cret is locked >&2; exit 3", "echo s3cret", 'echo "[]"'])
def test_a_helper_that_fails_is_named_and_its_words_are_not_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    _helper(tmp_path, monkeypatch, script)
    with pytest.raises(RegistryError, match="docker-credential-test") as caught:
        _found(tmp_path, {"credsStore": "test"})
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["absent-helper", "../../bin/sh"])
def test_a_helper_that_is_not_installed_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(RegistryError, match="no program docker-credential-"):
        _found(tmp_path, {"credsStore": name})
