"""What a release changes beside its image, and how that is put back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Fields = Mapping[str, Any]  # of a container in a pod template, as Kubernetes' JSON has them; None: the field goes


@dataclass(frozen=True, slots=True)
class ConfigText:
    """The text of one key of a ConfigMap."""

    config_map: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Release:
    """The broken release and the stable one, as far as they differ beside the image."""

    broken_fields: Fields = field(default_factory=dict)
    stable_fields: Fields = field(default_factory=dict)
    broken_config: ConfigText | None = None
    stable_config: ConfigText | None = None
    changes: tuple[str, ...] = ()  # one line a change, without secrets


IMAGE_ONLY = Release()
NO_FIELDS: Fields = {}


def container_patch(container: str, image: str, fields: Fields) -> dict[str, Any]:
    """Return the strategic merge patch that sets a container's image and `fields`: each as a whole, not merged into
    what is there; None removes one."""
    whole = {name: _whole(value) for name, value in fields.items()}
    return {"spec": {"template": {"spec": {"containers": [{"name": container, "image": image, **whole}]}}}}


def _whole(value: Any) -> Any:
    replace = {"$patch": "replace"}
    if isinstance(value, list):
        return [*value, replace]
    return {**value, **replace} if isinstance(value, dict) else value
