"""A Kubernetes object as YAML without the noise and without a secret. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import yaml

from flowdrill.analysis.redaction import REDACTED, follows_secret_option, names_a_secret, redact
from flowdrill.edges.kubernetes.api import Json

_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # the manifest once more, as one string


def redacted_yaml(item: Json, secrets: frozenset[str] = frozenset()) -> str:
    """Return `item` as YAML: without managedFields, without `secrets`, and with every value redacted whose name says
    that it is secret."""
    return yaml.safe_dump(_scrubbed(item, secrets), sort_keys=False, width=1000, allow_unicode=True)


def secret_values(item: Json) -> frozenset[str]:
    """Return the values of secret environment variables that stand in the object itself, to be kept out of logs too."""
    found: set[str] = set()
    for pair in _named_values(item):
        value = str(pair["value"])
        if names_a_secret(str(pair["name"])) and len(value) > 3:
            found.add(value)
    return frozenset(found)


def _named_values(value: Any) -> Iterable[Json]:
    if isinstance(value, dict):
        if isinstance(value.get("name"), str) and isinstance(value.get("value"), str):
            yield value
        for inner in value.values():
            yield from _named_values(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named_values(inner)


def _scrubbed(value: Any, secrets: frozenset[str], key: str = "") -> Any:
    if isinstance(value, dict):
        kept = {name: inner for name, inner in value.items() if name not in {"managedFields", _LAST_APPLIED}}
        if key in {"annotations", "labels"}:
            return {
                name: REDACTED if names_a_secret(name) else _scrubbed(inner, secrets) for name, inner in kept.items()
            }
        scrubbed = {name: _scrubbed(inner, secrets, name) for name, inner in kept.items()}
        if isinstance(kept.get("value"), str) and names_a_secret(str(kept.get("name"))):
            scrubbed["value"] = REDACTED
        return scrubbed
    if isinstance(value, list):
        return [
            REDACTED if follows_secret_option(value, at) else _scrubbed(inner, secrets, key)
            for at, inner in enumerate(value)
        ]
    return redact(value, secrets) if isinstance(value, str) else value
