"""A drill carried out, once or as one of a suite: opened, run, and its reports written."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flowdrill.drilling.harm import why_stop, why_stop_after_error
from flowdrill.drilling.loading import key_here
from flowdrill.drilling.wiring import Helm, View, carry_out
from flowdrill.edges.planfiles.reading import read_suite
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.edges.terminal.consoles import console_of_run, say_on, settled
from flowdrill.edges.terminal.live import LiveView
from flowdrill.engine.ports import Emit
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import FlowdrillError, GuardActsError, NotRestoredError, RunFolderError
from flowdrill.history.ledgers import note_verified
from flowdrill.history.sealing import seal
from flowdrill.model.drill import Drill
from flowdrill.model.result import Report
from flowdrill.model.scenario import Scenario
from flowdrill.preparing.authority import NOTHING_TOLD, Told, audit_facts_of, people_of
from flowdrill.preparing.chaos_activities import refuse_invalid_activities, secrets_given, sure_secrets
from flowdrill.preparing.drill_file import DrillFile, plan_of, refuse_unknown_url
from flowdrill.preparing.embedded import embedded_cluster
from flowdrill.preparing.opening import Cluster, OpenDrill, Say, open_drill, order_of, permit_for


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run and its reports, which are written."""

    folder: Path
    outcome: RunOutcome
    report: Report
    ledger: str | None = None  # what became of the ledger, where the run has verified an image


class Pilot(Helm, Protocol):
    """The helm, and what it needs before and after the run itself."""

    def opened(self, here: OpenDrill) -> None:
        """Everything that the drill is about is connected."""
        ...

    def ended(self, folder: Path, outcome: RunOutcome) -> None:
        """The run is over, and all is put back as far as it could be. Returns once everything that is not the run's own
        lies in its folder, too: then the reports are written."""
        ...


@dataclass(frozen=True, slots=True)
class RunWith:
    """What a drill is carried out with, beside its plan and its place."""

    out: Path
    approved: Sequence[str] = ()  # the digests of plans that were approved: any other is refused, where there are some
    signing_key: SigningKey | None = None
    told: Told = NOTHING_TOLD  # who runs it, and who has approved that
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    hidden: tuple[str, ...] = ()  # texts that must not be written down, beside the drill's own secrets


def run_suite_file(suite_file: Path, where: Cluster, run_with: RunWith) -> Iterator[FinishedRun | FlowdrillError]:
    """Carry out a suite's drills one after the other, on one embedded cluster where no context is named. Yields each
    run, or why it could not begin; a run that was stopped by a signal, or did not leave all as it was, is the last.
    PlanError before anything is done when a file of the suite cannot be used, DrillRefusedError when one of its drills
    is protected or not approved."""
    _, drills = read_suite(suite_file)
    for one in drills:
        plan = plan_of(one)
        permit_for(plan, where, run_with.approved, approval_asked=True)
        people_of(plan.drill, run_with.told)
    console = console_of_run()
    with settled(console), ExitStack() as stack:
        if where.context is None:
            where = replace(where, running=stack.enter_context(embedded_cluster(say_on(console))))
        for one in drills:
            try:
                finished = run_drill_file(one, where, run_with)
            except FlowdrillError as error:
                yield error
                if why_stop_after_error(error) is not None:
                    return
                continue
            yield finished
            if why_stop(finished.outcome, finished.report.result) is not None:
                return


def run_drill_file(drill_file: Path, where: Cluster, run_with: RunWith) -> FinishedRun:
    """Read the plan and carry it out: see `run_plan`. PlanError when it cannot be used as written."""
    return run_plan(plan_of(drill_file), where, run_with)


def run_plan(plan: DrillFile, where: Cluster, run_with: RunWith, *, see: Emit = lambda _: None) -> FinishedRun:
    """Carry out a drill and write its folder. Without a context: on the embedded cluster. `see` is told each event.
    FlowdrillError before a run has begun."""
    console = console_of_run()
    with settled(console):
        view = LiveView(console, plan.drill if plan.drill.by_people else None)
        return _run(plan, where, run_with, say_on(console), view, see=see)


def run_steered(plan: DrillFile, where: Cluster, run_with: RunWith, pilot: Pilot, say: Say) -> FinishedRun:
    """The same, but `pilot` says when, from another thread, step by step: an experiment of Chaos Toolkit."""
    return _run(plan, where, run_with, say, nullcontext(pilot), pilot)


def _run(
    plan: DrillFile, where: Cluster, run_with: RunWith, say: Say, looks_on: AbstractContextManager[View],
    pilot: Pilot | None = None, see: Emit = lambda _: None,
) -> FinishedRun:  # fmt: skip
    drill = plan.drill
    refuse_unknown_url(drill)
    permit = permit_for(plan, where, run_with.approved, approval_asked=True)
    facts = audit_facts_of(drill, run_with.told, run_with.out)
    if where.context is not None:  # before anything is asked
        key_here(drill.load, run_with.environ, elsewhere=drill.load.in_cluster is not None)
    with open_drill(plan, where, say, run_with.environ) as here:
        api_key = key_here(drill.load, here.environ, elsewhere=here.load_jobs is not None)
        started = datetime.now(UTC)
        hidden = (*((api_key,) if api_key else ()), *(here.alerts.secrets if here.alerts is not None else ()))
        hidden += (*secrets_given(drill.chaos, here.environ), *sure_secrets(run_with.hidden))
        if pilot is not None:
            pilot.opened(here)
        with (
            RunFolder.create(run_with.out, drill, plan.found.scenario, started, hidden, plan.controls) as folder,
            looks_on as view,
        ):
            threading.Thread(target=_import_reports, name="imports").start()  # no daemon: none may end half imported
            order = replace(order_of(plan, here.workload, started, permit), audit=facts)
            outcome = carry_out(order, here, folder, view, pilot, see)
        if pilot is not None:
            pilot.ended(folder.path, outcome)
        report = reported(folder.path, outcome, run_with.signing_key)
        # while the cluster is still there, and when the report is: the verdict is no longer changed by anything
        noted = None if outcome.error is not None else note_verified(here.ledger, report.result)
    return FinishedRun(folder.path, outcome, report, noted)


def reported(folder: Path, outcome: RunOutcome, key: SigningKey | None) -> Report:
    """Write a run's reports and its digests, and return what they say."""
    from flowdrill.history.run_reports import write_reports  # noqa: PLC0415 - see _import_reports

    try:
        report = write_reports(folder)
        goes_on = isinstance(outcome.error, (GuardActsError, NotRestoredError))  # the guard may, and adds to the folder
        seal(folder, report.result, None if goes_on else key)
    except RunFolderError as error:
        if outcome.error is not None:  # a workload that is still broken comes before a report that is missing
            raise outcome.error from error
        raise
    return report


def _import_reports() -> None:
    """Import what writes reports, a sixth of all that a drill needs, while preflight looks and the load starts: before
    anything is measured, and not before the run begins or after it has ended."""
    import flowdrill.history.run_reports  # noqa: F401, PLC0415


def read_plan(drill_file: Path) -> tuple[Drill, Scenario]:
    """Return a drill and its scenario; PlanError when either cannot be used as written, or Chaos Toolkit would not run
    one of its activities."""
    plan = plan_of(drill_file)
    refuse_invalid_activities(plan.drill, drill_file.parent)
    return plan.drill, plan.found.scenario
