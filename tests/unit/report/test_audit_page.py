"""The sections for an auditor answer what auditors ask, and claim nothing that the run does not show."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.audit_facts import AuditFacts, ClaimedName
from flowdrill.model.events import RunStarted
from flowdrill.model.result import Report
from flowdrill.report.html import render_html
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import render_markdown
from flowdrill.report.result_json import render_result_json
from tests.unit.analysis.audited_run import DIGESTS, FACTS, audited_run
from tests.unit.analysis.synthetic_run import synthetic_run
from tests.unit.report import sample_reports
from tests.unit.report.test_html import Page

GOLDEN = sorted(path.parent for path in (Path(__file__).parents[2] / "golden").glob("*/events.jsonl"))
CLAIMS = re.compile(r"\b(?:non-?)?compl(?:iant|iance|ies|y|ied)\b|\bcertif|\bconform|\bsatisf|\bfulfil", re.IGNORECASE)
REPORT = report_of(audited_run())


def words(html: str) -> str:
    return " ".join(" ".join(Page(html).text).split()).replace("\u00a0", " ")


PAGE = words(render_html(REPORT))


@pytest.mark.parametrize(
    ("question", "answers"),
    [
        ("what was tested", ["drill edge-missing: The connection into the chat output was lost on the canvas."]),
        ("what for", ["Shows that a broken release is rolled back within two seconds."]),
        ("when", ["2026-09-21T14:13:20.250Z to 2026-09-21T14:14:04.751Z"]),
        ("by whom", ["Ada Lovelace, from $GITHUB_ACTOR: claimed, not proven", "Alan Turing (on call)"]),
        ("on what authority", ["Grace Hopper, from --approved-by: claimed, not proven", "CHG-2041", "RISK-112"]),
        ("on what", ["deployment/greeting in namespace demo on cluster lab", "sha256:5ab1e0"]),
        ("with what result against what target", ["Result Fail", "Time to recover", "required: at most 2.00 s"]),
        (
            "how is it known",
            ["CLOCK_MONOTONIC of host drill-host", f"Plan digest sha256:{'9' * 64}", "evidence/pods.yaml"],
        ),
        ("from what", [str(DIGESTS.plan), str(DIGESTS.all), "SHA256SUMS | sha256sum"]),
        ("what was wrong", ["1 finding.", "Time to recover F-", "high"]),
        ("what went other than planned", ["a deploy of another team began meanwhile"]),
        ("who sees to it until when", ["platform team 2026-10-05"]),
        ("when is it tested again", ["To be tested again on 2026-12-20."]),
        ("what was before", ["20260621T100000Z-edge-missing-1a2b3c", "pass, as it says itself; the same plan"]),
        ("under which assumptions", ["the registry answers as it does for the nodes", "users meet: bad answers"]),
        ("for which requirement", ["CCC-09", "A1.3", "Article 17(1)(e)", "no evidence in this run: "]),
        ("who signs", ["Ran it claimed: Ada Lovelace", "Approved it claimed: Grace Hopper", "Reviewed this report"]),
    ],
)
def test_an_auditor_finds_the_answer(question: str, answers: list[str]) -> None:
    assert [one for one in answers if one not in PAGE] == [], question


def test_it_never_says_that_a_requirement_is_met() -> None:
    assert CLAIMS.search("this is compliant"), "the pattern finds it"
    for folder in GOLDEN:
        report = report_of(read_run(folder))
        assert _claims(report) == []
    assert _claims(REPORT) == []


def _claims(report: Report) -> list[str]:
    texts = (render_html(report), render_markdown(report), render_junit(report), render_result_json(report))
    return [found[0] for text in texts for found in CLAIMS.finditer(text)]


def with_approval(facts: AuditFacts, *, approved: bool) -> str:
    record = audited_run(facts=facts)
    events = tuple(replace(one, approved=approved) if isinstance(one, RunStarted) else one for one in record.events)
    return words(render_html(report_of(replace(record, events=events))))


def test_it_says_who_approved_what_and_what_of_that_is_not_known() -> None:
    nobody = replace(FACTS, approved_by=None)
    assert "Approved by nobody is named Participants" in with_approval(nobody, approved=False)
    assert "nobody is named; the digest of this very plan was given as approved" in with_approval(nobody, approved=True)
    assert "which plan that was is not recorded" in with_approval(FACTS, approved=False)
    assert "not proven; the digest of this very plan was given" in with_approval(FACTS, approved=True)


def test_what_an_older_run_did_not_record_is_said_to_be_missing() -> None:
    page = words(render_html(report_of(synthetic_run())))
    assert "Run by not recorded" in page
    assert "whether UTC is kept in step is not known" in page
    assert "What this is evidence for" not in page
    assert "Nothing was found. The plan sets no day for the next test." in page


def test_a_result_without_the_block_has_none_of_the_sections() -> None:
    html = render_html(sample_reports.passing())
    assert "Sign-off" not in html
    assert "Findings" not in render_markdown(sample_reports.passing())


def test_markdown_has_the_findings_in_a_table() -> None:
    text = render_markdown(REPORT)
    assert "**Findings.** 1 finding. To be tested again on 2026-12-20." in text
    assert re.search(r"^\| F-[0-9a-f]{8} \| ❌ high \| Time to recover \| platform team \| 2026-10-05 \|$", text, re.M)
    assert "Findings" not in render_markdown(report_of(synthetic_run()))


def test_a_name_that_is_markup_is_shown_as_text() -> None:
    harm = "<script>alert(1)</script> | @team [x](javascript:alert(1))"
    plan = {"findings": {"owner": harm}, "participants": [{"name": harm, "role": harm}], "risk": harm}
    report = report_of(audited_run(facts=AuditFacts(ran_by=ClaimedName(harm, "--ran-by")), audit=plan))
    html, markdown = render_html(report), render_markdown(report)
    assert "<script" not in html
    assert html.count("&lt;script&gt;") >= 4
    assert "<script" not in markdown
    assert "](javascript" not in markdown
    assert "| @team" not in markdown
