"""`flowdrill gate`: a candidate out and back, then a suite's drills, one after the other or several at once; one
verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from flowdrill.analysis.gate_verdict import gate_verdict, holds
from flowdrill.drilling.candidates import CandidateOrder, candidate_plan, rolled_back_to
from flowdrill.drilling.gate_lanes import Lanes, refuse_copies
from flowdrill.drilling.harm import why_stop, why_stop_after_error
from flowdrill.drilling.runs import FinishedRun, RunWith, run_plan
from flowdrill.drilling.side_by_side import STOPPED_BESIDE, Job, NotBegun
from flowdrill.edges.host.forked import Gone, Stopped
from flowdrill.edges.planfiles.reading import is_suite, read_suite
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.edges.terminal.consoles import console_of_run, say_on, settled
from flowdrill.errors import FlowdrillError, GuardActsError
from flowdrill.model.gate import GateDrill, GateOutcome, GateResult, GateStep
from flowdrill.model.measured import Measure
from flowdrill.model.result import Result
from flowdrill.model.suite import Suite
from flowdrill.preparing.drill_file import DrillFile, Origin, plan_of
from flowdrill.preparing.embedded import embedded_cluster
from flowdrill.preparing.opening import Cluster, Say, permit_for

_EMBEDDED = "embedded"


@dataclass(frozen=True, slots=True)
class GateOrder:
    """What is asked."""

    suite_file: Path  # or a single drill
    context: str | None
    kubeconfig: str | None
    candidate: CandidateOrder | None
    rollback_to: str | None
    fail_fast: bool
    out: Path
    signing_key: SigningKey | None = None
    approved: tuple[str, ...] = ()
    parallel: int = 1


@dataclass(frozen=True, slots=True)
class GateRun:
    """A drill of the gate that is over, with its run where it began."""

    told: GateDrill
    run: FinishedRun | FlowdrillError | None  # None: the gate was over before
    place: int = 0  # in the order of the suite
    signal: str | None = None  # by which the gate was stopped, as far as is known by now


class CarryOut(Protocol):
    """Carries out one plan: `run_plan`."""

    def __call__(
        self,
        plan: DrillFile,
        where: Cluster,
        run_with: RunWith,
    ) -> FinishedRun:
        """FlowdrillError when it cannot begin."""


def gate_runs(order: GateOrder, carry_out: CarryOut = run_plan) -> Iterator[GateRun]:
    """Carry out the gate's drills, and yield each once it is over; those that are left when it ends early come last.
    FlowdrillError before anything is done when a plan cannot be used or is not allowed."""
    suite, plans = read_gate(order.suite_file)
    base = plans[0] if suite.candidate is None else plan_of(order.suite_file.parent / suite.candidate)
    console = console_of_run()
    say = say_on(console)
    as_written = order.context is not None or order.rollback_to is None  # else they are other plans in a moment
    for one in plans:
        permit_for(one, Cluster(order.context, order.kubeconfig), order.approved, approval_asked=as_written)
    if order.parallel > 1:
        refuse_copies(plans, order.approved, embedded=order.context is None)
    with settled(console), ExitStack() as stack:
        running = None if order.context is not None else stack.enter_context(embedded_cluster(say))
        where = Cluster(order.context, order.kubeconfig, running)
        base, *plans = rolled_back_to([base, *plans], order.rollback_to, where, say)
        steps = _steps(base, plans, order, where)
        for _, one in steps:
            permit_for(one, where, order.approved, approval_asked=True)
        if order.parallel > 1:
            yield from _side_by_side(steps, where, order, suite, carry_out, say)
        else:
            yield from _carried_out(steps, where, order, suite, carry_out)


def gate_plans(order: GateOrder, *, offline: bool, say: Say) -> list[DrillFile]:
    """Return the plans of the gate's drills, the candidate's first, as it would carry them out: what is to be approved.
    Changes nothing. An image is looked for in its registry; `offline`: no cluster is asked. FlowdrillError when one
    cannot be used."""
    suite, plans = read_gate(order.suite_file)
    base = plans[0] if suite.candidate is None else plan_of(order.suite_file.parent / suite.candidate)
    where = Cluster(order.context, order.kubeconfig)
    if order.context is None or not offline:
        base, *plans = rolled_back_to([base, *plans], order.rollback_to, where, say)
    return [plan for _, plan in _steps(base, plans, order, where)]


def _steps(
    base: DrillFile, plans: Sequence[DrillFile], order: GateOrder, where: Cluster
) -> list[tuple[GateStep, DrillFile]]:
    origin = _origin(order)
    steps = [(GateStep.DRILL, replace(one, origin=origin)) for one in plans]
    if order.candidate is not None:
        candidate = replace(candidate_plan(base, order.candidate, where), origin=origin)
        steps.insert(0, (GateStep.CANDIDATE, candidate))
    return steps


def _origin(order: GateOrder) -> Origin:
    candidate = order.candidate
    given = {
        "--candidate": None if candidate is None else candidate.named,
        "--candidate-changes": None if candidate is None or candidate.file is None else str(candidate.file),
        "--rollback-to": order.rollback_to,
    }
    options = tuple(word for name, text in given.items() if text is not None for word in (name, text))
    return Origin("gate", order.suite_file, options)


def read_gate(path: Path) -> tuple[Suite, list[DrillFile]]:
    """Return a suite and the plans of its drills, a single drill as a suite of one; PlanError when one cannot be used
    as written."""
    if not is_suite(path):
        plan = plan_of(path)
        return Suite(suite=plan.drill.drill, drills=(path.name,)), [plan]
    suite, files = read_suite(path)
    return suite, [plan_of(one) for one in files]


def gate_result(order: GateOrder, suite: Suite, runs: Sequence[GateRun]) -> GateResult:
    """Return what the gate came to."""
    allowed = suite.inconclusive == "allow"
    drills = tuple(one.told for one in runs)
    verdict, says = gate_verdict(drills, inconclusive_allowed=allowed)
    return GateResult(
        suite=suite.suite,
        candidate=None if order.candidate is None else order.candidate.named,
        rollback_to=_stable_of(runs),
        cluster=order.context or _EMBEDDED,
        verdict=verdict,
        blocks=verdict is not GateOutcome.PASS,
        says=says,
        inconclusive_allowed=allowed,
        drills=drills,
    )


def _carried_out(
    steps: Sequence[tuple[GateStep, DrillFile]], where: Cluster, order: GateOrder, suite: Suite, carry_out: CarryOut
) -> Iterator[GateRun]:
    over: str | None = None
    for place, (step, plan) in enumerate(steps):
        if over is not None:
            yield GateRun(_not_run(step, plan, over), None, place)
            continue
        done = replace(_one(step, plan, where, order, carry_out), place=place)
        yield done
        over = _why_over(done, order, suite)


def _side_by_side(
    steps: Sequence[tuple[GateStep, DrillFile]], where: Cluster, order: GateOrder, suite: Suite, carry_out: CarryOut,
    say: Say,
) -> Iterator[GateRun]:  # fmt: skip
    """The same, several at once; yielded as they end."""
    lanes = Lanes(order.parallel, order.out, _Begun(say))

    def carried_out(at: int, plan: DrillFile) -> GateRun:
        return _one(steps[at][0], plan, where, order, carry_out)

    for place, ended in lanes.ended([plan for _, plan in steps], where, carried_out, say):
        done = replace(_done(*steps[place], ended), place=place, signal=lanes.signal)
        yield done
        over = None if isinstance(ended, NotBegun) else _why_over(done, order, suite)
        if over is not None:
            lanes.stop(over)


class _Begun:
    """Says which drill has begun; what became of it is told with its result."""

    def __init__(self, say: Say) -> None:
        self._say = say

    def began(self, job: Job) -> None:
        self._say(f"gate: begun         {job.named}")

    def said(self, job: Job, text: str) -> None:
        """Its log has it."""

    def ended(self, job: Job) -> None:
        """Its result is told."""

    def look(self) -> None:
        """Nothing moves."""


def _done(step: GateStep, plan: DrillFile, ended: object) -> GateRun:
    if isinstance(ended, GateRun):
        return ended
    if isinstance(ended, NotBegun):
        return GateRun(_not_run(step, plan, ended.why), None)
    if isinstance(ended, Stopped):
        return GateRun(_not_run(step, plan, STOPPED_BESIDE), None)
    what = ended.described() if isinstance(ended, Gone) else "met a defect of flowdrill, see its log in gate-logs"
    error = GuardActsError(
        f"the process of drill {plan.drill.drill} {what}", "`flowdrill status` tells what its guard has done"
    )
    return GateRun(_told(step, plan, GateOutcome.ERROR, (error.problem, error.remedy)), error)


def _one(step: GateStep, plan: DrillFile, where: Cluster, order: GateOrder, carry_out: CarryOut) -> GateRun:
    try:
        run = carry_out(plan, where, RunWith(order.out, order.approved, order.signing_key))
    except FlowdrillError as error:
        return GateRun(_told(step, plan, GateOutcome.ERROR, (error.problem, error.remedy)), error)
    result, outcome = run.report.result, run.outcome
    reasons = result.reasons
    became = GateOutcome(result.verdict.value)
    if outcome.error is not None:
        became, reasons = GateOutcome.ERROR, (outcome.error.problem, *reasons)
    elif outcome.stop_signal is not None:
        became, reasons = GateOutcome.ERROR, (f"stopped by {outcome.stop_signal}", *reasons)
    told = _told(step, plan, became, reasons)
    measures = result.measures
    measured = told.model_copy(
        update={
            "time_to_detect_seconds": _seconds(measures.time_to_detect),
            "time_to_roll_back_seconds": _roll_back_seconds(result),
            "time_to_recover_seconds": _seconds(measures.time_to_recover),
            "outage_seconds": _seconds(measures.outage),
            "seconds": result.run.duration_seconds,
            "run": str(run.folder),
        }
    )
    return GateRun(measured, run)


def _why_over(done: GateRun, order: GateOrder, suite: Suite) -> str | None:
    """Why no further drill begins; None when one may."""
    if isinstance(done.run, FinishedRun):
        if done.run.outcome.stop_signal is not None:
            return f"the gate was stopped by {done.run.outcome.stop_signal}"
        harm = why_stop(done.run.outcome, done.run.report.result)
    else:
        harm = why_stop_after_error(done.run)
    if harm is not None:
        return f"drill {done.told.drill}: {harm}"
    if order.fail_fast and not holds(done.told, inconclusive_allowed=suite.inconclusive == "allow"):
        return f"drill {done.told.drill} did not pass, and --fail-fast was given"
    return None


def _not_run(step: GateStep, plan: DrillFile, why: str) -> GateDrill:
    return _told(step, plan, GateOutcome.NOT_RUN, (why,))


def _told(step: GateStep, plan: DrillFile, outcome: GateOutcome, reasons: Sequence[str]) -> GateDrill:
    scenario = plan.found.scenario.scenario
    return GateDrill(step=step, drill=plan.drill.drill, scenario=scenario, outcome=outcome, reasons=tuple(reasons))


def _seconds(measure: Measure | None) -> float | None:
    return None if measure is None else measure.seconds


def _roll_back_seconds(result: Result) -> float | None:
    triggered, rolled_back = result.instants.triggered, result.instants.rolled_back
    return None if triggered is None or rolled_back is None else rolled_back.latest - triggered.earliest


def _stable_of(runs: Sequence[GateRun]) -> str | None:
    """The stable image that the drills had, where all had the same."""
    images = [one.run.report.result.images.stable for one in runs if isinstance(one.run, FinishedRun)]
    names = {f"{one.reference.partition('@')[0]}@{one.digest}" for one in images if one is not None}
    return names.pop() if len(names) == 1 else None
