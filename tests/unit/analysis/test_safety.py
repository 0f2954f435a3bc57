"""What is said of a rollback target's vulnerabilities."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.safety import Judged, judge_report, judge_version
from flowdrill.analysis.scanner_report import parse_report
from flowdrill.model.advisories import Advisories, Advisory
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import RetainedImage
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource, VersionUnknown
from flowdrill.model.policy import Severity
from flowdrill.model.status import Status
from tests.unit.analysis.scanner_reports import CONFIG, DIGEST, IMAGE, OTHER, report_bytes, vulnerability

FLOOR = Advisories(
    product="langflow",
    as_of="2026-11-26",
    advisories=(
        Advisory(id="CVE-1", fixed_in="1.9.0", what="anybody gets in", exploited=True),
        Advisory(id="CVE-2", fixed_in="1.12.5", what="users get further"),
    ),
)
PLATFORM = "sha256:" + "b" * 64
STABLE = RetainedImage(
    ImageReference("registry.test", "flows/greeting", "1.0.0", DIGEST), "x", (PLATFORM,), 400, config_digest=CONFIG
)


def version_judged(
    version: str, product: Product = Product.LANGFLOW, source: VersionSource = VersionSource.LAYER
) -> Judged:
    return judge_version(FoundVersion(product, version, source, "where it is"), FLOOR)


def report_judged(*found: dict[str, Any], severity: Severity = Severity.CRITICAL, **changes: Any) -> Judged:
    return judge_report(parse_report(report_bytes(*found, **changes), "trivy.json"), STABLE, severity)


def test_a_version_above_every_fix_passes_and_says_how_it_is_known() -> None:
    judged = version_judged("1.13.0", Product.LFX)
    assert judged.status is Status.PASS
    assert "lfx 1.13.0 (by where it is; the version of lfx was compared) has none of 2" in judged.observed


def test_an_exploited_vulnerability_fails_and_names_the_way_out() -> None:
    judged = version_judged("1.8.2")
    assert judged.status is Status.FAIL
    assert (
        "has 2 known vulnerabilities, 1 of them exploited: CVE-1 (anybody gets in; fixed in 1.9.0)" in judged.observed
    )
    assert "LangFlow 1.12.5 or newer" in judged.remedy


def test_a_vulnerability_that_nobody_was_seen_to_use_warns() -> None:
    judged = version_judged("1.12.4")
    assert (judged.status, judged.observed.count("CVE-")) == (Status.WARNING, 1)


def test_an_lfx_with_numbers_of_its_own_has_at_the_least_what_was_fixed_later() -> None:
    judged = version_judged("0.4.6", Product.LFX)
    assert judged.status is Status.WARNING
    assert "at the least these) has 1 known vulnerability: CVE-2" in judged.observed


def test_a_version_that_only_a_tag_names_warns_and_asks_for_a_label() -> None:
    judged = version_judged("1.13.0", source=VersionSource.TAG)
    assert judged.status is Status.WARNING
    assert "dev.flowdrill.langflow-version" in judged.remedy


def test_a_version_that_was_not_found_out_warns_and_says_why() -> None:
    judged = judge_version(VersionUnknown("it took too long"), FLOOR)
    assert (judged.status, "it took too long" in judged.observed) == (Status.WARNING, True)


def test_a_report_without_anything_as_bad_as_the_limit_passes() -> None:
    judged = report_judged(vulnerability("CVE-7", "HIGH"), vulnerability("CVE-8", "UNKNOWN"))
    assert judged.status is Status.PASS
    assert judged.observed == (
        "2 vulnerabilities (written 2026-11-26T10:00:00Z), none of them critical or worse; 1 without a grade"
    )


def test_vulnerabilities_from_the_limit_on_fail_with_their_number_and_the_worst_of_them() -> None:
    found = [vulnerability(f"CVE-{number}", "HIGH") for number in range(6)]
    judged = report_judged(*found, vulnerability("CVE-9", "CRITICAL", FixedVersion=""), severity=Severity.HIGH)
    assert judged.status is Status.FAIL
    assert "7 of them high or worse: CVE-9 (critical, openssl 3.0.1, no fix yet), CVE-0 (high" in judged.observed
    assert judged.observed.endswith("and 2 more")


@pytest.mark.parametrize("digest", [DIGEST, PLATFORM])
def test_a_report_of_the_image_or_of_one_of_its_platforms_is_taken(digest: str) -> None:
    assert report_judged(digest=digest).status is Status.PASS


def test_a_report_of_another_image_fails_and_names_both() -> None:
    judged = report_judged(digest=OTHER, ArtifactName="registry.test/flows/other:2")
    assert judged.status is Status.FAIL
    assert f"registry.test/flows/other:2 ({OTHER}), not of {IMAGE}:1.0.0@{DIGEST}" in judged.observed
    assert f"trivy image --format json --output FILE {IMAGE}:1.0.0@{DIGEST}" in judged.remedy


def test_a_scanner_that_looked_at_no_package_has_found_out_nothing() -> None:
    assert report_judged(Results=[]).status is Status.UNKNOWN
