"""`result.json`, `junit.xml`, `report.md` and the schemas are what programs and pull requests expect."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Properties, Skipped, TestCase

from flowdrill.model.drill import Drill
from flowdrill.model.result import Report, Result
from flowdrill.model.status import Status
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import escape_markdown, render_markdown
from flowdrill.report.result_json import render_result_json
from flowdrill.report.schema import SchemaName, schema_text
from tests.unit.report import sample_reports
from tests.unit.report.sample_parts import HOSTILE, assessed
from tests.unit.report.sample_reports import SAMPLES, changed

SCHEMAS = Path(__file__).parents[3] / "schemas"


@pytest.mark.parametrize("name", get_args(SchemaName))
def test_the_committed_schema_is_what_the_code_says(name: SchemaName) -> None:
    assert (SCHEMAS / f"{name}.v1.json").read_text(encoding="utf-8") == schema_text(name)


@pytest.mark.parametrize("name", get_args(SchemaName))
def test_every_schema_is_a_schema(name: SchemaName) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


@pytest.mark.parametrize("name", SAMPLES)
def test_every_result_validates_and_can_be_read_back(name: str) -> None:
    report = SAMPLES[name]()
    text = render_result_json(report)
    jsonschema.validate(json.loads(text), json.loads(schema_text("result")), jsonschema.Draft202012Validator)
    if name != "hostile":  # pydantic refuses the lone surrogate that JSON can carry
        assert Result.model_validate_json(text) == report.result


def test_the_drill_schema_takes_a_drill_as_people_write_it_and_no_bare_number() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(schema_text("drill")))
    drill = {
        "drill": "edge-missing",
        "target": {"namespace": "shop", "workload": "deployment/flow"},
        "scenario": "edge-missing",
        "load": {
            "url": "http://127.0.0.1:7860",
            "route": "lfx-run",
            "flow": "flow",
            "expect": "hello",
            "requests_per_second": 20,
            "timeout": "10s",
        },
        "objectives": {"time_to_detect": "2s", "failed_requests_ratio": "40%"},
    }
    Drill.model_validate_json(json.dumps(drill))
    assert validator.is_valid(drill)
    assert not validator.is_valid(drill | {"hold": 10})
    assert not validator.is_valid(drill | {"holdd": "10s"})


@pytest.mark.parametrize(
    ("plan", "valid"),
    [({"extends": "a.yaml", "drill": "b"}, True), ({"drill": "b"}, False), ({"extends": "a.yaml"}, False)],
)
def test_the_drill_schema_asks_for_little_where_a_drill_extends_another(plan: dict[str, str], valid: bool) -> None:
    assert jsonschema.Draft202012Validator(json.loads(schema_text("drill"))).is_valid(plan) is valid


def test_result_json_is_ascii_ends_with_a_line_end_and_keeps_the_order_of_the_schema() -> None:
    text = render_result_json(sample_reports.hostile())
    assert text.isascii()
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f]", text)
    assert text.endswith("}\n")
    assert list(json.loads(text))[:4] == ["schema", "run", "verdict", "reasons"]


@pytest.mark.parametrize("render", [render_result_json, render_junit, render_markdown])
def test_the_order_in_which_reasons_were_counted_does_not_show(render: object) -> None:
    assert callable(render)
    report = sample_reports.passing()
    requests = report.result.requests
    reversed_ = requests.model_copy(update={"by_reason": dict(reversed(requests.by_reason.items()))})
    assert render(changed(report, requests=reversed_)) == render(report)


@pytest.mark.parametrize("name", SAMPLES)
def test_junit_has_a_case_for_the_verdict_every_objective_and_every_check(name: str) -> None:
    report = SAMPLES[name]()
    root = ET.fromstring(render_junit(report))
    suite = root.find("testsuite")
    assert suite is not None
    cases = suite.findall("testcase")
    skipped = suite.findall("testcase/skipped")
    judged = (*report.result.objectives, *report.result.checks, *report.result.limits)
    assert len(cases) == 1 + len(judged) + len(skipped) == int(suite.attrib["tests"])
    assert suite.attrib["skipped"] == str(len(skipped)) == root.attrib["skipped"]
    assert suite.attrib["failures"] == str(len(suite.findall("testcase/failure"))) == root.attrib["failures"]
    assert suite.attrib["errors"] == str(len(suite.findall("testcase/error"))) == root.attrib["errors"]


def test_junit_tells_a_missed_objective_with_what_was_required_and_observed() -> None:
    root = ET.fromstring(render_junit(sample_reports.too_slow_to_recover()))
    failure = root.find("testsuite/testcase[@name='time_to_recover']/failure")
    assert failure is not None
    assert failure.text == "required: at most 1.00 s\nobserved: 18.60 s\n17.60 s longer than allowed"


@pytest.mark.parametrize("name", ["unsteady", "cut_off"])
def test_junit_calls_an_inconclusive_drill_an_error_so_that_ci_does_not_go_green(name: str) -> None:
    root = ET.fromstring(render_junit(SAMPLES[name]()))
    assert root.find("testsuite/testcase[@name='verdict']/error") is not None


def test_junit_is_xml_whatever_the_cluster_said() -> None:
    text = render_junit(sample_reports.hostile())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff\ufffe]", text)
    assert {element.tag for element in ET.fromstring(text).iter()} == {
        *("testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "system-out", "skipped")
    }


def junit_cases(report: Report) -> tuple[dict[str, str], dict[str, list[TestCase]]]:
    """What a consumer reads of the file: the suite's properties, and the cases by their group's name."""
    (suite,) = JUnitXml.fromstring(render_junit(report).encode())
    cases: dict[str, list[TestCase]] = {}
    for case in suite:
        cases.setdefault(case.classname.rpartition(".")[2], []).append(case)
    return {one.name: one.value for one in suite.properties()}, cases


def test_a_consumer_of_junit_reads_which_run_it_was_and_what_was_measured() -> None:
    report = sample_reports.passing()
    properties, cases = junit_cases(report)
    run, images, took = report.result.run, report.result.images, report.result.measures.time_to_recover
    assert took is not None
    assert images.stable is not None
    assert images.broken is not None
    assert (
        properties.items()
        >= {
            "run_id": run.id,
            "drill": "edge-missing",
            "scenario": "edge-missing",
            "cluster": "lab",
            "namespace": "shop",
            "tool_version": "0.1.0",
            "plan_digest": run.plan_digest,
            "stable_image_digest": images.stable.digest,
            "broken_image_digest": images.broken.digest,
            "verdict": "pass",
        }.items()
    )
    told = [float(properties[f"time_to_recover_{name}seconds"]) for name in ("", "earliest_", "latest_")]
    assert told == pytest.approx([took.seconds, took.earliest, took.latest], abs=1e-6)
    (recover,) = [case for case in cases["objectives"] if case.name == "time_to_recover"]
    assert recover.time == pytest.approx(took.seconds, abs=1e-3)
    own = {one.name: one.value for one in recover.child(Properties)}
    assert list(own) == ["seconds", "earliest_seconds", "latest_seconds", "limit_seconds"]
    assert float(own["limit_seconds"]) == 60


def test_a_consumer_of_junit_sees_what_nobody_asked_as_skipped_and_what_nobody_knows_as_an_error() -> None:
    (reaction,) = junit_cases(sample_reports.passing())[1]["measures"]
    assert reaction.name == "reaction"
    assert [type(one) for one in reaction.result] == [Skipped]
    assert reaction.result[0].message == "no objective: 20 ms, between 7.5 ms and 32 ms"
    _, cases = junit_cases(sample_reports.cut_off())
    assert [type(case.result[0]) for case in (*cases["verdict"], *cases["objectives"])] == [Error, Error]
    assert "measures" not in cases, "nothing was measured"
    _, cases = junit_cases(sample_reports.too_slow_to_recover())
    assert [case.name for case in cases["objectives"] if any(isinstance(one, Failure) for one in case.result)] == [
        "time_to_recover"
    ]


@pytest.mark.parametrize(
    ("name", "head"),
    [("passing", "## ✅ Pass: edge-missing"), ("never_recovered", "## ❌ Fail"), ("cut_off", "## ❓ Inconclusive")],
)
def test_markdown_begins_with_the_verdict(name: str, head: str) -> None:
    assert render_markdown(SAMPLES[name]()).startswith(head)


@pytest.mark.parametrize("name", SAMPLES)
def test_no_text_breaks_out_of_a_markdown_table(name: str) -> None:
    tables = re.findall(r"(?:^\|.*\n)+", render_markdown(SAMPLES[name]()), re.MULTILINE)
    assert tables
    for table in tables:
        assert len({row.count("|") for row in table.splitlines()}) == 1


def test_hostile_text_is_no_markup_in_markdown() -> None:
    text = render_markdown(sample_reports.hostile())
    assert set(re.findall(r"</?\w+", text)) == {"<sub", "</sub"}
    assert not re.search(r"@\w|https?://|www\.|\]\(|[`$\\]", text)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028]", text)


def test_markdown_fits_into_a_comment_even_when_everything_is_too_long() -> None:
    report = sample_reports.hostile()
    checks = report.result.checks * 500
    text = render_markdown(changed(report, checks=checks, notes=(HOSTILE * 9,) * 500))
    assert len(text) < 65_536
    told = re.search(r"\*\*Shortened\.\*\* There was no room for: (.*)\. All of it is in the run's report.html", text)
    assert told is not None
    assert "checks" in told[1].split(", ")
    assert text.rstrip().endswith("</sub>"), "which run it was is always told"
    assert text.startswith("## ")


def test_markdown_that_is_shortened_says_how_much_is_missing_and_where_it_is() -> None:
    report = sample_reports.passing()
    failing = assessed("workload is healthy", Status.FAIL, "all", "none")
    notes = tuple(f"note {number}" for number in range(47))
    reasons = tuple(f"reason {number}" for number in range(13))
    text = render_markdown(changed(report, checks=(failing,) * 45, notes=notes, reasons=reasons))
    assert "| … 5 more in the run's report.html and result.json |" in text
    assert "- Reason 9\n- … 3 more in the run's report.html and result.json\n" in text
    assert "- note 39\n- … 7 more in the run's report.html and result.json\n" in text
    assert "Shortened" not in text


def test_names_stay_readable_in_markdown() -> None:
    assert escape_markdown("time_to_recover: at most 1.00 s (missed)") == "time_to_recover: at most 1.00 s (missed)"
    assert escape_markdown("_a_ *b*") == "&#95;a&#95; &#42;b&#42;"


def test_markdown_says_what_the_outage_cost_at_the_provider_and_nothing_where_no_log_was_read() -> None:
    shown = render_markdown(sample_reports.token_burn())
    assert "| Outage | 49.20 s | 984 | 14,760 | 29,520 + 59,040 | 90 |" in shown
    assert "A user's request cost 15 times the tokens it costs in the baseline." in shown
    assert "Model provider" not in render_markdown(sample_reports.passing())
