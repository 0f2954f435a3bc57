"""Two recorded runs side by side, each made anew from its record."""

from __future__ import annotations

import json
from pathlib import Path

from flowdrill.analysis.comparison import RunToCompare, comparison_of
from flowdrill.analysis.report_data import report_of
from flowdrill.edges.runfolder.folder import plan_text
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.model.comparison import Comparison


def compared(before: Path, after: Path, tolerance: float = 0.0) -> Comparison:
    """Return how the second run stands to the first; RunFolderError when a folder is no run, or is damaged."""
    return comparison_of(_run(before), _run(after), tolerance)


def _run(folder: Path) -> RunToCompare:
    record = read_run(folder)
    # as this version writes it: what an older one left out is its default, and no difference
    plan = json.loads(plan_text(record.drill, record.scenario))
    return RunToCompare(str(folder), plan, report_of(record).result)
