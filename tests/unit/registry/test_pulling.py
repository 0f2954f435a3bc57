"""Pulling as the kubelet would: with the pull secrets' logins, and never with the harness's own."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.model.image_health import Health, ImageHealth
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.surroundings import PullSecret
from tests.unit.oci.image_building import push_image
from tests.unit.oci.loopback_registry import LoopbackRegistry, Scripted, basic

PASSWORD = "s3cret-of-the-team"


@pytest.fixture
def stable(registry: LoopbackRegistry) -> ImageReference:
    reference = push_image(registry, {"a": b"1"}, repository="team/app")
    registry.challenge, registry.accepted_authorizations = (
        'Basic realm="x"',
        {basic("team", PASSWORD), basic("me", "own")},
    )
    return reference


def secret(key: str, password: str, name: str = "pull") -> PullSecret:
    auth = base64.b64encode(f"team:{password}".encode()).decode()
    return PullSecret(name, json.dumps({"auths": {key: {"auth": auth}}}))


def _pulled(
    registry: LoopbackRegistry, stable: ImageReference, *secrets: PullSecret, environ: dict[str, str] | None = None
) -> ImageHealth:
    images = ImageRegistry(lambda _: registry.client(environ), {}.__getitem__)
    return images.pullable(stable, secrets)


def test_a_secret_that_works_pulls(registry: LoopbackRegistry, stable: ImageReference) -> None:
    found = _pulled(registry, stable, secret(registry.address, PASSWORD))
    assert (found.health, found.reference) == (Health.RETAINED, stable)


def test_a_secret_that_no_longer_works_is_named_and_its_password_is_not(
    registry: LoopbackRegistry, stable: ImageReference
) -> None:
    found = _pulled(registry, stable, secret(registry.address, "0ld-password"))
    assert found.health is Health.REFUSED
    assert f"{registry.address} refuses the login of secret pull" in found.problem
    assert "imagePullSecrets" in found.remedy
    assert "0ld-password" not in repr(found)


def test_every_matching_secret_is_tried(registry: LoopbackRegistry, stable: ImageReference) -> None:
    secrets = (secret(registry.address, "wrong", "old"), secret(registry.address, PASSWORD, "new"))
    assert _pulled(registry, stable, *secrets).health is Health.RETAINED
    assert [seen.authorization for seen in registry.seen] == [
        None, basic("team", "wrong"), None, basic("team", PASSWORD)
    ]  # fmt: skip


def test_the_harness_s_own_login_is_never_used(
    registry: LoopbackRegistry, stable: ImageReference, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text(
        json.dumps({"auths": {registry.address: {"username": "me", "password": "own"}}})
    )
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    images = ImageRegistry(lambda _: registry.client(environ), {}.__getitem__)
    assert images.resolve(stable) == stable.digest
    del registry.seen[:]
    found = images.pullable(stable, ())
    assert found.health is Health.REFUSED
    assert "no pull secret has one for it" in found.problem
    assert {seen.authorization for seen in registry.seen} == {None}


def test_a_secret_that_is_not_there_or_broken_is_said_where_the_pull_is_refused(
    registry: LoopbackRegistry, stable: ImageReference
) -> None:
    absent = PullSecret("gone", None, "is not there")
    found = _pulled(registry, stable, absent, PullSecret("broken", "{"))
    assert found.health is Health.REFUSED
    assert "secret gone: is not there; secret broken: is not JSON" in found.problem
    registry.challenge = None
    assert _pulled(registry, stable, absent).health is Health.RETAINED


def test_a_secret_of_another_registry_or_path_is_sent_nowhere(
    registry: LoopbackRegistry, stable: ImageReference
) -> None:
    others = (secret("registry.example", PASSWORD), secret(f"{registry.address}/other", PASSWORD))
    assert _pulled(registry, stable, *others).health is Health.REFUSED
    assert {seen.authorization for seen in registry.seen} == {None}
    assert _pulled(registry, stable, secret(f"{registry.address}/team", PASSWORD)).health is Health.RETAINED


def test_a_token_server_that_refuses_the_secret_is_a_refusal(
    registry: LoopbackRegistry, stable: ImageReference
) -> None:
    registry.challenge = f'Bearer realm="http://{registry.address}/token",service="registry.test"'
    registry.script.append(Scripted("GET", "/token", 401))
    assert _pulled(registry, stable, secret(registry.address, PASSWORD)).health is Health.REFUSED


def test_an_image_that_is_gone_or_a_registry_that_is_away_is_no_refusal(
    registry: LoopbackRegistry, stable: ImageReference
) -> None:
    works = secret(registry.address, PASSWORD)
    assert _pulled(registry, stable.at_tag("other"), works).health is Health.GONE
    for secrets, health in (((secret(registry.address, "wrong"), works), Health.RETAINED), ((works,), Health.UNKNOWN)):
        registry.script += [Scripted("HEAD", "/v2/team/app", 503)] * 4
        assert _pulled(registry, stable, *secrets).health is health
