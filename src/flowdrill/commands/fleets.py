"""`run --selector`: one drill at many workloads."""

from __future__ import annotations

import argparse
import shutil
import sys
from contextlib import closing, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from flowdrill.analysis.fleet_verdict import fleet_verdict
from flowdrill.commands.afterwards import Afterwards, carry_on
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.finished_runs import tell_report_and_error
from flowdrill.commands.telling import answered, tell
from flowdrill.drilling.fleet_plans import FleetChoice
from flowdrill.drilling.fleets import Fleet, FleetOrder, FleetRun, appeared_since, fleet_of, fleet_runs
from flowdrill.drilling.runs import FinishedRun
from flowdrill.drilling.side_by_side import Job, SideBySide
from flowdrill.durable_file import replace_durably
from flowdrill.edges.planfiles.reading import is_suite
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.edges.terminal.consoles import console_of_run, settled
from flowdrill.edges.terminal.fleet_view import FleetView
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.fleet import FleetOutcome, FleetResult
from flowdrill.preparing.authority import Told
from flowdrill.preparing.drill_file import plan_as_written
from flowdrill.report.fleet_text import (
    fleet_line,
    render_fleet_json,
    render_fleet_junit,
    render_fleet_markdown,
    render_fleet_text,
)

_CODES = {
    FleetOutcome.PASS: ExitCode.PASS,
    FleetOutcome.FAIL: ExitCode.FAIL,
    FleetOutcome.ERROR: ExitCode.ERROR,
    FleetOutcome.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}
_MOST_AT_ONCE = 64
_NOT_ENDED = "the fleet did not come to its end"
_RENDERERS = {"fleet.json": render_fleet_json, "fleet.md": render_fleet_markdown, "fleet.xml": render_fleet_junit}


def run_fleet(options: argparse.Namespace, key: SigningKey | None, told: Told, afterwards: Afterwards) -> ExitCode:
    """Drill every workload that matches, and say what all came to."""
    order = _order(options, key, told, afterwards)
    fleet = fleet_of(order)
    began, folder = datetime.now(UTC), _folder(order, fleet)
    console = console_of_run()
    runs: list[FleetRun] = []
    with settled(console), FleetView(console, len(fleet.members)) as view:
        side_by_side = SideBySide(order.parallel, folder / "logs", _Watch(view))
        say = partial(_result, order, fleet, began)
        _write(folder, {"fleet.json": render_fleet_json(say(runs, _NOT_ENDED))})
        with closing(fleet_runs(order, fleet, side_by_side)) as ending:
            for one in ending:
                runs.append(one)
                view.result(one.told.outcome.value, fleet_line(one.told))
                with suppress(RunFolderError):  # it is written once more at the end: no drill is to end for it
                    _write(folder, {"fleet.json": render_fleet_json(say(runs, _NOT_ENDED))})
    appeared = appeared_since(fleet, order.choice)
    result = say(runs, side_by_side.stops).model_copy(update={"appeared": appeared})
    _write(folder, {name: render(result) for name, render in _RENDERERS.items()})
    for one in runs:
        if not one.kept:
            tell(f"flowdrill: {visible(one.told.where)}: its run is not where it should be, see {folder / 'logs'}")
    tell(f"fleet: {folder / 'fleet.md'}")
    text = render_fleet_json(result) if options.json else render_fleet_text(result, _width())
    if side_by_side.signal is not None:
        return answered(text, ExitCode[side_by_side.signal])
    return answered(text, _CODES[result.verdict] if all(one.kept for one in runs) else ExitCode.ERROR)


def parallel_of(asked: int | None) -> int:
    """Return how many drills there may be at once, one without an option; PlanError when it is no such number."""
    parallel = 1 if asked is None else asked
    if not 1 <= parallel <= _MOST_AT_ONCE:
        raise PlanError(f"--parallel {parallel}: is not between 1 and {_MOST_AT_ONCE}", "4 is enough for most")
    return parallel


class _Watch:
    def __init__(self, view: FleetView) -> None:
        self._view = view

    def began(self, job: Job) -> None:
        self._view.began(job.named)

    def said(self, job: Job, text: str) -> None:
        self._view.said(job.named, text)

    def ended(self, job: Job) -> None:
        self._view.ended(job.named)

    def look(self) -> None:
        self._view.look()


def choice_of(options: argparse.Namespace) -> FleetChoice:
    """Return which workloads are meant, in kubectl's words; PlanError when that is said twice."""
    if is_suite(options.drill):
        raise PlanError(f"{options.drill}: is a suite", "--selector takes one drill, at many workloads")
    if options.all_namespaces and options.namespace is not None:
        raise PlanError("--namespace and --all-namespaces do not fit", "give one of them")
    named = options.namespace or plan_as_written(options.drill).drill.target.namespace
    return FleetChoice(options.selector, None if options.all_namespaces else named, options.url)


def _order(options: argparse.Namespace, key: SigningKey | None, told: Told, afterwards: Afterwards) -> FleetOrder:
    for what in ("repeat", "previous"):
        if getattr(options, what) is not None:
            raise PlanError(f"--{what} does not go with --selector", "leave it out; each workload's run finds its own")

    def finished(run: FinishedRun) -> bool:
        tell_report_and_error(run)
        return carry_on(afterwards, run)

    return FleetOrder(
        drill_file=options.drill,
        choice=choice_of(options),
        context=options.context,
        kubeconfig=options.kubeconfig,
        parallel=parallel_of(options.parallel),
        out=options.out,
        fail_fast=options.fail_fast,
        by_calendar=options.scheduled,
        approved=tuple(options.approved),
        signing_key=key,
        told=told,
        finished=finished,
    )


def _result(
    order: FleetOrder,
    fleet: Fleet,
    began: datetime,
    runs: list[FleetRun],
    stopped: str | None,
) -> FleetResult:
    drills = tuple(sorted((one.told for one in runs), key=lambda one: (one.namespace, one.workload)))
    verdict, says = fleet_verdict(drills)
    return FleetResult(
        drill=fleet.plan.drill.drill,
        scenario=fleet.plan.found.scenario.scenario,
        selector=order.choice.selector,
        namespace=order.choice.namespace,
        cluster=order.context or "embedded",
        parallel=order.parallel,
        started=f"{began:%Y-%m-%dT%H:%M:%SZ}",
        took_seconds=(datetime.now(UTC) - began).total_seconds(),
        verdict=verdict,
        says=says,
        stopped=stopped,
        drills=drills,
    )


def _folder(order: FleetOrder, fleet: Fleet) -> Path:
    """Make the folder of the summary and of the drills' output; a second one of a second gets a number."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{fleet.plan.drill.drill}-fleet"
    for number in range(1, 1000):
        folder = order.out / (name if number == 1 else f"{name}-{number}")
        try:
            (folder / "logs").mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise RunFolderError(
                f"{folder}: {error.strerror}", "name a folder that can be written: --out DIR"
            ) from error
        return folder
    raise RunFolderError(f"{order.out}: a thousand fleets in one second", "name another folder: --out DIR")


def _write(folder: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        try:
            replace_durably(folder / name, text.encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise RunFolderError(f"{folder / name}: {error.strerror}", "make room, and run it again") from error


def _width() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None
