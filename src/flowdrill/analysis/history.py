"""One row of the history, from a run's result and its plan's objectives."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Objectives
from flowdrill.model.history import HistoryRun, Timed, TimeOfRun
from flowdrill.model.result import Result

_LONGEST_REASON = 300  # characters; the whole of it is in the run's own report


def history_run(
    folder: str,
    result: Result,
    objectives: Objectives | None,
    *,
    has_report: bool,
    anew_because: str | None = None,
) -> HistoryRun:
    """Return what the history keeps of a run. `objectives`: None where its plan cannot be read. RunFolderError when
    nobody can tell when it was: then it has no place in a history."""
    run, stable = result.run, result.images.stable
    return HistoryRun(
        folder=folder,
        id=run.id,
        drill=run.drill,
        scenario=run.scenario,
        verdict=result.verdict,
        reason=result.reasons[0][:_LONGEST_REASON] if result.reasons else "",
        started=_utc(run.started),
        cluster=run.cluster,
        namespace=run.namespace,
        workload=run.workload,
        tool_version=run.tool_version,
        stable_reference=None if stable is None else stable.reference,
        stable_digest=None if stable is None else stable.digest,
        times=tuple(
            TimeOfRun(what=what, measure=getattr(result.measures, what.value), at_most=_limit(objectives, what))
            for what in Timed
        ),
        has_report=has_report,
        anew_because=anew_because,
    )


def _limit(objectives: Objectives | None, what: Timed) -> float | None:
    """Reaction has no objective of its own."""
    limit: float | None = getattr(objectives, what.value, None)
    return limit


def _utc(text: str) -> str:
    """The time in one form, so that times compare as texts do."""
    try:
        told = datetime.fromisoformat(text)
        # a time without its zone is taken for UTC: the machine's own would be another one on each
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        return told.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError) as error:
        raise RunFolderError(
            "its result has no time of its start that can be read (run.started)",
            "restore the folder from a copy, or make its reports anew: `flowdrill report RUN_FOLDER`",
        ) from error


def in_order(runs: Iterable[HistoryRun]) -> tuple[HistoryRun, ...]:
    """Return runs by their start, the oldest first; of two at the same instant the one whose folder's name is less."""
    return tuple(sorted(runs, key=lambda one: (one.started, one.folder)))
