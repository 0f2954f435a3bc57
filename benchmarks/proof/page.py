"""The page of benchmarks: its method is written by hand, its numbers come from the records."""

from __future__ import annotations

import re
from pathlib import Path

from proof.record import Record, from_json
from proof.table import markdown, number

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_RESULTS = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
NOTHING = "Not measured yet.\n"
_SHORT = re.compile(r"(<!-- short -->\n).*?(<!-- end -->)", re.DOTALL)


def with_results(page: str, records: Path) -> str:
    """The page with the last record of each benchmark between `<!-- results: NAME -->` and `<!-- end -->`, and a line
    for each between `<!-- short -->` and `<!-- end -->`."""
    found = {name: _record(records / f"{name}.json") for _, name, _ in _RESULTS.findall(page)}

    def results(mark: re.Match[str]) -> str:
        record = found[mark[2]]
        return f"{mark[1]}{NOTHING if record is None else as_measured(record)}{mark[3]}"

    short = in_short([one for one in found.values() if one is not None])
    return _SHORT.sub(lambda mark: mark[1] + short + mark[2], _RESULTS.sub(results, page))


def _record(path: Path) -> Record | None:
    return from_json(path.read_text("utf-8")) if path.exists() else None


def in_short(records: list[Record]) -> str:
    """Which goals are met, in a line for each benchmark."""
    lines = ["| claim | against | goals met | missed |", "| --- | --- | --: | --- |"]
    for one in records:
        goals = sum(measure.goal is not None for measure in one.found.measures)
        missed = "; ".join(
            f"{measure.case}: {measure.name}: {number(measure.median)} {measure.unit}, {measure.goal} was the goal"
            for measure in one.missed
        )
        cells = (one.claim.title, one.claim.against, f"{goals - len(one.missed)} of {goals}", missed)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def as_measured(record: Record) -> str:
    """The table, and when and where it was measured."""
    machine, found = record.machine, record.found
    beside = "; beside " + ", ".join(f"{name} {version}" for name, version in found.versions) if found.versions else ""
    return (
        f"{markdown(record)}\n<sub>{record.day}, flowdrill {record.flowdrill}{beside}; {machine.processor}, "
        f"{machine.cores} cores, {machine.memory_gigabytes:g} GB, {machine.system}, Python {machine.python}, "
        f"load average {machine.load_before:g} before it began; {record.took_seconds:g} s.</sub>\n"
    )
