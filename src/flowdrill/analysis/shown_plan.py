"""A plan as a report shows it: without what looks like a secret."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import JsonValue

from flowdrill.analysis.redaction import REDACTED, follows_secret_option, names_a_secret, redact

_PLACES = ("_from", "_file")  # a drill's own keys that say where a secret is, and hold none


def shown_plan(plan: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """Return the plan without values that are secret by their shape, by the name beside them, or by the option before
    them, as in the words of a command."""
    named = isinstance(plan.get("name"), str) and _is_secret(str(plan["name"]))  # {"name": "API_KEY", "value": "…"}
    return {key: _shown(value, hidden=_is_secret(key) or (named and key == "value")) for key, value in plan.items()}


def _shown(value: JsonValue, *, hidden: bool) -> JsonValue:
    if isinstance(value, dict):
        return shown_plan(value)
    if isinstance(value, list):
        return [_shown(one, hidden=hidden or follows_secret_option(value, at)) for at, one in enumerate(value)]
    if hidden and value is not None and not isinstance(value, bool):
        return REDACTED
    return redact(value) if isinstance(value, str) else value


def _is_secret(name: str) -> bool:
    return names_a_secret(name) and not name.endswith(_PLACES)
