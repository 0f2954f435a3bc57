"""How far back a workload can be rolled: for a terminal, for a pull request, for programs."""

from __future__ import annotations

import json

from flowdrill.model.reach import Aspect, Reach, ReachFinding, ReachRow
from flowdrill.model.status import Status
from flowdrill.report.markdown import STATUS_SIGNS, escape_markdown, markdown_table
from flowdrill.report.safe_text import visible_text

_SCHEMA = "flowdrill.dev/reach/v1"
_WORDS = {Status.PASS: "yes", Status.WARNING: "yes, but", Status.FAIL: "no", Status.UNKNOWN: "?"}
_SHORT = 12  # of a digest's hexadecimal digits
_LONGEST_NAME = 48
_LONGEST_REASON = 400
_MOST_REASONS = 5  # versions whose obstacles the first sentence names
_COLUMNS = ("version", "created", "retained", "verified", "revision", "permitted", "safe", "kept until")


def short_name(row: ReachRow) -> str:
    """Return a version as people call it: its tags, or else the beginning of its digest; made visible."""
    digest = row.digest.partition(":")[2][:_SHORT] if row.digest is not None else ""
    name = ", ".join(row.tags) or digest or row.reference
    return visible_text(name, _LONGEST_NAME)


def reach_sentence(reach: Reach) -> str:
    """Return the brake's length: `1 version back: …`, or `nothing to roll back to: …` with what each version lacks."""
    nearest, back = reach.nearest, reach.versions_back
    if nearest is not None and back is not None:
        since = f", verified stable since {nearest.verified.verified_at}" if nearest.verified is not None else ""
        but = "; but " + "; ".join(one.words for one in nearest.warnings) if nearest.warnings else ""
        versions = "version" if back == 1 else "versions"
        text = f"{back} {versions} back: {short_name(nearest)} ({nearest.reference}){since}{but}"
        return visible_text(text, 2 * _LONGEST_REASON)
    if not reach.earlier:
        return "nothing to roll back to: no earlier version is kept, in the registry, or in the ledger"
    named = [f"{short_name(row)}: {_obstacles(row)}" for row in reach.earlier[:_MOST_REASONS]]
    left = len(reach.earlier) - len(named)
    return "nothing to roll back to: " + "; ".join([*named, *([f"and {left} more"] if left else [])])


def render_reach_text(reach: Reach) -> str:
    """Return a table for a terminal, the answer first, what does not hold below; ending with a line end."""
    table = [("", *_COLUMNS), *((_mark(reach, row), short_name(row), *_cells(row)) for row in reach.rows)]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    lines = [f"{visible_text(reach.workload)}, {visible_text(reach.at)}", reach_sentence(reach), ""]
    for line in table:
        cells = (f"{cell:<{width}}" for cell, width in zip(line, widths, strict=True))
        lines.append("  ".join(cells).rstrip())
    for row in reach.rows:
        told = [one for one in row.findings if one.status is not Status.PASS] if not row.current else []
        if told:
            lines += ["", f"{short_name(row)}  {visible_text(row.reference)}", *map(_told, told)]
    return "\n".join(lines) + "\n"


def render_reach_markdown(reach: Reach) -> str:
    """Return GitHub-flavoured Markdown, ending with a line end."""
    sign = STATUS_SIGNS[Status.FAIL if reach.nearest is None else Status.PASS]
    head = ("", *(name.capitalize() for name in _COLUMNS), "What to look at")
    rows = [
        (
            escape_markdown(_mark(reach, row)),
            escape_markdown(short_name(row)),
            *map(escape_markdown, _cells(row)),
            "" if row.current else escape_markdown("; ".join(one.words for one in (*row.obstacles, *row.warnings))),
        )
        for row in reach.rows
    ]
    title = f"## {sign} {escape_markdown(reach.workload)}"
    answer = escape_markdown(reach_sentence(reach))
    return "\n\n".join((title, answer, markdown_table(head, rows), f"<sub>{escape_markdown(reach.at)}</sub>")) + "\n"


def render_reach_json(reach: Reach) -> str:
    """Return the same for programs: texts as they are, only ASCII; ending with a line end."""
    nearest = reach.nearest
    document = {
        "schema": _SCHEMA,
        "workload": reach.workload,
        "at": reach.at,
        "versions_back": reach.versions_back,
        "nearest": None if nearest is None else nearest.reference,
        "says": reach_sentence(reach),
        "rows": [_document(row) for row in reach.rows],
    }
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _document(row: ReachRow) -> dict[str, object]:
    verified, revision, health = row.verified, row.revision, row.health
    return {
        "reference": row.reference,
        "digest": row.digest,
        "tags": list(row.tags),
        "created": row.created,
        "current": row.current,
        "holds": row.holds,
        "retained": None if health is None else health.health,
        "tier": None if health is None else health.tier,
        "verified": None if verified is None else {"at": verified.verified_at, "by": verified.by},
        "revision": None if revision is None else {"name": revision.name, "number": revision.number},
        "differences": list(row.differences),
        "permitted": row.permitted,
        "safe": row.safe,
        "archived_on": row.archived_on,
        "findings": [{"aspect": one.aspect, "status": one.status, "words": one.words} for one in row.findings],
    }


def _mark(reach: Reach, row: ReachRow) -> str:
    return "now" if row.current else "->" if row is reach.nearest else ""


def _cells(row: ReachRow) -> tuple[str, ...]:
    revision = row.revision
    number = "" if revision is None or revision.number is None else str(revision.number)
    return (
        visible_text((row.created or "?")[:10]),
        _WORDS[row.finding(Aspect.RETAINED).status],
        visible_text(row.verified.verified_at[:10]) if row.verified is not None else "no",
        "none" if revision is None else number + (" differs" if row.differences and not row.current else "") or "kept",
        _WORDS[row.finding(Aspect.PERMITTED).status],
        _WORDS[row.finding(Aspect.SAFE).status],
        visible_text(row.archived_on) if row.archived_on is not None else _kept_for_ever(row),
    )


def _kept_for_ever(row: ReachRow) -> str:
    return "always" if row.finding(Aspect.CLEAN_UP).status is Status.PASS else "?"


def _obstacles(row: ReachRow) -> str:
    return visible_text(", ".join(f"{one.aspect}: {one.words}" for one in row.obstacles), _LONGEST_REASON)


def _told(finding: ReachFinding) -> str:
    return f"  {finding.status:<8} {finding.aspect}: {visible_text(finding.words, _LONGEST_REASON)}"
