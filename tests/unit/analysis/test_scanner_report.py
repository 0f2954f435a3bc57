"""Trivy's JSON, also where somebody else has written it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flowdrill.analysis.scanner_report import LARGEST_REPORT, at_least, other_image, parse_report
from flowdrill.errors import PlanError
from flowdrill.model.policy import Severity
from tests.unit.analysis.scanner_reports import CONFIG, DIGEST, IMAGE, OTHER, report_bytes, vulnerability


def test_a_report_is_read_the_worst_first_and_each_vulnerability_once() -> None:
    found = [
        vulnerability("CVE-1", "LOW"),
        vulnerability("CVE-2", "CRITICAL", FixedVersion=""),
        vulnerability("CVE-3", "UNKNOWN"),
        vulnerability("CVE-2", "CRITICAL", FixedVersion=""),
    ]
    report = parse_report(report_bytes(*found), "trivy.json")
    assert [one.id for one in report.vulnerabilities] == ["CVE-2", "CVE-1", "CVE-3"]
    worst, _, ungraded = report.vulnerabilities
    assert (worst.severity, worst.package, worst.installed, worst.fixed) == (
        Severity.CRITICAL,
        "openssl",
        "3.0.1",
        None,
    )
    assert ungraded.severity is None
    assert (report.targets, report.created, report.artifact) == (2, "2026-11-26T10:00:00Z", f"{IMAGE}:1.0.0")
    assert [one.id for one in at_least(report, Severity.LOW)] == ["CVE-2", "CVE-1"]
    assert [one.id for one in at_least(report, Severity.HIGH)] == ["CVE-2"]


@pytest.mark.parametrize("named", [DIGEST, CONFIG])
def test_an_image_is_known_by_its_manifest_and_by_its_configuration(named: str) -> None:
    report = parse_report(report_bytes(), "trivy.json")
    assert report.digests == (DIGEST, CONFIG)
    assert not other_image(report, [named])
    assert other_image(report, [OTHER])


def test_an_image_is_known_by_the_digest_in_the_name_it_was_scanned_by() -> None:
    report = parse_report(report_bytes(ArtifactName=f"{IMAGE}@{DIGEST}", Metadata={}), "trivy.json")
    assert report.digests == (DIGEST,)


def test_a_report_without_a_digest_could_be_of_any_image() -> None:
    assert other_image(parse_report(report_bytes(Metadata=None), "trivy.json"), [DIGEST])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe{}", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b"[]", "no report of Trivy"),
        (b'{"SchemaVersion": 1}', "no report of Trivy with SchemaVersion 2, but 1"),
        (b'{"SchemaVersion": [2]}', "no report of Trivy"),
        (json.dumps({"SchemaVersion": 2, "ArtifactType": "filesystem"}).encode(), "'filesystem'"),
        (report_bytes(Results={}), "Results: is not a list of objects"),
        (report_bytes(Results=[1]), "Results: is not a list of objects"),
        (report_bytes(Results=[{"Vulnerabilities": ["CVE-1"]}]), "Vulnerabilities: is not a list of objects"),
        (b" " * (LARGEST_REPORT + 1), "larger than"),
    ],
)
def test_what_is_no_report_is_an_error_that_names_the_file(text: bytes, said: str) -> None:
    with pytest.raises(PlanError, match=r"^trivy\.json: ") as raised:
        parse_report(text, "trivy.json")
    assert said in raised.value.problem
    assert "trivy image --format json" in raised.value.remedy


@pytest.mark.parametrize("value", [None, 7, [], {}, True, "\x1b[31mx\u202ey", "x" * 10_000])
@pytest.mark.parametrize("key", ["VulnerabilityID", "PkgName", "InstalledVersion", "FixedVersion", "Severity", "Title"])
def test_no_type_and_no_text_of_a_report_is_trusted(key: str, value: Any) -> None:
    found = vulnerability("CVE-1", "HIGH")
    (one,) = parse_report(report_bytes({**found, key: value}), "trivy.json").vulnerabilities
    for text in (one.id, one.package, one.installed, one.fixed or "", one.title):
        assert text.isprintable()
        assert len(text) <= 200


@pytest.mark.parametrize(
    "metadata", [[], 1, {"RepoDigests": {}, "ImageID": 7}, {"RepoDigests": [None, 1, "x@sha256:1"]}]
)
def test_metadata_that_is_none_names_no_image(metadata: Any) -> None:
    assert parse_report(report_bytes(Metadata=metadata, ArtifactName=[]), "trivy.json").digests == ()
