"""Preflight's checks that the rollback target is safe to run. They say what is; who asks decides what follows."""

from __future__ import annotations

from flowdrill.analysis.safety import Judged, judge_report, judge_version
from flowdrill.engine.image_ports import Registry, Scanner
from flowdrill.engine.narrator import Narrator
from flowdrill.errors import FlowdrillError, ScannerError
from flowdrill.model.advisories import Advisories
from flowdrill.model.events import Check
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import RetainedImage
from flowdrill.model.policy import Severity
from flowdrill.model.status import Status


def check_known_vulnerabilities(
    stable: ImageReference, floor: Advisories, registry: Registry, tell: Narrator
) -> Check:  # fmt: skip
    """Say whether the stable image (by digest, with its tag where it has one) is older than a known vulnerability's
    fix: an exploited one fails, any other one warns, and so does a version that is not known."""
    required = f"no known vulnerability of LangFlow (a list of {floor.as_of}, which need not be complete)"
    try:
        judged = judge_version(registry.langflow_version(stable), floor)
    except FlowdrillError as error:
        judged = Judged(Status.UNKNOWN, error.problem, error.remedy)
    return _told(tell, "stable_image_safe", required, judged)


def check_scanner_report(stable: RetainedImage, severity: Severity, scanner: Scanner, tell: Narrator) -> Check:
    """Say whether a scanner's report of the stable image has anything from `severity` on. A report of another image
    fails, and so does one that cannot be read; a scanner that could not be asked leaves it unknown."""
    required = f"a scanner's report of this image, with nothing {severity} or worse"
    try:
        judged = judge_report(scanner.report(stable.reference), stable, severity)
    except ScannerError as error:
        judged = Judged(Status.UNKNOWN, error.problem, error.remedy)
    except FlowdrillError as error:
        judged = Judged(Status.FAIL, error.problem, error.remedy)
    return _told(tell, "scanner_report", required, judged)


def _told(tell: Narrator, name: str, required: str, judged: Judged) -> Check:
    return tell.check(name, judged.status, required=required, observed=judged.observed, detail=judged.remedy)
