"""Which files of its own folder a scenario puts into the broken release."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from flowdrill.model.scenario import Scenario


def scenario_sources(scenario: Scenario) -> tuple[str, ...]:
    """Return the names of all files that its changes, and its recovery, are made from; each once, in order."""
    return tuple(sorted(set(_sources(scenario))))


def _sources(value: object) -> Iterator[str]:
    """`source` is what a scenario's file calls another one of its folder, wherever it does."""
    if isinstance(value, BaseModel):
        for name in type(value).model_fields:
            held = getattr(value, name)
            if name == "source" and isinstance(held, str):
                yield held
            yield from _sources(held)
    elif isinstance(value, tuple | list):
        for one in value:
            yield from _sources(one)
    elif isinstance(value, dict):
        for one in value.values():
            yield from _sources(one)
