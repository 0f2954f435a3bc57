"""What a site has read already: a row a run, so that the next build reads only what has changed.

It saves time and nothing else: a row counts only as long as the files that it was made from are what they were, and a
line that cannot be read is as none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flowdrill.durable_file import replace_whole
from flowdrill.model.history import HistoryRun

INDEX = ".flowdrill-runs.jsonl"
_FORM = "flowdrill.dev/site-index/1"  # another one whenever a row is made in another way
_FRESH_NS = 2_000_000_000  # a file may be written twice within one tick of its clock, and then its times do not tell


@dataclass(frozen=True, slots=True)
class IndexRow:
    """A run as it was read. `stamp`: of its files; "" where their times may not tell a later change. `digest`: of the
    bytes that it was made from; "" where it was made from everything that was recorded."""

    run: HistoryRun
    stamp: str
    digest: str


def read_index(folder: Path, tool_version: str) -> Mapping[str, IndexRow]:
    """Return the rows by the names of their folders: none where there is no index, or another version wrote it."""
    try:
        with (folder / INDEX).open("rb") as file:
            if json.loads(file.readline()) != _head(tool_version):
                return {}
            rows = [row for line in file if (row := _row(line)) is not None]
    except (OSError, ValueError, RecursionError):
        return {}
    return {row.run.folder: row for row in rows}


def write_index(folder: Path, rows: Iterable[IndexRow], tool_version: str) -> None:
    """Write it, in the order of the folders' names; OSError when it cannot be."""
    lines = [json.dumps(_head(tool_version))]
    lines += [
        f'{{"stamp":{json.dumps(row.stamp)},"digest":{json.dumps(row.digest)},"run":{_json(row.run)}}}'
        for row in sorted(rows, key=lambda one: one.run.folder)
    ]
    replace_whole(folder / INDEX, ("\n".join(lines) + "\n").encode())


def stamp_to_keep(stamp: str, newest_ns: int, read_at_ns: int) -> str:
    """Return the stamp of files that were read at `read_at_ns` (UTC); "" where they were written so shortly before
    that a later change may leave it as it is."""
    return stamp if newest_ns + _FRESH_NS < read_at_ns else ""


def _head(tool_version: str) -> dict[str, object]:
    return {"form": _FORM, "flowdrill": tool_version, "fields": sorted(HistoryRun.model_fields)}


def _json(run: HistoryRun) -> str:
    """Only ASCII: a folder's name may be anything."""
    return json.dumps(run.model_dump(mode="json"))


def _row(line: bytes) -> IndexRow | None:
    try:
        found = json.loads(line)
        run = HistoryRun.model_validate_json(json.dumps(found["run"]))
        stamp, digest = found["stamp"], found["digest"]
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return IndexRow(run, stamp, digest) if isinstance(stamp, str) and isinstance(digest, str) else None
