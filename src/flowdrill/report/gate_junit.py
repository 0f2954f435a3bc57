"""One JUnit file for a whole gate: a test suite a drill, with the cases of that drill's own `junit.xml` in it.

What nobody knows, and what could not begin, becomes a JUnit `error`; a drill that was not run is `skipped`, and then
the verdict's own suite is no pass.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from xml.etree import ElementTree as ET

from flowdrill.model.gate import GateDrill, GateOutcome, GateResult
from flowdrill.report.gate_text import head_sentence
from flowdrill.report.safe_text import visible_text

_TAGS = {
    GateOutcome.FAIL: "failure",
    GateOutcome.INCONCLUSIVE: "error",
    GateOutcome.ERROR: "error",
    GateOutcome.NOT_RUN: "skipped",
}
_COUNTED = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def render_gate_junit(result: GateResult, own: Sequence[str | None]) -> str:
    """Return a JUnit document. `own`: the `junit.xml` of each drill, as flowdrill's renderer made it; None where there
    was no run."""
    verdict = _suite("gate", [_case("gate", "verdict", result.verdict, head_sentence(result))])
    return _document([verdict, *(_drill(one, text) for one, text in zip(result.drills, own, strict=True))])


def render_gate_error_junit(problem: str, remedy: str) -> str:
    """Return a JUnit document of a gate that has no verdict: one case, an error."""
    return _document([_suite("gate", [_case("gate", "verdict", GateOutcome.ERROR, f"{problem}\n{remedy}")])])


def _document(suites: Sequence[ET.Element]) -> str:
    counts = Counter[str]()
    for suite in suites:
        counts.update({name: int(suite.get(name, "0")) for name in ("tests", *_COUNTED.values())})
    root = ET.Element("testsuites", {"name": "flowdrill gate", **{name: str(count) for name, count in counts.items()}})
    root.extend(suites)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _drill(drill: GateDrill, own: str | None) -> ET.Element:
    text = "\n".join(drill.reasons)
    cases = [_case(f"gate.{drill.drill}", "gate", drill.outcome, text)]
    properties = None
    if own is not None:
        made = ET.fromstring(own.partition("?>")[2])  # noqa: S314 - flowdrill's own renderer has just written it
        cases += made.iter("testcase")
        properties = made.find("testsuite/properties")
    suite = _suite(drill.drill, cases)
    if drill.seconds is not None:
        suite.set("time", f"{drill.seconds:.3f}")
    if properties is not None:
        suite.insert(0, properties)
    return suite


def _suite(name: str, cases: Sequence[ET.Element]) -> ET.Element:
    tags = Counter(child.tag for case in cases for child in case)
    counts = {counted: str(tags[tag]) for tag, counted in _COUNTED.items()}
    suite = ET.Element("testsuite", {"name": name, "tests": str(len(cases)), **counts})
    suite.extend(cases)
    return suite


def _case(group: str, name: str, outcome: GateOutcome, text: str) -> ET.Element:
    case = ET.Element("testcase", {"classname": f"flowdrill.{group}", "name": name, "time": "0"})
    shown = "\n".join(visible_text(line) for line in text.splitlines())
    if outcome is GateOutcome.PASS:
        ET.SubElement(case, "system-out").text = shown
    else:
        ET.SubElement(case, _TAGS[outcome], type=outcome.value, message=shown.partition("\n")[0]).text = shown
    return case
