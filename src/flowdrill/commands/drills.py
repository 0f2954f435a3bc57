"""`run`, `report`, `validate`, `schema`."""

from __future__ import annotations

import argparse
import json
import sys

from flowdrill import wiring
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.model.result import Verdict
from flowdrill.report.result_json import render_result_json
from flowdrill.report.schema import schema_text

_OF_VERDICT = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


def run(options: argparse.Namespace) -> ExitCode:
    """Carry out a drill."""
    finished = wiring.run_drill_file(
        options.drill, context=options.context, kubeconfig=options.kubeconfig, out=options.out
    )
    outcome = finished.outcome
    if options.json:
        print(render_result_json(finished.report), end="")
    else:
        print(visible(summary_of(finished.report.result)))
    print(f"report: {finished.folder / 'report.html'}", file=sys.stderr)
    if outcome.error is not None:
        print(f"flowdrill: {visible(str(outcome.error))}", file=sys.stderr)
    if outcome.stop_signal is not None:
        return ExitCode[outcome.stop_signal]
    return ExitCode.ERROR if outcome.error is not None else _OF_VERDICT[finished.report.result.verdict]


def report(options: argparse.Namespace) -> ExitCode:
    """Make the reports of a run folder anew."""
    written = wiring.write_reports(options.run_folder)
    if options.json:
        print(render_result_json(written), end="")
    else:
        print(visible(summary_of(written.result)))
        print(f"report: {options.run_folder / 'report.html'}", file=sys.stderr)
    return ExitCode.PASS


def validate(options: argparse.Namespace) -> ExitCode:
    """Check a drill file and its scenario."""
    drill, scenario = wiring.read_plan(options.drill)
    if options.json:
        print(json.dumps({"valid": True, "drill": drill.drill, "scenario": scenario.scenario}))
    else:
        print(f"{options.drill}: valid: drill {drill.drill}, scenario {scenario.scenario}, {drill.target.workload}")
    return ExitCode.PASS


def schema(options: argparse.Namespace) -> ExitCode:
    """Print a JSON Schema."""
    print(schema_text(options.name), end="")
    return ExitCode.PASS
