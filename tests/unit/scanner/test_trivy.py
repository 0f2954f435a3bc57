"""The scanner port: a report that is there, and a Trivy that is run. A small program stands in for Trivy."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from flowdrill.analysis.scanner_report import LARGEST_REPORT
from flowdrill.edges.scanner.trivy import TrivyScanner
from flowdrill.errors import PlanError, ScannerError
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.policy import ScannerPlan
from tests.unit.analysis.scanner_reports import DIGEST, report_bytes, vulnerability

IMAGE = ImageReference("registry.test", "flows/greeting", None, DIGEST)
RUN = ScannerPlan(run=True)


def fake_trivy(folder: Path, python: str) -> Mapping[str, str]:
    """Put a `trivy` on a PATH of its own; return the environment with it."""
    program = folder / "trivy"
    program.write_text(f"#!{sys.executable} -S\nimport json, os, sys, time\n{python}\n")
    program.chmod(0o755)
    return {"PATH": str(folder), "LANG": "C.UTF-8"}


def scanner(
    environ: Mapping[str, str], *, access: RegistryAccess | None = None, limit_seconds: float = 60
) -> TrivyScanner:
    return TrivyScanner(RUN, Path(), access or RegistryAccess(), environ, limit_seconds)


def test_a_report_beside_the_drill_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "trivy.json").write_bytes(report_bytes(vulnerability("CVE-1", "LOW")))
    report = TrivyScanner(ScannerPlan(report="trivy.json"), tmp_path, RegistryAccess(), {}).report(IMAGE)
    assert (report.where, len(report.vulnerabilities)) == (str(tmp_path / "trivy.json"), 1)


@pytest.mark.parametrize("name", ["missing.json", ".", "pipe"])
def test_a_report_that_is_no_file_is_an_error_that_names_it(tmp_path: Path, name: str) -> None:
    (tmp_path / "pipe").symlink_to("/dev/zero")
    with pytest.raises(PlanError, match="no such file"):
        TrivyScanner(ScannerPlan(report=name), tmp_path, RegistryAccess(), {}).report(IMAGE)


def test_a_report_that_is_too_large_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "trivy.json").open("wb") as file:
        file.truncate(20 * LARGEST_REPORT)
    with pytest.raises(PlanError, match="larger than"):
        TrivyScanner(ScannerPlan(report="trivy.json"), tmp_path, RegistryAccess(), {}).report(IMAGE)


def test_trivy_is_run_on_the_digest_and_as_the_drill_reaches_the_registry(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_bytes(report_bytes(vulnerability("CVE-1", "CRITICAL")))
    seen, written = str(tmp_path / "seen.json"), str(tmp_path / "report.json")
    environ = fake_trivy(
        tmp_path,
        f"open({seen!r}, 'w').write(json.dumps([sys.argv[1:], os.environ.get('SSL_CERT_FILE')]))\n"
        f"sys.stdout.write(open({written!r}).read())",
    )
    access = RegistryAccess(plain_http=True, ca_file="/etc/ca.pem", platform="linux/arm64")
    report = scanner(environ, access=access).report(IMAGE)
    assert [one.id for one in report.vulnerabilities] == ["CVE-1"]
    arguments, trusted = json.loads((tmp_path / "seen.json").read_text())
    assert arguments == [
        "image", "--format", "json", "--quiet", "--platform", "linux/arm64", "--insecure",
        f"registry.test/flows/greeting@{DIGEST}",
    ]  # fmt: skip
    assert trusted == "/etc/ca.pem"


def test_a_trivy_that_is_not_there_leaves_it_unknown_and_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ScannerError, match="no `trivy` on the PATH") as raised:
        scanner({"PATH": str(tmp_path)}).report(IMAGE)
    assert "policy.scanner.report" in raised.value.remedy


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "sys.exit('FATAL token=hunter2-and-more\\nno database')",
            r"exit code 1: FATAL token=\[redacted\] no database",
        ),
        ("sys.stderr.write('x' * 10**6 + 'the end'); sys.exit(3)", r"exit code 3: x{1,1993}the end"),
        ("print('no report')", "is not JSON"),
        ("os.kill(os.getpid(), 9)", "exit code -9: it said nothing"),
    ],
)
def test_a_trivy_that_fails_leaves_it_unknown(tmp_path: Path, program: str, said: str) -> None:
    with pytest.raises(ScannerError, match=said):
        scanner(fake_trivy(tmp_path, program)).report(IMAGE)


def test_a_trivy_that_hangs_is_ended(tmp_path: Path) -> None:
    environ = fake_trivy(tmp_path, "time.sleep(600)")
    with pytest.raises(ScannerError, match=r"was not done after 0\.2 s"):
        scanner(environ, limit_seconds=0.2).report(IMAGE)


def test_a_trivy_that_closes_its_output_and_stays_is_ended(tmp_path: Path) -> None:
    environ = fake_trivy(tmp_path, "os.close(1); os.close(2); time.sleep(600)")
    with pytest.raises(ScannerError, match="was not done"):
        scanner(environ, limit_seconds=0.5).report(IMAGE)


def test_a_trivy_that_never_stops_writing_is_ended(tmp_path: Path) -> None:
    environ = fake_trivy(tmp_path, "while True: os.write(1, b'x' * 2**20)")
    with pytest.raises(ScannerError, match="wrote more than"):
        scanner(environ).report(IMAGE)


def test_a_file_that_cannot_be_run_is_no_trivy(tmp_path: Path) -> None:
    program = tmp_path / "trivy"
    program.write_text("#!/nowhere/at/all\n")
    program.chmod(0o755)
    with pytest.raises(ScannerError, match="cannot be run"):
        scanner({"PATH": str(tmp_path)}).report(IMAGE)
