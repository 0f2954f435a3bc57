"""What a fleet came to: for a terminal of any width, for programs, as Markdown, and as JUnit."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import PurePath
from xml.etree import ElementTree as ET

from flowdrill.model.fleet import FleetDrill, FleetOutcome, FleetResult
from flowdrill.model.quantity import format_seconds
from flowdrill.report.markdown import escape_markdown, markdown_table
from flowdrill.report.safe_text import visible_text

WORDS = {
    FleetOutcome.PASS: "PASS",
    FleetOutcome.FAIL: "FAIL",
    FleetOutcome.INCONCLUSIVE: "INCONCLUSIVE",
    FleetOutcome.ERROR: "ERROR",
    FleetOutcome.SKIPPED: "SKIPPED",
    FleetOutcome.NOT_RUN: "NOT RUN",
}
_SIGNS = {
    FleetOutcome.PASS: "✅",
    FleetOutcome.FAIL: "❌",
    FleetOutcome.INCONCLUSIVE: "❓",
    FleetOutcome.ERROR: "⛔",
    FleetOutcome.SKIPPED: "⏭️",
    FleetOutcome.NOT_RUN: "⏸️",
}
_TAGS = {
    FleetOutcome.FAIL: "failure",
    FleetOutcome.INCONCLUSIVE: "error",
    FleetOutcome.ERROR: "error",
    FleetOutcome.SKIPPED: "skipped",
    FleetOutcome.NOT_RUN: "skipped",
}
_COLUMNS = ("VERDICT", "NAMESPACE", "WORKLOAD", "DETECTED", "RECOVERED", "OUTAGE")
_MARKDOWN_COLUMNS = ("Namespace", "Workload", "Verdict", "Detected after", "Recovered in", "Outage", "Why")
_MOST_REASON = 200  # characters of a cell
_GAP = "  "
_NARROWEST = 60  # columns of a terminal: below, nothing is left for the times


def render_fleet_json(result: FleetResult) -> str:
    """Return everything for programs: only ASCII; ending with a line end."""
    return json.dumps(result.model_dump(mode="json", by_alias=True), indent=2, allow_nan=False) + "\n"


def fleet_line(drill: FleetDrill) -> str:
    """Return a line about one workload, for while the others go on."""
    return f"{WORDS[drill.outcome]:<13} {visible_text(drill.where)}: {visible_text(_why(drill))}"


def fleet_sentence(result: FleetResult) -> str:
    """Return the verdict in a sentence."""
    what = f"drill {visible_text(result.drill)} at {_which(result)} on {visible_text(result.cluster)}"
    return f"{WORDS[result.verdict]}: {what}: {visible_text(result.says)}"


def render_fleet_text(result: FleetResult, width: int | None = None) -> str:
    """Return a table, a row a workload, and the verdict; ending with a line end. `width`: of the terminal, in
    characters; a narrow one has no times and shortened names. None: nobody looks at it on one."""
    rows = [_cells(one) for one in result.drills]
    columns = [*_COLUMNS] if width is None or width >= _NARROWEST else [*_COLUMNS[:3]]
    widths = [max(len(row[at]) for row in (_COLUMNS, *rows)) for at in range(len(columns))]
    if width is not None:
        widths = _narrowed(widths, width)
    lines = [_row(columns, widths)]
    for drill, row in zip(result.drills, rows, strict=True):
        lines.append(_row(row[: len(columns)], widths))
        if drill.outcome is not FleetOutcome.PASS:
            lines += [f"{_GAP}{visible_text(one)}" for one in drill.reasons[:1]]
    lines += ["", *_notes(result), fleet_sentence(result)]
    return "\n".join(lines) + "\n"


def render_fleet_markdown(result: FleetResult) -> str:
    """Return GitHub-flavoured Markdown, ending with a line end."""
    blocks = [
        f"## {_SIGNS[result.verdict]} {WORDS[result.verdict]}: drill {escape_markdown(result.drill)} at "
        f"{len(result.drills)} workloads",
        f"{escape_markdown(_which(result))} on {escape_markdown(result.cluster)}, {result.parallel} at once, from "
        f"{escape_markdown(result.started)}, {format_seconds(result.took_seconds)}: {escape_markdown(result.says)}",
        *(escape_markdown(one) for one in _notes(result)),
        markdown_table(_MARKDOWN_COLUMNS, [_markdown_row(one) for one in result.drills], " in fleet.json"),
    ]
    return "\n\n".join(blocks) + "\n"


def render_fleet_junit(result: FleetResult) -> str:
    """Return a JUnit document: a test suite a namespace, a case a workload. What nobody knows is an `error`, what was
    not drilled is `skipped`, and then the verdict's own case is none that passed."""
    spaces = sorted({one.namespace for one in result.drills})
    suites = [_suite("fleet", [_case("fleet", "verdict", result.verdict, fleet_sentence(result), result.took_seconds)])]
    for space in spaces:
        drills = [one for one in result.drills if one.namespace == space]
        suites.append(
            _suite(space, [_case(space, one.workload, one.outcome, _all(one), one.seconds) for one in drills])
        )
    root = ET.Element("testsuites", {"name": f"flowdrill fleet {result.drill}"})
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(one.get(name, "0")) for one in suites)))
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(name: str, cases: Sequence[ET.Element]) -> ET.Element:
    tags = [child.tag for case in cases for child in case]
    counts = {"failures": "failure", "errors": "error", "skipped": "skipped"}
    told = {counted: str(tags.count(tag)) for counted, tag in counts.items()}
    suite = ET.Element("testsuite", {"name": name, "tests": str(len(cases)), **told})
    suite.extend(cases)
    return suite


