"""An audit of images, for a terminal and for CI servers."""

from __future__ import annotations

from collections import Counter
from xml.etree import ElementTree as ET

from flowdrill.model.image_audit import AuditedWorkload, ImageAudit
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Assessment
from flowdrill.model.status import Status
from flowdrill.report.preflight_text import text_table
from flowdrill.report.readiness_words import format_bytes, short_digest
from flowdrill.report.safe_text import visible_text

_TAG = {Status.FAIL: "failure", Status.UNKNOWN: "error"}
_LOOKED_AT = "looked_at"


def render_audit(audit: ImageAudit) -> str:
    """Return a table of every image, then every check that does not hold, ending with a line end."""
    count = len(audit.workloads)
    what = f"{count} LangFlow workload{'' if count == 1 else 's'}"
    blocks = [f"{audit.verdict.value.upper()}: {what} in {audit.scope} of {audit.cluster}"]
    rows = [
        (one.namespace, one.workload, image.health.value, image.tier.value, short_digest(image.digest),
         format_bytes(image.size_bytes), "; ".join(image.roles))
        for one in audit.workloads
        for image in one.images
    ]  # fmt: skip
    if rows:
        blocks.append(text_table(("NAMESPACE", "WORKLOAD", "STATE", "LOOKED AT", "DIGEST", "SIZE", "WHY"), rows))
    blocks += [found for one in audit.workloads if (found := _findings(one))]
    blocks.append(f"nothing was changed; took {format_seconds(audit.took_seconds)}")
    return "\n\n".join(blocks) + "\n"


def render_audit_junit(audit: ImageAudit) -> str:
    """Return a JUnit document: one suite a workload, one case a check."""
    root = ET.Element("testsuites", {"name": "flowdrill audit images"})
    for one in audit.workloads:
        checks = [*one.checks, *([_unlooked(one)] if one.problem else [])]
        counted = Counter(check.status for check in checks)
        suite = ET.SubElement(root, "testsuite", {"name": visible_text(f"{one.namespace}/{one.workload}")})
        suite.set("tests", str(len(checks)))
        suite.set("failures", str(counted[Status.FAIL]))
        suite.set("errors", str(counted[Status.UNKNOWN]))
        suite.set("timestamp", audit.started)
        for check in checks:
            _add_case(suite, check)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _findings(one: AuditedWorkload) -> str:
    lines = [f"  {one.namespace}/{one.workload} ({one.image})"]
    for check in one.checks:
        if check.status is not Status.PASS:
            lines.append(f"    {check.status.value:<8} {check.name}: {check.observed}")
            lines += [f"{'':13}-> {check.detail}"] if check.detail else []
    if one.problem:
        lines.append(f"    not looked at: {one.problem}")
    return "\n".join(lines) if len(lines) > 1 else ""


def _unlooked(one: AuditedWorkload) -> Assessment:
    return Assessment(
        name=_LOOKED_AT, status=Status.UNKNOWN, required="the workload could be looked at", observed=one.problem
    )


def _add_case(suite: ET.Element, check: Assessment) -> None:
    name = visible_text(check.name)
    case = ET.SubElement(suite, "testcase", classname=f"flowdrill.audit.{suite.get('name')}", name=name, time="0")
    text = f"required: {check.required}\nobserved: {check.observed}" + (f"\n{check.detail}" if check.detail else "")
    shown = visible_text(text)
    if check.status not in _TAG:
        ET.SubElement(case, "system-out").text = shown
        return
    message = visible_text(f"{check.name}: {check.observed}")
    ET.SubElement(case, _TAG[check.status], type=check.status.value, message=message).text = shown
