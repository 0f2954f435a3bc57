"""Rows of a history made by hand."""

from __future__ import annotations

from datetime import date

from flowdrill.model.history import History, HistoryRun, LedgerSeen, Timed, TimeOfRun, UnreadableRun
from flowdrill.model.measured import Measure
from flowdrill.model.result import Verdict

AS_OF = date(2026, 11, 30)


def digest(number: int) -> str:
    return f"sha256:{number:064x}"


def times(*seconds: float | None, at_most: float | None = 60.0) -> tuple[TimeOfRun, ...]:
    """Of the four in their order; those that are not given were not measured."""
    given = dict(zip(Timed, seconds, strict=False))
    return tuple(
        TimeOfRun(
            what=what,
            measure=None
            if (one := given.get(what)) is None
            else Measure(seconds=one, earliest=one * 0.9, latest=one * 1.1),
            at_most=None if what is Timed.REACTION else at_most,
        )
        for what in Timed
    )


def run(day: str = "2026-11-20", **changes: object) -> HistoryRun:
    """A run of that day; it passed unless something else is said."""
    facts: dict[str, object] = {
        "folder": f"{day.replace('-', '')}T093000Z-edge-missing",
        "id": f"{day}-edge-missing",
        "drill": "edge-missing",
        "scenario": "edge-missing",
        "verdict": Verdict.PASS,
        "reason": "4 of 4 objectives met",
        "started": f"{day}T09:30:00.000Z",
        "cluster": "lab (https://127.0.0.1:6443)",
        "namespace": "shop",
        "workload": "deployment/flow",
        "tool_version": "0.1.0",
        "stable_reference": f"registry.example/flow:1.0@{digest(1)}",
        "stable_digest": digest(1),
        "times": times(1.0, 0.02, 17.0, 18.0),
        "has_report": True,
        "anew_because": None,
    }
    return HistoryRun.model_validate(facts | changes)


def history(
    *runs: HistoryRun, unreadable: tuple[UnreadableRun, ...] = (), ledgers: tuple[LedgerSeen, ...] = ()
) -> History:
    return History(runs, unreadable, ledgers, AS_OF, 90)
