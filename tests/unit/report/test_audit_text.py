"""An audit of images, as a terminal and as CI servers show it."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from flowdrill.model.image_audit import AuditedWorkload, ImageAudit
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.report.audit_text import render_audit, render_audit_junit
from tests.unit.report.sample_parts import HOSTILE, assessed
from tests.unit.report.sample_readiness import good


def audit(name: str = "shop", problem: str = "") -> ImageAudit:
    checks = (
        assessed("stable_image_retained", Status.PASS, "held", "held"),
        assessed("verified_versions_retained", Status.FAIL, "retained", name, "push it again"),
        assessed("tags_have_not_moved", Status.WARNING, "same", "moved"),
    )
    one = AuditedWorkload(
        namespace=name, workload="deployment/flow", container="flow", image="r/flow:1.0.0", because=("its image",),
        verdict=Verdict.FAIL, checks=checks, images=good().images, problem=problem,
    )  # fmt: skip
    return ImageAudit(
        cluster="lab", scope="the cluster", started="2026-03-14T09:15:26Z", verdict=Verdict.FAIL, workloads=(one,),
        took_seconds=1.5,
    )  # fmt: skip


def test_every_image_has_a_row_and_every_finding_its_remedy() -> None:
    text = render_audit(audit())
    assert text.startswith("FAIL: 1 LangFlow workload in the cluster of lab\n")
    assert "gone      complete   sha256:77aa77aa77aa" in text
    assert "fail     verified_versions_retained: shop\n             -> push it again" in text
    assert "stable_image_retained:" not in text


def test_a_cluster_without_langflow_says_so() -> None:
    none = audit().model_copy(update={"workloads": (), "verdict": Verdict.PASS})
    assert render_audit(none).startswith("PASS: 0 LangFlow workloads in the cluster of lab\n")


def test_junit_counts_what_failed_and_what_could_not_be_looked_at() -> None:
    (suite,) = ET.fromstring(render_audit_junit(audit(problem="no answer"))).iter("testsuite")
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("4", "1", "1")
    assert [case.get("name") for case in suite.iter("testcase")][-1] == "looked_at"


def test_text_that_means_harm_stays_text() -> None:
    ET.fromstring(render_audit_junit(audit(HOSTILE, HOSTILE)))
    assert "\x1b" not in render_audit_junit(audit(HOSTILE, HOSTILE))
