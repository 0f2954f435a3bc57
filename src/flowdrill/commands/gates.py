"""`gate`."""

from __future__ import annotations

import argparse
import os
from contextlib import suppress

from flowdrill.commands.afterwards import Afterwards, afterwards_of, carry_on
from flowdrill.commands.annotating import Annotator
from flowdrill.commands.evidence_gates import ask_history
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.finished_runs import tell_report_and_error
from flowdrill.commands.fleets import parallel_of
from flowdrill.commands.gate_files import append_text, check_writable, write_text
from flowdrill.commands.notifying import take_webhook
from flowdrill.commands.telling import tell
from flowdrill.drilling.candidates import read_candidate
from flowdrill.drilling.gating import CarryOut, GateOrder, GateRun, gate_result, gate_runs, read_gate
from flowdrill.drilling.runs import FinishedRun, run_plan
from flowdrill.edges.host.signals import end_by_signals
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.history.sealing import take_signing_key
from flowdrill.model.gate import GateOutcome, GateResult
from flowdrill.report.gate_junit import render_gate_error_junit, render_gate_junit
from flowdrill.report.gate_text import (
    drill_line,
    error_annotation,
    gate_annotations,
    render_error_markdown,
    render_gate_json,
    render_gate_markdown,
    render_gate_text,
)
from flowdrill.report.junit import render_junit
from flowdrill.report.safe_text import visible_text

_CODES = {
    GateOutcome.PASS: ExitCode.PASS,
    GateOutcome.FAIL: ExitCode.FAIL,
    GateOutcome.ERROR: ExitCode.ERROR,
    GateOutcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}
_OF_RUNNING = (
    *("suite", "candidate", "candidate_changes", "rollback_to", "context"),
    *("fail_fast", "junit", "approved", "sign_key", "parallel", "push_report", "push_to"),
    *("push_metrics", "metrics_textfile"),
)
_OF_ASKING = ("image", "key", "plain_http", "ca_file")
_NOT_ENDED = ("the gate did not come to its end", "see its output for why, then ask it again")


def gate(options: argparse.Namespace, carry_out: CarryOut = run_plan, pid: int | None = None) -> ExitCode:
    """Say whether a release may go. `pid`: this process's."""
    end_by_signals(os.getpid() if pid is None else pid)
    annotator = Annotator(wanted=options.annotations is not None, as_json=options.json)
    try:
        webhook = take_webhook(os.environ)  # also where nobody is told: no process that is started is to inherit it
        if options.evidence is not None:
            _refuse_beside(options, "--evidence", _OF_RUNNING)
            return ask_history(options, annotator)
        _refuse_beside(options, "a suite", _OF_ASKING)
        return _run(options, annotator, carry_out, afterwards_of(options, webhook))
    except FlowdrillError as error:
        with suppress(PlanError):
            append_text(options.markdown, render_error_markdown(error.problem, error.remedy), "--markdown")
        with suppress(PlanError):
            write_text(options.junit, render_gate_error_junit(error.problem, error.remedy), "--junit")
        if options.annotations is None:
            raise
        tell(f"flowdrill: {visible_text(error.problem)} -> {visible_text(error.remedy)}")
        return annotator.answer("", [error_annotation(error.problem)], ExitCode.ERROR)


def _run(options: argparse.Namespace, annotator: Annotator, carry_out: CarryOut, afterwards: Afterwards) -> ExitCode:
    order = _order(options)
    check_writable(options.markdown, "--markdown")
    write_text(options.junit, render_gate_error_junit(*_NOT_ENDED), "--junit")  # an older one would say what it said
    suite, _ = read_gate(order.suite_file)
    runs, pushed = [], True
    for one in gate_runs(order, carry_out):
        runs.append(one)
        _tell(one)
        if isinstance(one.run, FinishedRun):
            pushed = carry_on(afterwards, one.run) and pushed
    stopped = next((one.signal for one in runs if one.signal is not None), None)
    runs.sort(key=lambda one: one.place)  # side by side they end in another order
    result = gate_result(order, suite, runs)
    finished = [one.run if isinstance(one.run, FinishedRun) else None for one in runs]
    append_text(options.markdown, render_gate_markdown(result), "--markdown")
    own = [None if one is None else render_junit(one.report) for one in finished]
    write_text(options.junit, render_gate_junit(result, own), "--junit")
    text = render_gate_json(result) if options.json else render_gate_text(result)
    code = _code_of(result, finished, stopped)
    return annotator.answer(text, gate_annotations(result), code if pushed or code.is_signal else ExitCode.ERROR)


def _code_of(result: GateResult, finished: list[FinishedRun | None], stopped: str | None) -> ExitCode:
    signals = [stopped, *(one.outcome.stop_signal for one in finished if one is not None)]
    stopped = next((one for one in signals if one is not None), None)
    return _CODES[result.verdict] if stopped is None else ExitCode[stopped]


def _order(options: argparse.Namespace) -> GateOrder:
    key = take_signing_key(options.sign_key, os.environ)  # one that is none is named before anything is done
    if options.suite is None:
        raise PlanError("gate: names neither a suite nor evidence", "such as drills/gate.yaml, or --evidence reports")
    if options.candidate_changes is not None and options.candidate is None:
        raise PlanError("--candidate-changes: of which candidate is not said", "name it with --candidate")
    candidate = None if options.candidate is None else read_candidate(options.candidate, options.candidate_changes)
    return GateOrder(
        suite_file=options.suite,
        context=options.context,
        kubeconfig=options.kubeconfig,
        candidate=candidate,
        rollback_to=options.rollback_to,
        fail_fast=options.fail_fast,
        out=options.out,
        signing_key=key,
        approved=tuple(options.approved),
        parallel=parallel_of(options.parallel),
    )


def _tell(one: GateRun) -> None:
    """Say what became of a drill while the others go on."""
    tell(f"gate: {drill_line(one.told)}")
    if isinstance(one.run, FinishedRun):
        tell_report_and_error(one.run)
    elif isinstance(one.run, FlowdrillError):
        tell(f"flowdrill: {visible(str(one.run))}")


def _refuse_beside(options: argparse.Namespace, what: str, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(options, name) not in (None, False, [])]
    if given:
        option = "SUITE.yaml" if given[0] == "suite" else f"--{given[0].replace('_', '-')}"
        raise PlanError(f"gate: {option} says nothing beside {what}", "see `flowdrill gate --help`")
