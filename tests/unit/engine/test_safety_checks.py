"""The checks that a rollback target is safe to run, as preflight records them."""

from __future__ import annotations

from pathlib import Path

from flowdrill.analysis.scanner_report import parse_report
from flowdrill.edges.planfiles.reading import read_advisories
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.safety_checks import check_known_vulnerabilities, check_scanner_report
from flowdrill.errors import PlanError, ScannerError
from flowdrill.model.events import Check, Checked, Event
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import RetainedImage
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource
from flowdrill.model.policy import Severity
from flowdrill.model.scanner_report import ScannerReport
from flowdrill.model.status import Status
from tests.fakes.fake_registry import FakeRegistry
from tests.fakes.fake_time import FakeTime
from tests.unit.analysis.scanner_reports import DIGEST, report_bytes, vulnerability

STABLE = ImageReference("registry.test", "flows/greeting", "1.0.0", DIGEST)
SHIPPED = read_advisories(None, Path())


class FakeScanner:
    """The `Scanner` port: a report, or why there is none."""

    def __init__(self, answer: ScannerReport | Exception) -> None:
        self.answer = answer

    def report(self, image: ImageReference) -> ScannerReport:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Told:
    """A narrator, and the checks it has told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.tell = Narrator(FakeTime(), self.events.append)

    def only(self) -> Check:
        (event,) = self.events
        assert isinstance(event, Checked)
        return event.check


def known(registry: FakeRegistry) -> Check:
    told = Told()
    check = check_known_vulnerabilities(STABLE, SHIPPED, registry, told.tell)
    assert told.only() == check
    assert check.name == "stable_image_safe"
    return check


def scanned(answer: ScannerReport | Exception, severity: Severity = Severity.CRITICAL) -> Check:
    told = Told()
    stable = RetainedImage(STABLE, "application/vnd.oci.image.manifest.v1+json", (), 400)
    check = check_scanner_report(stable, severity, FakeScanner(answer), told.tell)
    assert told.only() == check
    assert check.name == "scanner_report"
    return check


def test_the_runtime_of_the_test_images_passes_the_list_that_ships() -> None:
    check = known(FakeRegistry("flows/greeting", {"1.0.0": DIGEST}))
    assert check.status is Status.PASS, check
    assert "2026-11-26" in check.required


def test_a_release_with_an_exploited_vulnerability_fails() -> None:
    registry = FakeRegistry("flows/greeting", {"1.0.0": DIGEST})
    registry.version = FoundVersion(Product.LANGFLOW, "1.2.0", VersionSource.LABEL, "a label")
    check = known(registry)
    assert check.status is Status.FAIL
    assert "CVE-2025-3248" in check.observed
    assert "1.12.5" in check.detail


def test_a_registry_that_does_not_answer_leaves_it_unknown() -> None:
    check = known(FakeRegistry("flows/greeting", {}))
    assert (check.status, check.detail) == (Status.UNKNOWN, "push it again")


def test_a_report_is_judged_by_the_limit_of_the_policy() -> None:
    report = parse_report(report_bytes(vulnerability("CVE-1", "HIGH")), "trivy.json")
    assert scanned(report).status is Status.PASS
    check = scanned(report, Severity.HIGH)
    assert (check.status, "CVE-1" in check.observed) == (Status.FAIL, True)


def test_a_report_that_cannot_be_used_fails_and_a_scanner_that_cannot_be_asked_leaves_it_unknown() -> None:
    assert scanned(PlanError("trivy.json: is not JSON", "scan again")).status is Status.FAIL
    check = scanned(ScannerError("there is no trivy", "install it"))
    assert (check.status, check.observed, check.detail) == (Status.UNKNOWN, "there is no trivy", "install it")
