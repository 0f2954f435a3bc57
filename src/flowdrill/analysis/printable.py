"""Other people's texts, made fit for one line of a terminal or a report."""

from __future__ import annotations

import re

_NOT_PRINTED = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]+")
_LONGEST = 600  # characters


def printable(text: str) -> str:
    """Return `text` on one line, cut to 600 characters, without control and direction-changing characters, and without
    halves of surrogate pairs, which no file can hold."""
    clean = _NOT_PRINTED.sub(" ", text).strip()
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"
