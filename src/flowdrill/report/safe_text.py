"""Text that came from a cluster, a registry or an answer, made harmless to read: nothing invisible stays invisible."""

from __future__ import annotations

import re
import unicodedata

from flowdrill.model.result import Report

LONGEST_TEXT = 2000
_LAYOUT = re.compile(r"(?:\r\n|[ \t\n])+")
_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})  # control, format (bidi), surrogate, line ends
# What is assigned is another thing in each Python's Unicode. Of what was not by Unicode 14 (Python 3.11): what is
# invisible by a promise of Unicode (Default_Ignorable_Code_Point), and the format characters that came since.
_INVISIBLE_RANGES = (
    (0x2065, 0x2065), (0xFFF0, 0xFFF8), (0x13430, 0x1343F), (0xE0000, 0xE00FF), (0xE01F0, 0xE0FFF),
)  # fmt: skip


def visible_text(text: str, limit: int = LONGEST_TEXT) -> str:
    """Return `text` on one line with every control, bidirectional and zero-width character shown as a sign (`␛`,
    `⟨U+202E⟩`), at most about `limit` characters long. What is left may stand in any XML or HTML document."""
    shown = text[:limit]
    line = _LAYOUT.sub(" ", shown.strip(" \t\r\n"))
    line = "".join(_sign(c) if _is_invisible(c) else c for c in line)
    return line if len(text) <= limit else f"{line} … ({len(text) - limit} characters more)"


def visible_line(line: str) -> str:
    """Return a line of a log in the same way, but with its spaces, so that columns stay under one another."""
    return "".join(_sign(c) if _is_invisible(c) else c for c in line.expandtabs(8).rstrip())


def _is_invisible(character: str) -> bool:
    """The same in every version of Python: reports must not differ by it."""
    code = ord(character)
    if code < 0x7F:
        return code < 0x20
    if unicodedata.category(character) in _INVISIBLE_CATEGORIES:
        return True
    is_noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF  # no XML document may hold some of these
    return is_noncharacter or any(low <= code <= high for low, high in _INVISIBLE_RANGES)


def _sign(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of the control characters
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def with_visible_text(report: Report) -> Report:
    """Return the same report with `visible_text` in place of every text in it: renderers begin with this."""
    excerpts = tuple(
        one.model_copy(
            update={
                "path": visible_text(one.path),
                "what": visible_text(one.what),
                "head": tuple(visible_line(line) for line in one.head),
                "tail": tuple(visible_line(line) for line in one.tail),
            }
        )
        for one in report.excerpts
    )
    # rows that are no models come as such
    shown = Report.model_validate(_visible(report.model_dump(exclude={"excerpts"})), strict=False)
    return shown.model_copy(update={"excerpts": excerpts})


def _visible(value: object) -> object:
    if type(value) is str:  # an enum's text is ours, and must stay an enum
        return visible_text(value)
    if isinstance(value, dict):
        return {_visible(key): _visible(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(_visible(item) for item in value)
    return value
