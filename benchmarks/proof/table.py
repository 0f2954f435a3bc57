"""A benchmark's measures as a table: for a terminal, or in Markdown."""

from __future__ import annotations

from proof.measure import Measure
from proof.record import Record

HEAD = ("case", "measure", "median", "range", "goal")
_RIGHT = (2, 3)  # columns of numbers


def table(record: Record) -> str:
    """Aligned columns, and below them what was skipped and what must be known."""
    rows = [HEAD, *_rows(record)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [f"{record.claim.title}, against {record.claim.against}"]
    for row in rows:
        cells = (cell.rjust(width) if column in _RIGHT else cell.ljust(width)
                 for column, (cell, width) in enumerate(zip(row, widths, strict=True)))  # fmt: skip
        lines.append("  ".join(cells).rstrip())
    return "\n".join([*lines, *_below(record)]) + "\n"


def markdown(record: Record) -> str:
    """The same for a page."""
    rows = [HEAD, tuple("--:" if column in _RIGHT else "---" for column in range(len(HEAD))), *_rows(record)]
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    below = [f"- {line}" for line in _below(record)]
    return "\n".join([*lines, *([""] if below else []), *below]) + "\n"


def _rows(record: Record) -> list[tuple[str, ...]]:
    rows, case = [], None
    for one in record.found.measures:
        rows.append(("" if one.case == case else one.case, *_row(one, smoke=record.smoke)))
        case = one.case
    return rows


def _row(one: Measure, *, smoke: bool) -> tuple[str, ...]:
    span = f"{number(min(one.values))} to {number(max(one.values))}" if len(one.values) > 1 else ""
    goal = "" if one.goal is None else str(one.goal)
    if goal and not smoke:
        goal += ", MISSED" if one.missed else ", met"
    return one.name, f"{number(one.median)} {one.unit}".strip(), span, goal


def _below(record: Record) -> list[str]:
    return [*(f"skipped: {one}" for one in record.found.skipped), *record.found.notes]


def number(value: float) -> str:
    """Three digits that say something, and thousands apart: 0.00123, 1.23, 1,230,000."""
    if value == 0 or abs(value) >= 1000 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.1f}"
