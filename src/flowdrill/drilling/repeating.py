"""The same drill several times, one run after the other; and recorded runs of one plan, counted together."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Protocol

from flowdrill.analysis.repeats import PoolOrder, RecordedRun, repeats_of
from flowdrill.analysis.report_data import report_of
from flowdrill.drilling.harm import why_stop, why_stop_after_error
from flowdrill.drilling.runs import FinishedRun, RunWith, run_drill_file
from flowdrill.edges.runfolder.folder import write_durably
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.terminal.consoles import console_of_run, say_on, settled
from flowdrill.errors import FlowdrillError, PlanError, RunFolderError
from flowdrill.model.repeats import Repeats
from flowdrill.preparing.authority import people_of
from flowdrill.preparing.drill_file import plan_of
from flowdrill.preparing.embedded import embedded_cluster
from flowdrill.preparing.opening import Cluster, permit_for
from flowdrill.report.repeats_html import render_repeats_html
from flowdrill.report.repeats_text import render_repeats_json, render_repeats_markdown

RENDERERS: Mapping[str, Callable[[Repeats], str]] = {
    "repeats.json": render_repeats_json,
    "repeats.html": render_repeats_html,
    "repeats.md": render_repeats_markdown,
}
_MOST_IN_A_ROW = 2  # that cannot begin: the third would not, either


@dataclass(frozen=True, slots=True)
class Repetition:
    """One of the runs, from 1, or why it could not begin. `stops`: why it is the last one before all are done."""

    number: int
    run: FinishedRun | FlowdrillError
    stops: str | None


class CarryOut(Protocol):
    """Carries out one drill: `run_drill_file`."""

    def __call__(
        self,
        drill_file: Path,
        where: Cluster,
        run_with: RunWith,
    ) -> FinishedRun:
        """FlowdrillError when it cannot begin."""


def repeated(
    drill_file: Path, times: int, where: Cluster, run_with: RunWith, carry_out: CarryOut = run_drill_file
) -> Iterator[Repetition]:
    """Carry out a drill so many times, on one embedded cluster where no context is named. It goes no further after a
    signal, a run that left anything behind or not as it was, two that could not begin, or a change of the plan.
    PlanError before anything is done when the drill cannot be used, DrillRefusedError when it is not allowed."""
    in_a_row, approved = 0, run_with.approved
    plan = plan_of(drill_file)
    digest = permit_for(plan, where, approved, approval_asked=True).plan_digest
    people_of(plan.drill, run_with.told)
    console = console_of_run()
    with settled(console), ExitStack() as stack:
        running = None if where.context is not None else stack.enter_context(embedded_cluster(say_on(console)))
        for number in range(1, times + 1):
            try:
                _check_unchanged(drill_file, where, approved, digest)
                run = carry_out(drill_file, replace(where, running=running), run_with)
            except FlowdrillError as error:
                in_a_row += 1
                stops = _why_not_again(error, in_a_row)
                yield Repetition(number, error, stops)
            else:
                in_a_row, stops = 0, why_stop(run.outcome, run.report.result)
                yield Repetition(number, run, stops)
            if stops is not None:
                return


class _PlanChangedError(PlanError):
    """The drill is no longer the one that was repeated."""


def _check_unchanged(drill_file: Path, where: Cluster, approved: Sequence[str], digest: str) -> None:
    found = permit_for(plan_of(drill_file), where, approved, approval_asked=True).plan_digest
    if found != digest:
        raise _PlanChangedError(
            f"{drill_file}: the plan has changed while it was repeated: its digest was {digest}, and is {found}",
            "repeat it from the beginning: runs of different plans do not count together",
        )


def _why_not_again(error: FlowdrillError, in_a_row: int) -> str | None:
    if isinstance(error, _PlanChangedError):
        return "the plan has changed"
    harmed = why_stop_after_error(error)
    if harmed is not None:
        return harmed
    return f"{in_a_row} runs in a row could not begin" if in_a_row >= _MOST_IN_A_ROW else None


def pooled(folders: Sequence[Path], order: PoolOrder, beside: Path | None = None) -> Repeats:
    """Return what recorded runs come to, each made anew from its record; RunFolderError when a folder is none,
    PoolingError when they are not of one plan. `beside`: the folder that theirs are named from; None: as given."""
    return repeats_of([_recorded(folder, beside) for folder in folders], order)


def _recorded(folder: Path, beside: Path | None) -> RecordedRun:
    record = read_run(folder)
    named = str(folder) if beside is None else os.path.relpath(folder, beside)
    return RecordedRun(named, record.drill, report_of(record).result)


def summary_folder(out: Path, drill: str, began: datetime) -> Path:
    """Return where what several runs come to is written: beside their folders."""
    return out / f"{began:%Y%m%dT%H%M%SZ}-{drill}-repeats"


def write_repeats(folder: Path, repeats: Repeats) -> None:
    """Write every report of the runs together; RunFolderError when one cannot be."""
    for name, render in RENDERERS.items():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            write_durably(folder / name, render(repeats))
        except OSError as error:
            raise RunFolderError(
                f"{folder / name}: {error.strerror}", "`flowdrill pool RUN… --out DIR` once there is room"
            ) from error
