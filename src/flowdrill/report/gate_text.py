"""What a gate came to: for a terminal, for programs, as Markdown for a step's summary, and as annotations."""

from __future__ import annotations

import json
from pathlib import PurePath

from flowdrill.model.gate import GateDrill, GateOutcome, GateResult, GateStep
from flowdrill.model.quantity import format_seconds
from flowdrill.report.github_annotations import Annotation, Level
from flowdrill.report.markdown import escape_markdown, markdown_table
from flowdrill.report.safe_text import visible_text

WORDS = {
    GateOutcome.PASS: "PASS",
    GateOutcome.FAIL: "FAIL",
    GateOutcome.INCONCLUSIVE: "INCONCLUSIVE",
    GateOutcome.ERROR: "ERROR",
    GateOutcome.NOT_RUN: "NOT RUN",
}
_SIGNS = {
    GateOutcome.PASS: "✅",
    GateOutcome.FAIL: "❌",
    GateOutcome.INCONCLUSIVE: "❓",
    GateOutcome.ERROR: "⛔",
    GateOutcome.NOT_RUN: "⏸️",
}
_LEVELS = {
    GateOutcome.PASS: Level.NOTICE,
    GateOutcome.FAIL: Level.ERROR,
    GateOutcome.ERROR: Level.ERROR,
    GateOutcome.INCONCLUSIVE: Level.ERROR,
    GateOutcome.NOT_RUN: Level.WARNING,
}
_COLUMNS = ("Drill", "Verdict", "Detected after", "Rolled back in", "Outage", "Why")
_MOST_REASON = 200  # characters of a cell


def render_gate_json(result: GateResult) -> str:
    """Return everything for programs: only ASCII; ending with a line end."""
    return json.dumps(result.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def drill_line(drill: GateDrill) -> str:
    """Return a line about one drill, for while the gate goes on."""
    return f"{WORDS[drill.outcome]:<13} {visible_text(_name(drill))}: {visible_text(_why(drill))}"


def head_sentence(result: GateResult) -> str:
    """Return the verdict in a sentence."""
    what = "the suite" if result.candidate is None else f"candidate {visible_text(result.candidate)}"
    says = f"{WORDS[result.verdict]}: {what}, by suite {visible_text(result.suite)} on {visible_text(result.cluster)}"
    return f"{says}: {visible_text(result.says)}"


def render_gate_text(result: GateResult) -> str:
    """Return what a terminal shows, ending with a line end. Lines are not wrapped: each begins with a word of ours, and
    never with one that a cluster has said, which a pipeline may take for a command."""
    return "\n".join([*map(drill_line, result.drills), "", head_sentence(result)]) + "\n"


def render_gate_markdown(result: GateResult) -> str:
    """Return GitHub-flavoured Markdown, short enough for a step's summary; ending with a line end."""
    verdict = "may go" if not result.blocks else "is blocked"
    what = "The suite" if result.candidate is None else f"Candidate {escape_markdown(result.candidate)}"
    subject = "the release" if result.candidate is not None else "this suite"
    blocks = [
        f"## {_SIGNS[result.verdict]} {WORDS[result.verdict]}: {subject} {verdict}",
        f"{what}, by suite {escape_markdown(result.suite)} on {escape_markdown(result.cluster)}: "
        f"{escape_markdown(result.says)}",
    ]
    if result.rollback_to is not None:
        blocks.append(f"Rolled back to {escape_markdown(result.rollback_to)}")
    blocks.append(markdown_table(_COLUMNS, [_row(one) for one in result.drills]))
    return "\n\n".join(blocks) + "\n"


def gate_annotations(result: GateResult) -> list[Annotation]:
    """Return the verdict, and each drill that does not hold, as annotations; an inconclusive one that the suite allows
    is a warning."""
    told = [Annotation(_LEVELS[result.verdict], f"flowdrill gate: {WORDS[result.verdict]}", head_sentence(result))]
    for one in result.drills:
        if one.outcome is GateOutcome.PASS:
            continue
        allowed = one.outcome is GateOutcome.INCONCLUSIVE and result.inconclusive_allowed
        level = Level.WARNING if allowed else _LEVELS[one.outcome]
        told.append(Annotation(level, f"{_name(one)}: {WORDS[one.outcome]}", "; ".join(one.reasons) or _why(one)))
    return told


def error_annotation(problem: str) -> Annotation:
    """Return what kept the gate from being asked, as an annotation."""
    return Annotation(Level.ERROR, "flowdrill gate: ERROR", problem)


def render_error_markdown(problem: str, remedy: str) -> str:
    """Return the same for a step's summary, ending with a line end."""
    head = f"## {_SIGNS[GateOutcome.ERROR]} ERROR: the gate could not be asked"
    return f"{head}\n\n{escape_markdown(problem)}\n\nWhat to do: {escape_markdown(remedy)}\n"


def _row(drill: GateDrill) -> tuple[str, ...]:
    times = (drill.time_to_detect_seconds, drill.time_to_roll_back_seconds, drill.outage_seconds)
    why = visible_text(_why(drill), _MOST_REASON)
    return (
        escape_markdown(_name(drill)),
        f"{_SIGNS[drill.outcome]} {WORDS[drill.outcome].lower()}",
        *("" if one is None else format_seconds(one) for one in times),
        escape_markdown(why),
    )


def _name(drill: GateDrill) -> str:
    return "the candidate, out and back" if drill.step is GateStep.CANDIDATE else drill.drill


def _why(drill: GateDrill) -> str:
    run = "" if drill.run is None else f" ({PurePath(drill.run).name})"
    return f"{drill.reasons[0] if drill.reasons else 'no reason was told'}{run}"
