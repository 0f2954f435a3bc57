"""`metrics.prom` is read by OpenMetrics' parser, and by the classic one of node-exporter and the push gateway."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_classic

from flowdrill.model.result import Report, Verdict
from flowdrill.model.status import Status
from flowdrill.report.openmetrics import render_openmetrics
from tests.unit.report import sample_reports
from tests.unit.report.sample_parts import HOSTILE, assessed
from tests.unit.report.sample_reports import SAMPLES, changed

OF_EVERY_SERIES = {"drill", "scenario", "cluster", "namespace", "workload"}


def families_of(report: Report) -> dict[str, Metric]:
    return {family.name: family for family in read_openmetrics(render_openmetrics(report))}


def value_of(report: Report, name: str, **labels: str) -> float | None:
    """The value of the one sample with these labels, None where there is none."""
    family = families_of(report).get(name)
    found = [one.value for one in family.samples if labels.items() <= one.labels.items()] if family else []
    assert len(found) < 2
    return found[0] if found else None


@pytest.mark.parametrize("name", SAMPLES)
def test_both_formats_read_the_same_from_it(name: str) -> None:
    text = render_openmetrics(SAMPLES[name]())
    openmetrics, classic = list(read_openmetrics(text)), list(read_classic(text))
    assert [one.name for one in openmetrics] == [one.name for one in classic]
    assert [one.samples for one in openmetrics] == [one.samples for one in classic]
    assert text.endswith("# EOF\n")


@pytest.mark.parametrize("name", SAMPLES)
def test_it_has_nothing_that_node_exporter_or_the_push_gateway_refuse(name: str) -> None:
    text = render_openmetrics(SAMPLES[name]())
    assert set(re.findall(r"(?m)^# TYPE \S+ (\S+)$", text)) == {"gauge"}
    series = [(one.name, *sorted(one.labels.items())) for family in read_classic(text) for one in family.samples]
    assert len(set(series)) == len(series), "the same series twice"
    for family in read_classic(text):
        for sample in family.samples:
            assert sample.labels.keys() >= OF_EVERY_SERIES
            assert sample.timestamp is None


@pytest.mark.prometheus
@pytest.mark.skipif(shutil.which("promtool") is None, reason="needs Debian's prometheus")
@pytest.mark.parametrize("name", SAMPLES)
def test_prometheus_own_parser_takes_it_and_has_nothing_to_complain_of(name: str) -> None:
    text = render_openmetrics(SAMPLES[name]()).encode()
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_verdict_is_a_label_and_one_of_them_holds() -> None:
    for name, verdict in (("passing", "pass"), ("never_recovered", "fail"), ("unsteady", "inconclusive")):
        values = {one: value_of(SAMPLES[name](), "flowdrill_run_verdict", verdict=one) for one in Verdict}
        assert values == {one: float(one == verdict) for one in Verdict}


def test_a_measure_has_its_bounds_and_one_that_was_not_measured_has_nothing() -> None:
    report = sample_reports.passing()
    took = report.result.measures.time_to_recover
    assert took is not None
    for name, seconds in (("", took.seconds), ("earliest_", took.earliest), ("latest_", took.latest)):
        assert value_of(report, f"flowdrill_measure_{name}seconds", measure="time_to_recover") == seconds
    assert value_of(sample_reports.never_recovered(), "flowdrill_measure_seconds", measure="time_to_recover") is None
    assert value_of(sample_reports.never_recovered(), "flowdrill_measure_seconds", measure="time_to_detect")


def test_when_it_finished_is_there_unless_it_was_cut_off() -> None:
    assert value_of(sample_reports.passing(), "flowdrill_run_finished_timestamp_seconds") == 1773479807.2
    cut_off = sample_reports.cut_off()
    assert value_of(cut_off, "flowdrill_run_finished_timestamp_seconds") is None
    assert value_of(cut_off, "flowdrill_run_info", end="cut off") == 1


def test_an_objective_has_one_status_also_where_its_name_comes_twice() -> None:
    twice = tuple(assessed("outage", status, "a", "b") for status in (Status.PASS, Status.FAIL, Status.UNKNOWN))
    report = changed(sample_reports.passing(), objectives=twice)
    values = {one: value_of(report, "flowdrill_objective_status", objective="outage", status=one) for one in Status}
    assert values == {one: float(one is Status.FAIL) for one in Status}
    assert value_of(report, "flowdrill_checks", status="pass") == len(report.result.checks)


def test_what_an_objective_allows_is_told_in_its_unit() -> None:
    report = sample_reports.passing()
    assert value_of(report, "flowdrill_objective_limit_seconds", objective="outage") == 90
    assert value_of(report, "flowdrill_objective_limit_ratio", objective="failed_requests_ratio") == 0.6
    assert value_of(report, "flowdrill_objective_limit_seconds", objective="failed_requests_ratio") is None


def test_what_others_wrote_is_one_label_and_starts_no_line() -> None:
    text = render_openmetrics(sample_reports.hostile())
    info = families_of(sample_reports.hostile())["flowdrill_run_info"].samples[0]
    assert info.labels["drill"].startswith("<script>alert(1)</script>\"'><img src=x onerror=alert(1)> | a | b")
    assert len(info.labels["drill"]) < len(HOSTILE)
    assert all(line.startswith(("# ", "flowdrill_")) for line in text.splitlines())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2028\ud800-\udfff]", text)
    text.encode()


def test_a_time_that_is_none_is_left_out() -> None:
    report = sample_reports.passing()
    run = report.result.run.model_copy(update={"started": "yesterday"})
    assert value_of(changed(report, run=run), "flowdrill_run_started_timestamp_seconds") is None
