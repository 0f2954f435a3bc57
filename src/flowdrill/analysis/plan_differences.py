"""In what two plans differ, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Set

from flowdrill.analysis.redaction import REDACTED, follows_secret_option, redact
from flowdrill.model.comparison import Difference


def plan_differences(before: object, after: object) -> tuple[Difference, ...]:
    """Return what differs between two JSON documents, by the paths of their values, in the documents' order:
    `drill.objectives.outage`, `scenario.changes.0.set`. Values are JSON, without what looks like a secret."""
    old, new = dict(_leaves(before, "")), dict(_leaves(after, ""))
    paths = dict.fromkeys((*old, *new))
    hidden = {*_after_options(before, ""), *_after_options(after, "")}
    return tuple(
        Difference(what=path, before=_shown(path, old, hidden), after=_shown(path, new, hidden))
        for path in paths
        if path not in old or path not in new or old[path] != new[path]
    )


def _leaves(value: object, path: str) -> Iterator[tuple[str, str]]:
    """Each value that holds no other, as JSON. An empty list or object is a value, too."""
    inner = _inner(value, path)
    if not inner:
        yield path, json.dumps(value, ensure_ascii=False)
    for name, one in inner:
        yield from _leaves(one, name)


def _inner(value: object, path: str) -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    if isinstance(value, Mapping):
        pairs = [(str(key), one) for key, one in value.items()]
    elif isinstance(value, list):
        pairs = [(str(at), one) for at, one in enumerate(value)]
    return [(f"{path}.{key}" if path else key, one) for key, one in pairs]


def _after_options(value: object, path: str) -> Iterator[str]:
    """The paths of what is secret by the word before it: in a command, `--token …`."""
    for at, (name, one) in enumerate(_inner(value, path)):
        if isinstance(value, list) and follows_secret_option(value, at):
            yield name
        yield from _after_options(one, name)


def _shown(path: str, leaves: Mapping[str, str], hidden: Set[str]) -> str | None:
    """A value may look like a secret only beside its name."""
    if path not in leaves:
        return None
    if path in hidden:
        return json.dumps(REDACTED)
    name = f"{path.rpartition('.')[2]}: "
    return redact(name + leaves[path]).removeprefix(name)