def _case(group: str, name: str, outcome: FleetOutcome, text: str, seconds: float | None) -> ET.Element:
    case = ET.Element("testcase", {"classname": f"flowdrill.{group}", "name": name, "time": f"{seconds or 0:.3f}"})
    if outcome is FleetOutcome.PASS:
        ET.SubElement(case, "system-out").text = text
    else:
        message = text.partition("\n")[0]
        ET.SubElement(case, _TAGS[outcome], type=outcome.value, message=message).text = text
    return case


def _all(drill: FleetDrill) -> str:
    run = () if drill.run is None else (PurePath(drill.run).name,)
    return "\n".join(visible_text(one) for one in (*drill.reasons, *run))


def _notes(result: FleetResult) -> list[str]:
    notes = []
    if result.stopped is not None:
        notes.append(f"no further drill began: {visible_text(result.stopped)}")
    if result.appeared is None:
        notes.append("whether workloads have appeared meanwhile could not be found out")
    elif result.appeared:
        notes.append(f"new meanwhile, and not drilled: {', '.join(map(visible_text, result.appeared))}")
    return notes


def _which(result: FleetResult) -> str:
    space = "all namespaces" if result.namespace is None else f"namespace {result.namespace}"
    return f"{visible_text(result.selector)} in {visible_text(space)}"


def _cells(drill: FleetDrill) -> tuple[str, ...]:
    return (
        WORDS[drill.outcome],
        visible_text(drill.namespace),
        visible_text(drill.workload),
        *("-" if one is None else format_seconds(one) for one in _times(drill)),
    )


def _times(drill: FleetDrill) -> tuple[float | None, float | None, float | None]:
    return drill.time_to_detect_seconds, drill.time_to_recover_seconds, drill.outage_seconds


def _row(cells: Sequence[str], widths: Sequence[int]) -> str:
    shown = (_cut(cell, width).ljust(width) for cell, width in zip(cells, widths, strict=True))
    return _GAP.join(shown).rstrip()


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _narrowed(widths: list[int], width: int) -> list[int]:
    """Names give way, the longer one first."""
    widths = [*widths]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > width:
        at = max((1, 2), key=lambda one: widths[one])
        if widths[at] <= 10:
            break
        widths[at] -= 1
    return widths


def _markdown_row(drill: FleetDrill) -> tuple[str, ...]:
    return (
        escape_markdown(drill.namespace),
        escape_markdown(drill.workload),
        f"{_SIGNS[drill.outcome]} {WORDS[drill.outcome].lower()}",
        *("" if one is None else format_seconds(one) for one in _times(drill)),
        escape_markdown(visible_text(_why(drill), _MOST_REASON)),
    )


def _why(drill: FleetDrill) -> str:
    run = "" if drill.run is None else f" ({PurePath(drill.run).name})"
    return f"{drill.reasons[0] if drill.reasons else 'no reason was told'}{run}"
