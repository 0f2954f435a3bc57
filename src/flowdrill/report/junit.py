"""`junit.xml`: the result for CI servers. A case for the verdict, one an objective, one a check, one a limit.

What is unknown becomes a JUnit `error`, not `skipped`: CI must not go green on a drill that could not find out.
"""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as ET

from flowdrill.model.result import Assessment, Report, Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.safe_text import with_visible_text
from flowdrill.report.words import END_WORDS, drilled_sentence, named_measures, reasons_in_words

_VERDICT_STATUS = {Verdict.PASS: Status.PASS, Verdict.FAIL: Status.FAIL, Verdict.INCONCLUSIVE: Status.UNKNOWN}
_TAG = {Status.FAIL: "failure", Status.UNKNOWN: "error"}


def render_junit(report: Report) -> str:
    """Return a JUnit document with one suite. Control characters are shown as signs, so that it stays XML."""
    report = with_visible_text(report)
    result = report.result
    cases = [
        ("verdict", _verdict_as_check(result)),
        *(("objectives", objective) for objective in result.objectives),
        *(("checks", check) for check in result.checks),
        *(("limits", limit) for limit in result.limits),
    ]
    statuses = Counter(case.status for _, case in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(statuses[Status.FAIL]),
        "errors": str(statuses[Status.UNKNOWN]),
        "skipped": "0",
        "time": f"{result.run.duration_seconds:.3f}",
    }
    suites = ET.Element("testsuites", {"name": "flowdrill", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": result.run.drill, **counts})
    suite.set("timestamp", result.run.started)
    suite.set("hostname", result.run.host)
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(report):
        ET.SubElement(properties, "property", name=name, value=value)
    for group, case in cases:
        _add_case(suite, f"flowdrill.{result.run.drill}.{group}", case)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _verdict_as_check(result: Result) -> Assessment:
    return Assessment(
        name="verdict",
        status=_VERDICT_STATUS[result.verdict],
        required=Verdict.PASS,
        observed=result.verdict,
        detail="\n".join(reasons_in_words(result)),
    )


def _add_case(suite: ET.Element, classname: str, case: Assessment) -> None:
    element = ET.SubElement(suite, "testcase", classname=classname, name=case.name, time="0")
    text = f"required: {case.required}\nobserved: {case.observed}" + (f"\n{case.detail}" if case.detail else "")
    if case.status in (Status.PASS, Status.WARNING):
        ET.SubElement(element, "system-out").text = text
        return
    message = f"{case.name}: required {case.required}, observed {case.observed}"
    ET.SubElement(element, _TAG[case.status], type=case.status, message=message).text = text


def _properties(report: Report) -> list[tuple[str, str]]:
    result, run = report.result, report.result.run
    images = {"stable": result.images.stable, "broken": result.images.broken}
    return [
        ("drilled", drilled_sentence(report)),
        ("end", END_WORDS[result.end]),
        ("run", run.id),
        ("plan_digest", run.plan_digest),
        ("flowdrill", run.tool_version),
        ("kubernetes", run.kubernetes_version),
        *((f"{name}_image", f"{image.reference} ({image.digest})") for name, image in images.items() if image),
        *((f"{m.name}_seconds", f"{m.measure.seconds:.6f}") for m in named_measures(result) if m.measure),
    ]
