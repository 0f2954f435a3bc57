"""An image's configuration: what a container is started with. Unknown fields are kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flowdrill.errors import RegistryError
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.manifests import platform_of

_FIRST_YEAR = 2013  # of container images


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """The parts of a configuration that a drill reads."""

    document: bytes
    env: Mapping[str, str]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    working_dir: str
    labels: Mapping[str, str]
    platform: str  # os/architecture[/variant]
    created: str | None  # UTC, ISO 8601; None where it does not say


@dataclass(frozen=True, slots=True)
class ConfigEdit:
    """What is changed in a configuration; None leaves a thing as it is."""

    history: str  # what the image's history says of the change
    set_env: Mapping[str, str] = field(default_factory=dict)
    unset_env: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None
    working_dir: str | None = None


def parse_config(document: bytes, where: str) -> ImageConfig:
    """Return the parsed configuration; RegistryError naming `where` when it is none of a container image."""
    try:
        fields = parsed_json(document)
        fields["rootfs"]["diff_ids"].copy()  # a list: what is built on it is appended there
        runtime = fields.get("config") or {}
        variables = [str(variable).partition("=") for variable in runtime.get("Env") or ()]
        return ImageConfig(
            document,
            {name: value for name, _, value in variables},
            tuple(str(part) for part in runtime.get("Entrypoint") or ()),
            tuple(str(part) for part in runtime.get("Cmd") or ()),
            str(runtime.get("WorkingDir") or "/"),
            {str(name): str(value) for name, value in (runtime.get("Labels") or {}).items()},
            platform_of(fields),
            _created(fields.get("created")),
        )
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RegistryError(
            f"{where}: its configuration is not a container image's: {type(error).__name__}: {error}",
            "Name a container image, not a chart or another artifact.",
        ) from error


def edited_config(config: ImageConfig, edit: ConfigEdit, layer_digest: str | None) -> bytes:
    """Return the configuration's document with the edit made, and with the layer that comes on top (None: no layer) by
    the digest of its plain tar. `created` stays, so that the same input gives the same bytes."""
    fields: dict[str, Any] = json.loads(config.document)
    runtime: dict[str, Any] = fields.get("config") or {}
    fields["config"] = runtime
    env = {name: value for name, value in config.env.items() if name not in edit.unset_env} | dict(edit.set_env)
    _put(runtime, "Env", [f"{name}={value}" for name, value in env.items()])
    _put(runtime, "Labels", dict(config.labels) | dict(edit.labels))
    if edit.entrypoint is not None:
        _put(runtime, "Entrypoint", list(edit.entrypoint))
    if edit.cmd is not None:
        _put(runtime, "Cmd", list(edit.cmd))
    if edit.user is not None:
        runtime["User"] = edit.user
    if edit.working_dir is not None:
        runtime["WorkingDir"] = edit.working_dir
    if layer_digest is not None:
        fields["rootfs"]["diff_ids"].append(layer_digest)
    if isinstance(fields.get("history"), list):
        entry: dict[str, object] = {"created": fields["created"]} if "created" in fields else {}
        entry["created_by"] = edit.history
        fields["history"].append(entry if layer_digest is not None else {**entry, "empty_layer": True})
    return json.dumps(fields, separators=(",", ":")).encode()


def _created(text: object) -> str | None:
    """Builders that want the same bytes every time write the epoch, or the year 1: that says nothing."""
    try:
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is None or moment.year < _FIRST_YEAR:
            return None
        return moment.replace(tzinfo=moment.tzinfo or UTC).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (ValueError, OverflowError):
        return None


def _put(runtime: dict[str, Any], key: str, value: list[str] | dict[str, str]) -> None:
    if value:
        runtime[key] = value
    else:
        runtime.pop(key, None)
