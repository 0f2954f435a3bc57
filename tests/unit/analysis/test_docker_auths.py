"""Which logins of a pull secret the kubelet uses for an image."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from flowdrill.analysis.docker_auths import pull_logins
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.surroundings import PullSecret

ENTRY = {"auth": base64.b64encode(b"user:pass:word").decode()}


def secret(*keys: str, name: str = "pull", entry: dict[str, Any] = ENTRY) -> PullSecret:
    return PullSecret(name, json.dumps({"auths": dict.fromkeys(keys, entry)}))


def matching(image: str, *secrets: PullSecret) -> list[str]:
    return [one.key for one in pull_logins(secrets, parse_image_reference(image)).matching]


@pytest.mark.parametrize(
    ("key", "image", "matches"),
    [
        ("registry.example", "registry.example/app:1", True),
        ("https://registry.example", "registry.example/app:1", True),
        ("https://registry.example/v2/", "registry.example/app:1", True),
        ("registry.example:5000", "registry.example:5000/app:1", True),
        ("registry.example:5000", "registry.example/app:1", False),
        ("registry.example", "registry.example:5000/app:1", False),
        ("registry.example/team", "registry.example/team/app:1", True),
        ("registry.example/team", "registry.example/teams/app:1", True),  # so the kubelet does it
        ("registry.example/team", "registry.example/app:1", False),
        ("*.example", "registry.example/app:1", True),
        ("*.example", "a.b.example/app:1", False),
        ("*.example:5000", "registry.example:5000/app:1", True),
        ("*", "registry.example/app:1", False),
        ("https://index.docker.io/v1/", "langflow:1.0.0", True),
        ("docker.io", "docker.io/team/langflow:1.0.0", True),
        ("index.docker.io", "registry.example/app:1", False),
        ("", "registry.example/app:1", False),
        ("[", "registry.example/app:1", False),
        ("https://[::1", "registry.example/app:1", False),
        ("[::1]:5000", "[::1]:5000/app:1", True),
    ],
)
def test_a_login_is_for_a_registry_and_for_a_path_where_it_names_one(key: str, image: str, *, matches: bool) -> None:
    assert matching(image, secret(key)) == ([key] if matches else [])


def test_the_longest_path_comes_first_and_every_match_is_kept() -> None:
    keys = ("registry.example", "registry.example/team/app", "registry.example/team")
    image = "registry.example/team/app:1"
    assert matching(image, secret(*keys[:1]), secret(*keys[1:])) == [keys[1], keys[2], keys[0]]


def test_the_older_form_of_a_secret_has_the_entries_alone() -> None:
    old = PullSecret("old", json.dumps({"https://registry.example": {"username": "u", "password": "p", "email": "e"}}))
    (found,) = pull_logins([old], parse_image_reference("registry.example/app:1")).matching
    assert (found.secret, found.credentials.username, found.credentials.password) == ("old", "u", "p")
    assert "'p'" not in repr(found)


def test_base64_without_padding_is_read_and_an_identity_token_is_not_the_kubelets() -> None:
    bare = ENTRY["auth"].rstrip("=")
    assert matching("registry.example/app:1", secret("registry.example", entry={"auth": bare}))
    assert matching("registry.example/app:1", secret("registry.example", entry={"identitytoken": "t"})) == []


@pytest.mark.parametrize(
    "config",
    ["{", "[]", '{"auths": []}', '{"auths": {"registry.example": 5}}', '{"auths": {"registry.example": {"auth": "%"}}}',
     "[" * 100_000, json.dumps({"auths": {str(number): {} for number in range(2000)}})],
)  # fmt: skip
def test_a_damaged_secret_is_named_and_the_others_are_used(config: str) -> None:
    found = pull_logins(
        [PullSecret("bad", config), secret("registry.example")], parse_image_reference("registry.example/a:1")
    )
    assert len(found.matching) == 1
    (problem,) = found.problems
    assert problem.startswith("secret bad: ")


def test_a_secret_that_is_not_there_is_a_problem() -> None:
    found = pull_logins(
        [PullSecret("gone", None, "not found"), PullSecret("x", None)], parse_image_reference("r.example/a:1")
    )
    assert found.problems == ("secret gone: not found", "secret x: is not there")
