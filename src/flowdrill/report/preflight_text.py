"""What preflight found, for a terminal and for a pipeline's log."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from flowdrill.model.preflight import PreflightResult
from flowdrill.model.quantity import format_seconds
from flowdrill.model.readiness import AccessRow, ImageRow, Readiness, RevisionRow
from flowdrill.model.status import Status
from flowdrill.report.reach_text import reach_sentence
from flowdrill.report.readiness_words import ACCESS_WORDS, access_status, format_bytes, short_digest

_MARKS = {Status.PASS: "ok", Status.WARNING: "warning", Status.FAIL: "FAILED", Status.UNKNOWN: "unknown"}
_LONGEST = 110


def render_preflight(result: PreflightResult) -> str:
    """Return the verdict first, then every check, then the tables, ending with a line end."""
    blocks = [
        "\n".join(
            (
                f"{result.verdict.value.upper()}: preflight of {result.drill} on {result.namespace}/{result.workload}",
                *(f"  {reason}" for reason in result.reasons),
            )
        ),
        "\n".join(_checks(result)),
        *_tables(result.readiness),
        f"nothing was changed; took {format_seconds(result.took_seconds)}",
    ]
    return "\n\n".join(blocks) + "\n"


def text_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return columns as wide as their widest cell; the last one is not filled up."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def _checks(result: PreflightResult) -> list[str]:
    lines = []
    for check in result.checks:
        lines.append(f"  {_MARKS[check.status]:<8} {check.name}: {check.observed}")
        if check.status is not Status.PASS:
            lines.append(f"{'':11}required: {check.required}")
            lines += [f"{'':11}-> {check.detail}"] if check.detail else []
    return lines


def _tables(readiness: Readiness | None) -> list[str]:
    if readiness is None:
        return []
    return [
        *([_access(readiness.access)] if readiness.access else []),
        *([_images(readiness.images)] if readiness.images else []),
        *([_revisions(readiness.revisions)] if readiness.revisions else []),
        *([f"REACH\n  {reach_sentence(readiness.reach)}"] if readiness.reach else []),
    ]


def _access(rows: tuple[AccessRow, ...]) -> str:
    cells = [
        (
            ACCESS_WORDS[row.allowed] + ("" if access_status(row) is Status.PASS else " !"),
            row.who,
            f"{row.verb} {row.resource}{' ' + row.name if row.name else ''}",
            row.where,
            row.granted_by or "-",
        )
        for row in rows
    ]
    return "PERMISSIONS\n" + text_table(("ALLOWED", "WHO", "WHAT", "WHERE", "BY"), cells)


def _images(rows: tuple[ImageRow, ...]) -> str:
    cells = [
        (row.health.value, row.tier.value, short_digest(row.digest), "; ".join(row.roles), format_bytes(row.size_bytes),
         row.reference.partition("@")[0])
        for row in rows
    ]  # fmt: skip
    return "IMAGES\n" + text_table(("STATE", "LOOKED AT", "DIGEST", "WHY", "SIZE", "REFERENCE"), cells)


def _revisions(rows: tuple[RevisionRow, ...]) -> str:
    cells = [
        (
            f"{'-' if row.number is None else row.number}{' (now)' if row.current else ''}",
            row.created,
            row.image.partition("@")[0],
            _cut("; ".join(row.differences)) or "nothing",
        )
        for row in rows
    ]
    return "REVISIONS\n" + text_table(("NUMBER", "MADE", "IMAGE", "ELSE THAN THE IMAGE IT CHANGES"), cells)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
