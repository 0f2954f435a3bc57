"""Digests and references in the columns of tables: such words must break anywhere, or the table is wider than its page.

To break anywhere costs WeasyPrint a look at each character for each box around it: seconds, where every cell may. So
only cells with a long word get the class `long-words`, which the style sheet lets break.
"""

from __future__ import annotations

from typing import Any

_CELLS = ("td", "th", "dd")
_LONG = 24
_CLASS = "long-words"


def let_long_words_break(page: Any) -> None:
    """Change the elements of a page."""
    for cell in page.iter():
        if cell.tag in _CELLS and any(len(word) > _LONG for word in "".join(cell.itertext()).split()):
            cell.set("class", f"{cell.get('class', '')} {_CLASS}".strip())
            _move_spaces_into_spans(cell)


def _move_spaces_into_spans(cell: Any) -> None:
    """Where a text begins with its space, WeasyPrint takes its first word for one that cannot be broken."""
    for span in cell.iter("span"):
        tail = span.tail or ""
        if not tail[:1].isspace() or not tail.strip():
            continue
        if len(span):
            span[-1].tail = f"{span[-1].tail or ''} "
        else:
            span.text = f"{span.text or ''} "
        span.tail = tail.lstrip()
