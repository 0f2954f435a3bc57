"""`junit.xml`: the result for CI servers. A case for the verdict, one an objective, one a check, one a limit.

What is unknown becomes a JUnit `error`, not `skipped`: CI must not go green on a drill that could not find out. A time
that was measured, and that no objective is about, is `skipped`: nobody asked anything of it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from flowdrill.model.audit import NamedPerson
from flowdrill.model.measured import Measure
from flowdrill.model.result import Assessment, Report, Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.safe_text import with_visible_text
from flowdrill.report.words import END_WORDS, NamedMeasure, drilled_sentence, named_measures, reasons_in_words, unit_of

_VERDICT_STATUS = {Verdict.PASS: Status.PASS, Verdict.FAIL: Status.FAIL, Verdict.INCONCLUSIVE: Status.UNKNOWN}
_TAG = {Status.FAIL: "failure", Status.UNKNOWN: "error"}


@dataclass(frozen=True, slots=True)
class _Case:
    """`measure`: the time that it is about. `judged`: None where nothing was asked of it."""

    group: str
    name: str
    judged: Assessment | None
    measure: NamedMeasure | None = None

    @property
    def seconds(self) -> float:
        """What CI shows as its time: never below 0, as a time to detect may be."""
        measured = self.measure.measure if self.measure else None
        return max(0.0, measured.seconds) if measured else 0.0


def render_junit(report: Report) -> str:
    """Return a JUnit document with one suite. Control characters are shown as signs, so that it stays XML."""
    report = with_visible_text(report)
    result = report.result
    cases = _cases(result)
    statuses = Counter(case.judged.status if case.judged else None for case in cases)
    counts = {
        "tests": str(len(cases)),
        "failures": str(statuses[Status.FAIL]),
        "errors": str(statuses[Status.UNKNOWN]),
        "skipped": str(statuses[None]),
        "time": f"{result.run.duration_seconds:.3f}",
    }
    suites = ET.Element("testsuites", {"name": "flowdrill", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": result.run.drill, **counts})
    suite.set("timestamp", result.run.started)
    suite.set("hostname", result.run.host)
    _add_properties(suite, _properties(report))
    for case in cases:
        _add_case(suite, f"flowdrill.{result.run.drill}.{case.group}", case)
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


def _cases(result: Result) -> list[_Case]:
    measures = {one.name: one for one in named_measures(result)}
    asked = {one.name for one in result.objectives}
    return [
        _Case("verdict", "verdict", _verdict_as_check(result)),
        *(_Case("objectives", one.name, one, measures.get(one.name)) for one in result.objectives),
        *(_Case("measures", m.name, None, m) for m in measures.values() if m.measure and m.name not in asked),
        *(_Case("checks", one.name, one) for one in result.checks),
        *(_Case("limits", one.name, one) for one in result.limits),
    ]


def _add_case(suite: ET.Element, classname: str, case: _Case) -> None:
    element = ET.SubElement(suite, "testcase", classname=classname, name=case.name, time=f"{case.seconds:.3f}")
    judged = case.judged
    measured = [] if case.measure is None else _bounds(case.measure.measure)
    limit = None if judged is None else judged.limit
    allowed = [] if limit is None else [(f"limit_{unit_of(case.name)}", f"{limit:.6f}")]
    _add_properties(element, [*measured, *allowed])
    if judged is None:
        told = f"no objective: {case.measure.value}, {case.measure.bounds}" if case.measure else ""
        ET.SubElement(element, "skipped", message=told)
        return
    text = f"required: {judged.required}\nobserved: {judged.observed}"
    text += f"\n{judged.detail}" if judged.detail else ""
    if judged.status in (Status.PASS, Status.WARNING):
        ET.SubElement(element, "system-out").text = text
        return
    message = f"{judged.name}: required {judged.required}, observed {judged.observed}"
    ET.SubElement(element, _TAG[judged.status], type=judged.status, message=message).text = text


def _add_properties(parent: ET.Element, pairs: list[tuple[str, str]]) -> None:
    if pairs:
        properties = ET.SubElement(parent, "properties")
        for name, value in pairs:
            ET.SubElement(properties, "property", name=name, value=value)


def _properties(report: Report) -> list[tuple[str, str]]:
    result, run = report.result, report.result.run
    images = (("stable", result.images.stable), ("broken", result.images.broken))
    return [
        ("drilled", drilled_sentence(report)),
        ("end", END_WORDS[result.end]),
        ("verdict", result.verdict),
        ("run_id", run.id),
        ("drill", run.drill),
        ("scenario", run.scenario),
        ("cluster", run.cluster),
        ("namespace", run.namespace),
        ("workload", run.workload),
        ("kubernetes_version", run.kubernetes_version),
        ("tool_version", run.tool_version),
        ("plan_digest", run.plan_digest),
        ("plan_approved", "yes" if run.approved else "no"),
        *((name, f"{one.name} (claimed, from {one.source})") for name, one in _people(result) if one),
        *((f"{name}_image", image.reference) for name, image in images if image),
        *((f"{name}_image_digest", image.digest) for name, image in images if image),
        *((f"{m.name}_{name}", value) for m in named_measures(result) for name, value in _bounds(m.measure)),
        *((f"outage_until_restore_{name}", value) for name, value in _bounds(result.measures.outage_until_restore)),
    ]


def _people(result: Result) -> tuple[tuple[str, NamedPerson | None], ...]:
    audit = result.audit
    return () if audit is None else (("ran_by", audit.ran_by), ("approved_by", audit.approved_by))


def _bounds(measure: Measure | None) -> list[tuple[str, str]]:
    """A time with its bounds; nothing where it was not measured."""
    if measure is None:
        return []
    bounds = (("seconds", measure.seconds), ("earliest_seconds", measure.earliest), ("latest_seconds", measure.latest))
    return [(name, f"{value:.6f}") for name, value in bounds]
