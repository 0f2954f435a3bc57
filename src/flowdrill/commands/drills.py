"""`run`, `validate`, `schema`."""

from __future__ import annotations

import argparse
import json
import os

from flowdrill.commands.afterwards import Afterwards, afterwards_of, carry_on
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.finished_runs import code_of, tell_report_and_error, worst_of
from flowdrill.commands.fleet_options import refuse_without_selector
from flowdrill.commands.notifying import take_webhook
from flowdrill.commands.scheduled import ended_by_calendar
from flowdrill.commands.telling import answered, tell
from flowdrill.drilling.runs import RunWith, read_plan, run_drill_file, run_suite_file
from flowdrill.edges.host.signals import end_by_signals
from flowdrill.edges.planfiles.reading import is_suite, read_suite
from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.history.sealing import take_signing_key
from flowdrill.preparing.authority import Told
from flowdrill.preparing.opening import Cluster
from flowdrill.report.result_json import render_result_json
from flowdrill.report.schema import schema_text


def run(options: argparse.Namespace) -> ExitCode:
    """Carry out a drill, once or several times, or a suite of drills."""
    end_by_signals(os.getpid())
    key = take_signing_key(options.sign_key, os.environ)  # one that is none is named before anything is done
    afterwards = afterwards_of(options, take_webhook(os.environ))
    ended = ended_by_calendar(options)
    if ended is not None:
        return ended
    told = Told(options.ran_by, options.approved_by, options.previous)
    if options.selector is not None:
        from flowdrill.commands.fleets import run_fleet  # noqa: PLC0415 - what one drill does not need

        return run_fleet(options, key, told, afterwards)
    refuse_without_selector(options)
    asked = Cluster(options.context, options.kubeconfig), RunWith(options.out, options.approved, key, told)
    if options.repeat is not None:
        from flowdrill.commands.repeats import run_repeated  # noqa: PLC0415 - the same

        return run_repeated(options, *asked, afterwards)
    if is_suite(options.drill):
        return _run_suite(options, *asked, afterwards)
    finished = run_drill_file(options.drill, *asked)
    result = finished.report.result
    text = render_result_json(finished.report) if options.json else f"{visible(summary_of(result))}\n"
    code = answered(text, code_of(finished))
    tell_report_and_error(finished)
    pushed = carry_on(afterwards, finished)
    return code if pushed or code.is_signal else ExitCode.ERROR


def _run_suite(options: argparse.Namespace, where: Cluster, run_with: RunWith, afterwards: Afterwards) -> ExitCode:
    """One summary, and one exit code, for all."""
    if run_with.told.previous is not None:
        raise PlanError(f"{options.drill}: is a suite", "--previous takes one drill; without it each finds its own")
    codes, lines, results = [], [], []
    for one in run_suite_file(options.drill, where, run_with):
        if isinstance(one, FlowdrillError):
            tell(f"flowdrill: {visible(str(one))}")
            codes.append(ExitCode.ERROR)
            lines.append(f"ERROR         {visible(one.problem)}")
            continue
        result = one.report.result
        results.append(json.loads(render_result_json(one.report)))
        codes.append(code_of(one))
        lines.append(f"{result.verdict.value.upper():<13} {visible(result.run.drill)}: {visible(result.reasons[0])}")
        tell_report_and_error(one)
        codes += [] if carry_on(afterwards, one) else [ExitCode.ERROR]
    code = worst_of(codes)
    return answered((json.dumps(results, indent=2) if options.json else "\n".join(lines)) + "\n", code)


def validate(options: argparse.Namespace) -> ExitCode:
    """Check a drill file and its scenario, or a suite and all its drills."""
    if is_suite(options.drill):
        suite, drills = read_suite(options.drill)
        if options.json:
            print(json.dumps({"valid": True, "suite": suite.suite, "drills": [str(one) for one in drills]}))
        else:
            print(f"{options.drill}: valid: suite {suite.suite} of {len(drills)} drills")
        return ExitCode.PASS
    drill, scenario = read_plan(options.drill)
    if options.json:
        print(json.dumps({"valid": True, "drill": drill.drill, "scenario": scenario.scenario}))
    else:
        print(f"{options.drill}: valid: drill {drill.drill}, scenario {scenario.scenario}, {drill.target.workload}")
    return ExitCode.PASS


def schema(options: argparse.Namespace) -> ExitCode:
    """Print a JSON Schema."""
    print(schema_text(options.name), end="")
    return ExitCode.PASS
