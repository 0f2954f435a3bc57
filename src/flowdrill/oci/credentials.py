"""Credentials for a registry, from where `docker login` leaves them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from flowdrill.analysis.docker_auths import Credentials, auth_credentials
from flowdrill.errors import RegistryError
from flowdrill.model.json_text import parsed_json

_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_HELPER_NAME = re.compile(r"[\w.-]+")
_HELPER_SECONDS = 30


def config_path(environ: Mapping[str, str]) -> Path:
    """Return the Docker configuration file: $DOCKER_CONFIG/config.json, or ~/.docker/config.json."""
    folder = environ.get("DOCKER_CONFIG")
    return (Path(folder) if folder else Path.home() / ".docker") / "config.json"


def find_credentials(host: str, path: Path) -> Credentials | None:
    """Return the credentials the Docker configuration at `path` has for `host`, or None: from the host's own helper
    (`credHelpers`), from `auths`, or from the general helper (`credsStore`), in this order. RegistryError when the
    file or a helper cannot be used."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise _unusable(path, str(error)) from error
    try:
        config = parsed_json(text)
    except ValueError as error:
        raise _unusable(path, f"not JSON: {error}") from error
    if not isinstance(config, dict):
        raise _unusable(path, "not a JSON object")
    keys = _keys_of(host)
    helper = _entry(config.get("credHelpers"), keys)
    if isinstance(helper, str):
        return _from_helper(helper, keys[0], path)
    entry = _entry(config.get("auths"), keys)
    found = _from_entry(entry, host, path) if isinstance(entry, dict) else None
    store = config.get("credsStore")
    if found is None and isinstance(store, str) and store:
        return _from_helper(store, keys[0], path)
    return found


def _keys_of(host: str) -> tuple[str, ...]:
    return _DOCKER_HUB_KEYS if host in _DOCKER_HUB_KEYS else (host,)


def _entry(section: object, keys: tuple[str, ...]) -> object:
    """Return what `section` has for one of `keys`; `https://host/v1/` and `host` name the same registry."""
    if not isinstance(section, dict):
        return None
    exact = next((section[key] for key in keys if key in section), None)
    if exact is not None:
        return exact
    return next((value for key, value in section.items() if _bare(key) in keys), None)


def _bare(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _from_entry(entry: Mapping[str, object], host: str, path: Path) -> Credentials | None:
    try:
        return auth_credentials(entry)
    except ValueError as error:
        raise _unusable(path, f"auths, {host}: {error}") from error


def _from_helper(name: str, server: str, path: Path) -> Credentials | None:
    program = f"docker-credential-{name}"
    found = shutil.which(program) if _HELPER_NAME.fullmatch(name) else None
    if found is None:
        raise RegistryError(
            f"{path}: names the credential helper {name!r}, and there is no program {program} on PATH",
            f"Install it, or log in without it: `docker login {server}` with a DOCKER_CONFIG folder of its own.",
        )
    try:
        run = subprocess.run(  # noqa: S603 - the user's own helper, by the name Docker itself would run
            [found, "get"], input=server, capture_output=True, text=True, timeout=_HELPER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _helper_failed(program, server, type(error).__name__) from error
    if run.returncode != 0:
        if "not found" in run.stdout + run.stderr:  # the protocol's way to say: I have none
            return None
        raise _helper_failed(program, server, f"it ended with exit code {run.returncode}")
    try:
        answer = parsed_json(run.stdout)
        username, secret = str(answer["Username"]), str(answer["Secret"])
    except (ValueError, KeyError, TypeError) as error:
        raise _helper_failed(program, server, "its answer is not the JSON that Docker expects") from error
    return Credentials("", "", secret) if username == "<token>" else Credentials(username, secret)


def _helper_failed(program: str, server: str, why: str) -> RegistryError:
    # what the helper printed is not repeated: it may hold the secret
    return RegistryError(f"{program} gave no credentials for {server}: {why}", f"Run `{program} get` by hand to see.")


def _unusable(path: Path, why: str) -> RegistryError:
    return RegistryError(f"{path}: cannot be used: {why}", "Mend the file, or log in again with `docker login`.")
