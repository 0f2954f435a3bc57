"""What the history says of an image: for a terminal, for programs, and as Markdown."""

from __future__ import annotations

import json

from flowdrill.model.evidence_search import EvidenceAnswer, Found, RecordedDrill
from flowdrill.model.quantity import format_seconds
from flowdrill.report.markdown import escape_markdown, markdown_table
from flowdrill.report.safe_text import visible_text

HEADS = {Found.PROVEN: "PASS", Found.NOT_PROVEN: "NOT PROVEN", Found.NONE: "NO EVIDENCE"}
_SIGNS = {Found.PROVEN: "✅", Found.NOT_PROVEN: "❓", Found.NONE: "❌"}
_MOST_UNREADABLE = 10


def render_evidence_json(answer: EvidenceAnswer) -> str:
    """Return everything for programs: only ASCII; ending with a line end."""
    return json.dumps(answer.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def render_evidence_text(answer: EvidenceAnswer) -> str:
    """Return what a terminal shows, ending with a line end."""
    lines = [f"{HEADS[answer.found]}: {answer.image}: {visible_text(answer.says)}"]
    if answer.evidence is not None:
        lines.append(f"  run: {visible_text(answer.evidence.run)}")
    lines += [f"  run {_run(one)}: {visible_text(one.why_not)}" for one in answer.nearest]
    lines += [f"  not read: {one}" for one in _unreadable(answer)]
    return "\n".join(lines) + "\n"


def render_evidence_markdown(answer: EvidenceAnswer) -> str:
    """Return GitHub-flavoured Markdown, short enough for a step's summary; ending with a line end."""
    head = f"{_SIGNS[answer.found]} {HEADS[answer.found]}"
    blocks = [f"## {head}: evidence of a rollback", escape_markdown(f"{answer.image}: {answer.says}")]
    if answer.evidence is not None:
        blocks.append(f"Run {escape_markdown(answer.evidence.run)}")
    if answer.nearest:
        rows = [(escape_markdown(_run(one)), escape_markdown(one.why_not)) for one in answer.nearest]
        blocks.append(markdown_table(("Nearest run", "Why it does not count"), rows))
    if answer.unreadable:
        blocks.append("\n".join(f"- not read: {escape_markdown(one)}" for one in _unreadable(answer)))
    return "\n\n".join(blocks) + "\n"


def _unreadable(answer: EvidenceAnswer) -> list[str]:
    shown = [visible_text(one) for one in answer.unreadable[:_MOST_UNREADABLE]]
    more = len(answer.unreadable) - len(shown)
    return [*shown, f"and {more} more"] if more else shown


def _run(one: RecordedDrill) -> str:
    age = "" if one.age_seconds is None or one.age_seconds < 0 else f", {format_seconds(one.age_seconds)} old"
    drill = "" if one.drill is None else f" ({visible_text(one.drill)}{age})"
    return f"{visible_text(one.run)}{drill}"
