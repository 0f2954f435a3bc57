"""`run --repeat` and `pool`."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path

from flowdrill.analysis.repeats import PoolOrder
from flowdrill.commands.afterwards import Afterwards, carry_on
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.finished_runs import code_of, tell_report_and_error, worst_of
from flowdrill.commands.telling import answered, tell
from flowdrill.drilling.repeating import Repetition, pooled, repeated, summary_folder, write_repeats
from flowdrill.drilling.runs import RunWith, read_plan
from flowdrill.edges.planfiles.reading import is_suite
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.model.claim import Claim, parse_claim
from flowdrill.model.quantity import parse_ratio
from flowdrill.model.repeats import Repeats
from flowdrill.preparing.opening import Cluster
from flowdrill.report.repeats_text import render_repeats_json, render_repeats_text

_MOST_REPEATS = 1000
_MOST_CLAIMS = 20
_NOTHING = Afterwards()


def run_repeated(options: argparse.Namespace, where: Cluster, run_with: RunWith, afterwards: Afterwards) -> ExitCode:
    """Carry out one drill several times, and say what the runs come to. Each run is pushed and told by itself."""
    times: int = options.repeat
    if is_suite(options.drill):
        raise PlanError(f"{options.drill}: is a suite", "--repeat takes one drill")
    if not 1 <= times <= _MOST_REPEATS:
        raise PlanError(f"--repeat {times}: is not between 1 and {_MOST_REPEATS}", "59 is what 95 % of drills needs")
    if run_with.told.previous is not None:
        raise PlanError("--previous and --repeat do not fit", "leave it out: each run finds the one before it")
    began, drill = datetime.now(UTC), read_plan(options.drill)[0]
    runs = repeated(options.drill, times, where, run_with)
    folder = summary_folder(options.out, drill.drill, began)
    return summed_up(runs, times, folder, as_json=options.json, afterwards=afterwards)


def summed_up(
    runs: Iterable[Repetition], times: int, summary: Path, *, as_json: bool, afterwards: Afterwards = _NOTHING
) -> ExitCode:
    """Say what becomes of each run, write what they come to into `summary` and print it; return the worst exit code.
    The runs are done, whatever becomes of that: an error in it does not hide a signal."""
    codes, folders, stopped = [], [], None
    for one in runs:
        codes.append(_told(one, times))
        if not isinstance(one.run, FlowdrillError):
            folders.append(one.run.folder)
            codes += [] if carry_on(afterwards, one.run) else [ExitCode.ERROR]
        stopped = one.stops if one.number < times else None
    if stopped is not None:
        tell(f"flowdrill: no further run: {visible(stopped)}")
    code = worst_of(codes)
    if not folders:
        return code
    try:
        repeats = pooled(folders, PoolOrder(asked_for=times, stopped=stopped), summary)
        write_repeats(summary, repeats)
    except FlowdrillError as error:
        tell(f"flowdrill: {visible(str(error))}")
        return code if code.is_signal else ExitCode.ERROR
    tell(f"all runs together: {summary / 'repeats.html'}")
    return answered(_text(repeats, as_json=as_json), code)


def _told(one: Repetition, times: int) -> ExitCode:
    """Say what became of a run; return its exit code."""
    if isinstance(one.run, FlowdrillError):
        tell(f"run {one.number} of {times}: could not begin\nflowdrill: {visible(str(one.run))}")
        return ExitCode.ERROR
    result = one.run.report.result
    tell(f"run {one.number} of {times}: {result.verdict.value.upper()}: {visible(result.reasons[0])}")
    tell_report_and_error(one.run)
    return code_of(one.run)


def pool(options: argparse.Namespace) -> ExitCode:
    """Count recorded runs of one plan together. Claims that were asked for and are not supported fail."""
    order = PoolOrder(
        claims=_claims(options.claim),
        share=_ratio(options.share, "--share"),
        confidence=_ratio(options.confidence, "--confidence"),
    )
    repeats = pooled(options.run_folders, order, options.out)
    if options.out is not None:
        write_repeats(options.out, repeats)
        tell(f"all runs together: {options.out / 'repeats.html'}")
    held = all(claim.supported for claim in repeats.claims if claim.asked)
    return answered(_text(repeats, as_json=options.json), ExitCode.PASS if held else ExitCode.FAIL)


def _text(repeats: Repeats, *, as_json: bool) -> str:
    return render_repeats_json(repeats) if as_json else visible(render_repeats_text(repeats))


def _claims(texts: list[str]) -> tuple[Claim, ...]:
    if len(texts) > _MOST_CLAIMS:
        raise PlanError(f"--claim: {len(texts)} claims are too many", f"give {_MOST_CLAIMS} at most at a time")
    return tuple(map(_claim, texts))


def _claim(text: str) -> Claim:
    try:
        return parse_claim(text)
    except ValueError as error:
        raise PlanError(f"--claim {text[:80]!r}: {error}", "write it as `time_to_recover <= 120s`") from error


def _ratio(text: str, option: str) -> Fraction:
    """Exactly what was written, as a fraction."""
    try:
        ratio = parse_ratio(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}", "write it as 95%") from error
    if not 0.5 <= ratio < 1:
        raise PlanError(f"{option} {text}: is not from 50% to below 100%", "no number of drills shows 100 %")
    return Fraction(repr(ratio))
