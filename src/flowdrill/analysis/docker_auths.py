"""Docker configurations as texts: which credentials are in one, and which of them the kubelet would pull with."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from urllib.parse import SplitResult, urlsplit

from flowdrill.model.image_reference import DOCKER_HUB, ImageReference
from flowdrill.model.json_text import parsed_json
from flowdrill.model.surroundings import PullSecret

_MOST_ENTRIES = 1000
_KUBELETS_DOCKER_HUB = "index.docker.io"


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name with a password, or an identity token that is exchanged for access tokens. Secrets stay out of
    `repr`."""

    username: str
    password: str = field(repr=False)
    identity_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class SecretCredentials:
    """What a pull secret has for an image."""

    secret: str  # its name
    key: str  # the registry, with or without a path, that it is for
    credentials: Credentials


@dataclass(frozen=True, slots=True)
class PullLogins:
    """What a workload's pull secrets are good for when one image is pulled."""

    matching: tuple[SecretCredentials, ...]  # in the order in which the kubelet tries them
    problems: tuple[str, ...]  # secrets that are not there or cannot be used, each with the reason


def auth_credentials(entry: Mapping[str, object]) -> Credentials | None:
    """Return the credentials of one entry of `auths`, or None when it holds none; ValueError when it is damaged."""
    username, password = entry.get("username"), entry.get("password")
    if auth := entry.get("auth"):
        text = str(auth)
        try:
            pair = base64.b64decode(text + "=" * (-len(text) % 4), validate=True).decode("utf-8")
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ValueError("`auth` is not base64 of user:password") from error
        username, _, password = pair.rstrip("\0").partition(":")
    token = entry.get("identitytoken")
    if isinstance(token, str) and token:
        return Credentials(str(username or ""), "", token)
    if isinstance(username, str) and isinstance(password, str) and username:
        return Credentials(username, password)
    return None


def pull_logins(secrets: Iterable[PullSecret], image: ImageReference) -> PullLogins:
    """Return what the kubelet would pull `image` with: every entry whose registry, and path where it names one, is the
    image's; the longest first. An empty `matching` is a pull without a login."""
    matching: list[SecretCredentials] = []
    problems: list[str] = []
    for secret in secrets:
        if secret.config is None or secret.problem:
            problems.append(f"secret {secret.name}: {secret.problem or 'is not there'}")
            continue
        try:
            entries = _entries(secret.config)
        except ValueError as error:
            problems.append(f"secret {secret.name}: {error}")
            continue
        matching += [SecretCredentials(secret.name, key, found) for key, found in entries if _is_for(key, image)]
    matching.sort(key=lambda one: len(_split(one.key).path), reverse=True)
    return PullLogins(tuple(matching), tuple(problems))


def _entries(text: str) -> list[tuple[str, Credentials]]:
    """Parse a .dockerconfigjson, or a .dockercfg, which is its `auths` alone."""
    try:
        config = parsed_json(text)
    except ValueError as error:
        raise ValueError("is not JSON") from error
    auths = config.get("auths", config) if isinstance(config, dict) else None
    if not isinstance(auths, dict) or len(auths) > _MOST_ENTRIES:
        raise ValueError("has no `auths` of a sensible size")
    found = []
    for key, entry in auths.items():
        if not isinstance(entry, dict):
            raise ValueError("has an entry of `auths` that is no object")  # noqa: TRY004 - as damaged as any other
        credentials = auth_credentials({**entry, "identitytoken": None})  # which the kubelet does not know
        if credentials is not None:
            found.append((key, credentials))
    return found


def _is_for(key: str, image: ImageReference) -> bool:
    """The kubelet's rule: the same number of host labels, each may be a pattern (`*.example.org`), the same port, and a
    path that the image's begins with, letter by letter."""
    named = _split(key)
    if not named.netloc:
        return False
    hosts = (image.registry, _KUBELETS_DOCKER_HUB) if image.registry == DOCKER_HUB else (image.registry,)
    path = named.path
    for version in ("/v1/", "/v2/"):  # of old logins; `https://index.docker.io/v1/` names the whole registry
        path = path.removeprefix(version[:-1]) if path.startswith(version) or path == version[:-1] else path
    fits = path in ("", "/") or f"/{image.repository}".startswith(path)
    return fits and any(_same_host(named.netloc, host) for host in hosts)


def _same_host(pattern: str, host: str) -> bool:
    wanted, port = _host_and_port(pattern)
    labels, own_port = _host_and_port(host)
    if port != own_port or len(wanted) != len(labels):
        return False
    return all(label == glob or fnmatchcase(label, glob) for glob, label in zip(wanted, labels, strict=True))


def _host_and_port(text: str) -> tuple[list[str], str]:
    host, colon, port = text.rpartition(":")
    return (host.split("."), port) if colon and port.isdigit() else (text.split("."), "")


def _split(key: str) -> SplitResult:
    try:
        return urlsplit(key if "://" in key else f"//{key}")
    except ValueError:
        return SplitResult("", "", "", "", "")
