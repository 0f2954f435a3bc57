"""`SHA256SUMS`: the digests of a run's files as `sha256sum --check` reads them, and how files differ from them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


@dataclass(frozen=True, slots=True)
class Difference:
    """A file that is not as a list has it."""

    name: str
    problem: str


def digest_list_text(digests: Mapping[str, str]) -> str:
    """Return the list: one file a line, sorted by name; `digests`: SHA-256 in hexadecimal by name."""
    return "".join(f"{digests[name]}  {name}\n" for name in sorted(digests))


def parse_digest_list(text: str) -> dict[str, str]:
    """Return the digests by name. ValueError when it is not exactly what `digest_list_text` writes: so a byte that was
    changed is found anywhere in it."""
    found: dict[str, str] = {}
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else (), 1):
        matched = _LINE.fullmatch(line)
        if matched is None:
            raise ValueError(f"line {number} is no digest and a name")
        found[matched[2]] = matched[1]
    if digest_list_text(found) != text:
        raise ValueError("its lines are not sorted, one is there twice, or the last one has no end")
    return found


def differences(listed: Mapping[str, str], there: Mapping[str, str], by: str) -> tuple[Difference, ...]:
    """Return how what is there differs from a list, sorted by name. `by`: the list's name."""
    found = []
    for name in sorted({*listed, *there}):
        if name not in there:
            found.append(Difference(name, f"is missing: {by} lists it"))
        elif name not in listed:
            found.append(Difference(name, f"was added: {by} does not list it"))
        elif listed[name] != there[name]:
            found.append(Difference(name, f"was changed: its SHA-256 is {there[name]}, and by {by} {listed[name]}"))
    return tuple(found)
