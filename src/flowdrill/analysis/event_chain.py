"""The chain in `events.jsonl`: each line ends with the SHA-256 of the line before.

`,"previous":"sha256:…"}` closes every line; the hash is over the bytes of the whole line before, its own `previous`
included and its line end not. The first one follows nothing: the hash of no bytes. Whoever changes, removes, adds or
moves a line breaks the chain behind it. It does not show that lines were cut off at the end, that the last one was
changed, or that somebody has made the whole chain anew: that takes the digests of the files, and a signature over them.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

GENESIS = f"sha256:{hashlib.sha256(b'').hexdigest()}"  # what the first line follows: nothing
_LINK = re.compile(rb',"previous":"(sha256:[0-9a-f]{64})"\}\Z')


@dataclass(frozen=True, slots=True)
class Chain:
    """What a file's chain shows. `first_link`: the first line that has one, from 1; None where no line has: the file
    was written before events were chained. `broken_at`: the first line that does not follow from the one before."""

    lines: int
    first_link: int | None
    broken_at: int | None = None
    problem: str | None = None


def linked(line: bytes, previous: str) -> bytes:
    """Return a line (a JSON object, without line end) with the hash of the one before it."""
    return line[:-1] + f',"previous":"{previous}"}}'.encode()


def hash_of_line(line: bytes) -> str:
    """Return what the next line names as its `previous`; `line` is without its line end."""
    return f"sha256:{hashlib.sha256(line).hexdigest()}"


def head_of(data: bytes) -> str:
    """Return the hash that follows the last whole line of a file."""
    lines = data.rsplit(b"\n", 2)
    return GENESIS if len(lines) == 1 else hash_of_line(lines[-2])


def chain_of(lines: Iterable[bytes]) -> Chain:
    """Return what the chain of a file's whole lines shows. An older flowdrill's lines have no link, and may be followed
    by a newer one's, the first of which then follows from the last of them; a line without one behind is a break."""
    previous, first_link, number = GENESIS, None, 0
    for number, line in enumerate(lines, 1):
        link = _LINK.search(line)
        if link is None and first_link is not None:
            return Chain(number, first_link, number, "it has no `previous`: it was added, or changed")
        if link is not None:
            first_link = first_link or number
            if link[1].decode() != previous:
                after = "nothing, as it is the first" if number == 1 else f"line {number - 1} as it is now"
                problem = f"it does not follow from {after}: one of the two was changed, added, or moved, or a line "
                return Chain(number, first_link, number, f"{problem}between them was removed")
        previous = hash_of_line(line)
    return Chain(number, first_link)
