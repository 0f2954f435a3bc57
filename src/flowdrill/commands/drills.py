"""`run`, `report`, `validate`, `schema`."""

from __future__ import annotations

import argparse
import json
import os

from flowdrill import wiring
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.commands.verdict_codes import CODE_OF_VERDICT
from flowdrill.edges.planfiles.reading import is_suite, read_suite
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.errors import FlowdrillError
from flowdrill.report.result_json import render_result_json
from flowdrill.report.schema import schema_text
from flowdrill.sealing import take_signing_key

# of several drills the one that counts: what could not be done, then what failed, then what nobody knows
_WORST_FIRST = (ExitCode.ERROR, ExitCode.FAIL, ExitCode.INCONCLUSIVE, ExitCode.PASS)


def run(options: argparse.Namespace) -> ExitCode:
    """Carry out a drill, or a suite of drills."""
    key = take_signing_key(options.sign_key, os.environ)  # one that is none is named before anything is done
    if is_suite(options.drill):
        return _run_suite(options, key)
    finished = wiring.run_drill_file(
        options.drill,
        context=options.context,
        kubeconfig=options.kubeconfig,
        out=options.out,
        approved=options.approved,
        signing_key=key,
    )
    result = finished.report.result
    text = render_result_json(finished.report) if options.json else f"{visible(summary_of(result))}\n"
    code = answered(text, _code_of(finished))
    _tell_report_and_error(finished)
    return code


def _run_suite(options: argparse.Namespace, key: SigningKey | None) -> ExitCode:
    """One summary, and one exit code, for all."""
    codes, lines, results = [], [], []
    runs = wiring.run_suite_file(
        options.drill,
        context=options.context,
        kubeconfig=options.kubeconfig,
        out=options.out,
        approved=options.approved,
        signing_key=key,
    )
    for one in runs:
        if isinstance(one, FlowdrillError):
            tell(f"flowdrill: {visible(str(one))}")
            codes.append(ExitCode.ERROR)
            lines.append(f"ERROR         {visible(one.problem)}")
            continue
        result = one.report.result
        results.append(json.loads(render_result_json(one.report)))
        codes.append(_code_of(one))
        lines.append(f"{result.verdict.value.upper():<13} {visible(result.run.drill)}: {visible(result.reasons[0])}")
        _tell_report_and_error(one)
    stopped = [code for code in codes if code not in _WORST_FIRST]
    code = stopped[0] if stopped else next(code for code in _WORST_FIRST if code in codes)
    return answered((json.dumps(results, indent=2) if options.json else "\n".join(lines)) + "\n", code)


def _tell_report_and_error(finished: wiring.FinishedRun) -> None:
    tell(f"report: {finished.folder / 'report.html'}")
    if finished.ledger is not None:
        tell(f"ledger: {visible(finished.ledger)}")
    if finished.outcome.error is not None:
        tell(f"flowdrill: {visible(str(finished.outcome.error))}")


def _code_of(finished: wiring.FinishedRun) -> ExitCode:
    if finished.outcome.stop_signal is not None:
        return ExitCode[finished.outcome.stop_signal]
    if finished.outcome.error is not None:
        return ExitCode.ERROR
    return CODE_OF_VERDICT[finished.report.result.verdict]


def report(options: argparse.Namespace) -> ExitCode:
    """Make the reports of a run folder anew."""
    written = wiring.write_reports(options.run_folder)
    if options.json:
        print(render_result_json(written), end="")
    else:
        print(visible(summary_of(written.result)))
        tell(f"report: {options.run_folder / 'report.html'}")
    return ExitCode.PASS


def validate(options: argparse.Namespace) -> ExitCode:
    """Check a drill file and its scenario, or a suite and all its drills."""
    if is_suite(options.drill):
        suite, drills = read_suite(options.drill)
        if options.json:
            print(json.dumps({"valid": True, "suite": suite.suite, "drills": [str(one) for one in drills]}))
        else:
            print(f"{options.drill}: valid: suite {suite.suite} of {len(drills)} drills")
        return ExitCode.PASS
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
