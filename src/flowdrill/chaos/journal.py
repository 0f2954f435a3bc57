"""The experiment and its journal in the run folder, and the run in the journal: one id, the same instants."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from flowdrill.analysis.redaction import cleaned, hide
from flowdrill.drilling.runs import FinishedRun
from flowdrill.durable_file import replace_durably
from flowdrill.edges.runfolder.folder import CHAOS
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, RunFolderError
from flowdrill.model.result import Result, Verdict

EXPERIMENT, JOURNAL = "experiment.json", "journal.json"
OURS = "flowdrill"  # the journal's key
_log = logging.getLogger("chaostoolkit")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Closing:
    """A run that is over, before its reports are written."""

    folder: Path
    result: Result
    error: FlowdrillError | None
    dry: bool
    not_done: tuple[str, ...] = ()  # of the drill's own activities


def keep_experiment(folder: Path, experiment: Json, hidden: tuple[str, ...]) -> None:
    """Write down what steers the run; RunFolderError when it cannot be."""
    _write(folder, EXPERIMENT, experiment, hidden)


def keep_journal(closing: Closing, journal: Json, hidden: tuple[str, ...]) -> None:
    """Say in the journal what came of the drill, then write it down in the run folder: chaoslib writes the same one.
    RunFolderError when it cannot be."""
    result = closing.result
    journal[OURS] = run_in_journal(closing)
    if result.verdict is Verdict.FAIL:
        journal["deviated"] = True
    unknown = result.verdict is Verdict.INCONCLUSIVE and not closing.dry
    if journal.get("status") == "completed" and (unknown or closing.error is not None or closing.not_done):
        journal["status"] = "failed"  # not knowing is never a pass
    _write(closing.folder, JOURNAL, journal, hidden)


def run_in_journal(closing: Closing) -> Json:
    """Return what the journal says of a run, by names of `result.json`."""
    result = closing.result.model_dump(mode="json", by_alias=True)
    return {
        "run_id": closing.result.run.id,
        "folder": str(closing.folder.resolve()),
        "dry": closing.dry,
        **{name: result[name] for name in ("verdict", "reasons", "end", "measures", "instants", "objectives")},
        "not_done": list(closing.not_done),
        "problem": None if closing.error is None else closing.error.problem,
    }


def tell_result(journal: Json, finished: FinishedRun | None, problem: FlowdrillError | None) -> None:
    """Say what came of a drill, or why there is no run of it: then the experiment has failed."""
    for one in journal.get(OURS, {}).get("not_done", ()):
        _log.error("flowdrill: the drill's own activity: %s", one)
    if problem is not None:
        _log.error("flowdrill: %s", visible(str(problem)))
        if journal.get("status") in (None, "completed"):
            journal["status"] = "failed"
        journal.setdefault(OURS, {})["problem"] = problem.problem
    if finished is None:
        return
    result, error = finished.report.result, finished.outcome.error
    _log.info("flowdrill: %s: %s", result.verdict.value, visible("; ".join(result.reasons)))
    _log.info("flowdrill: report: %s", finished.folder / "report.html")
    if finished.ledger is not None:
        _log.info("flowdrill: ledger: %s", visible(finished.ledger))
    if error is not None:
        _log.error("flowdrill: %s", visible(str(error)))


def _write(folder: Path, name: str, content: Json, hidden: tuple[str, ...]) -> None:
    plain = json.loads(json.dumps(content, default=_plain))
    ours = {OURS: plain.pop(OURS)} if OURS in plain else {}  # the run's own facts: no secret is in them
    shown = {**cleaned(plain, lambda text: hide(text, hidden)), **ours}
    text = json.dumps(shown, indent=2, ensure_ascii=False) + "\n"
    try:
        (folder / CHAOS).mkdir(exist_ok=True)
        replace_durably(folder / CHAOS / name, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise RunFolderError(f"{folder / CHAOS / name}: {error.strerror}", "make room on the disk") from error


def _plain(value: object) -> object:
    return value.value if isinstance(value, Enum) else str(value)
