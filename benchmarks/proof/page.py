"""The page of benchmarks: its method is written by hand, its numbers come from the records."""

from __future__ import annotations

import re
from pathlib import Path

from proof.record import Record, from_json
from proof.table import markdown

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_RESULTS = re.compile(r"(<!-- results: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_results(page: str, records: Path) -> str:
    """The page with the last record of each benchmark between `<!-- results: NAME -->` and `<!-- end -->`."""

    def results(found: re.Match[str]) -> str:
        path = records / f"{found[2]}.json"
        told = as_measured(from_json(path.read_text("utf-8"))) if path.exists() else "Not measured yet.\n"
        return f"{found[1]}{told}{found[3]}"

    return _RESULTS.sub(results, page)


def as_measured(record: Record) -> str:
    """The table, and when and where it was measured."""
    machine, found = record.machine, record.found
    beside = "; beside " + ", ".join(f"{name} {version}" for name, version in found.versions) if found.versions else ""
    return (
        f"{markdown(record)}\n<sub>{record.day}, flowdrill {record.flowdrill}{beside}; {machine.processor}, "
        f"{machine.cores} cores, {machine.memory_gigabytes:g} GB, {machine.system}, Python {machine.python}, "
        f"load average {machine.load_before:g} before it began; {record.took_seconds:g} s.</sub>\n"
    )
