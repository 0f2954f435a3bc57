"""How a fleet is shown while it goes on, and what it came to, on a terminal of any width and in a pipe."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from rich.console import Console

from flowdrill.analysis.fleet_verdict import fleet_verdict
from flowdrill.edges.terminal.fleet_view import FleetView
from flowdrill.model.fleet import FleetDrill, FleetOutcome, FleetResult
from flowdrill.report.fleet_text import (
    fleet_line,
    render_fleet_json,
    render_fleet_junit,
    render_fleet_markdown,
    render_fleet_text,
)
from flowdrill.report.schema import schema_text

LONG = "a-namespace-with-a-very-long-name-indeed"


def drill(namespace: str, outcome: FleetOutcome, *reasons: str) -> FleetDrill:
    times = {"time_to_detect_seconds": 0.8, "time_to_recover_seconds": 1.5, "outage_seconds": 2.3, "seconds": 16.0}
    took = times if outcome in (FleetOutcome.PASS, FleetOutcome.FAIL) else {}
    return FleetDrill(
        namespace=namespace, workload="deployment/langflow", outcome=outcome, reasons=reasons or ("said",), **took
    )


def result(*drills: FleetDrill, **more: object) -> FleetResult:
    verdict, says = fleet_verdict(drills)
    made = FleetResult(
        drill="d", scenario="s", selector="app=langflow", namespace=None, cluster="staging", parallel=4,
        started="2026-01-01T00:00:00Z", took_seconds=20.0, verdict=verdict, says=says, drills=drills,
    )  # fmt: skip
    return made.model_copy(update=more)


HOSTILE = "\x1b[31m::error::x\n| <script> |"
SEVERAL = result(
    drill("a", FleetOutcome.PASS),
    drill(LONG, FleetOutcome.FAIL, "outage: 3 m (required: 1 m)"),
    drill("c", FleetOutcome.NOT_RUN, HOSTILE),
    appeared=("c/deployment/new",),
    stopped="stopped by SIGINT",
)


def test_a_pipe_gets_every_name_in_full_and_a_terminal_no_line_of_the_table_that_is_wider() -> None:
    assert any(f"{LONG}  deployment/langflow" in line for line in render_fleet_text(SEVERAL).splitlines())
    for width in (50, 70, 100):
        rows = [line for line in render_fleet_text(SEVERAL, width).splitlines() if line.startswith(("PASS", "FAIL "))]
        assert len(rows) == 2
        assert max(map(len, rows)) <= width
        assert ("2.30 s" in rows[0]) is (width >= 60)


def test_everything_that_is_no_pass_says_why_and_nothing_steers_a_terminal() -> None:
    told = render_fleet_text(SEVERAL, 100)
    assert "  outage: 3 m (required: 1 m)\n" in told
    assert "no further drill began: stopped by SIGINT" in told
    assert "new meanwhile, and not drilled: c/deployment/new" in told
    assert told.splitlines()[-1].startswith(
        "FAIL: drill d at app=langflow in all namespaces on staging: of 3 workloads"
    )
    for text in (told, fleet_line(SEVERAL.drills[2]), render_fleet_markdown(SEVERAL), render_fleet_junit(SEVERAL)):
        assert "\x1b" not in text
    assert "<script>" not in render_fleet_markdown(SEVERAL)
    assert "<script>" not in render_fleet_junit(SEVERAL)


def test_programs_get_it_by_its_schema_and_pipelines_as_junit() -> None:
    jsonschema.validate(json.loads(render_fleet_json(SEVERAL)), json.loads(schema_text("fleet")))
    root = ET.fromstring(render_fleet_junit(SEVERAL).partition("?>")[2])
    assert [one.get("name") for one in root] == ["fleet", "a", LONG, "c"]
    assert (root.get("tests"), root.get("failures"), root.get("skipped")) == ("4", "2", "1")


def test_what_was_skipped_leaves_no_verdict_that_passed_in_junit() -> None:
    skipped = result(drill("a", FleetOutcome.PASS), drill("b", FleetOutcome.SKIPPED))
    root = ET.fromstring(render_fleet_junit(skipped).partition("?>")[2])
    assert root.find("testsuite[@name='fleet']/testcase/error") is not None


@pytest.mark.parametrize("width", [30, 120])
def test_a_terminal_has_a_line_for_each_that_runs_and_none_wider_than_itself(width: int) -> None:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    with FleetView(console, 3) as view:
        view.began(f"{LONG}/deployment/x")
        view.said(f"{LONG}/deployment/x", "baseline")
    shown = out.getvalue()
    assert "0 of 3 done; 2 waiting"[: width - 2] in shown
    assert "baseline" in shown
    assert max(len(line) for line in shown.replace("\r", "\n").splitlines() if "\x1b" not in line) < width


def test_a_pipe_has_a_line_when_one_begins_and_one_when_it_is_over() -> None:
    out = io.StringIO()
    with FleetView(Console(file=out, width=80), 1) as view:
        view.began("a/deployment/x")
        view.said("a/deployment/x", "baseline")
        view.ended("a/deployment/x")
        view.result("pass", "PASS          a/deployment/x: \x1b[31mfine")
    assert out.getvalue() == "BEGUN         a/deployment/x\nPASS          a/deployment/x: \\x1b[31mfine\n"
