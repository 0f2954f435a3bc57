"""In what two plans differ, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from flowdrill.analysis.redaction import redact
from flowdrill.model.comparison import Difference


def plan_differences(before: object, after: object) -> tuple[Difference, ...]:
    """Return what differs between two JSON documents, by the paths of their values, in the documents' order:
    `drill.objectives.outage`, `scenario.changes.0.set`. Values are JSON, without what looks like a secret."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    paths = dict.fromkeys((*old, *new))
    return tuple(
        Difference(what=path, before=_shown(path, old), after=_shown(path, new))
        for path in paths
        if path not in old or path not in new or old[path] != new[path]
    )


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Each value that holds no other, as JSON. An empty list or object is a value, too."""
    pairs: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        pairs = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        pairs = [(str(at), one) for at, one in enumerate(value)]
    if not pairs:
        yield path, json.dumps(value, ensure_ascii=False)
    for key, one in pairs:
        yield from _leaves(one, f"{path}.{key}" if path else key)


def _shown(path: str, leaves: Mapping[str, str]) -> str | None:
    """A value may look like a secret only beside its name."""
    if path not in leaves:
        return None
    name = f"{path.rpartition('.')[2]}: "
    return redact(name + leaves[path]).removeprefix(name)
