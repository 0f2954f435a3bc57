"""When a drill last broke something, by the run folders that are kept."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from flowdrill.edges.runfolder.earlier_run import Workload, drill_of, is_of
from flowdrill.edges.runfolder.folder import UNDO
from flowdrill.errors import RunFolderError


def latest_run(out: Path, drill: str, workload: Workload | None = None) -> datetime | None:
    """Return when the latest run of a drill (of one workload, where one is named) began that went as far as to write
    its undo down, which comes before anything is broken; None where there is none. A run that was refused has touched
    nothing, and does not count; one whose plan cannot be read does, by its folder's name: `example-2` may be the second
    of a second, or another drill. RunFolderError when the folder cannot be read: then nobody can say that it is not too
    early."""
    name = re.compile(rf"(\d{{8}}T\d{{6}}Z)-{re.escape(drill)}(-\d{{1,3}})?")
    try:
        found = [
            match[1]
            for one in out.iterdir()
            if (match := name.fullmatch(one.name))
            and (one / UNDO).is_file()
            and drill_of(one) in (drill, None)
            and is_of(one, workload)
        ]
    except FileNotFoundError:
        return None
    except OSError as error:
        remedy = "name a folder that can be read with --out: it holds the runs that calendar.at_most_once_in counts"
        raise RunFolderError(f"{out}: {error.strerror}", remedy) from error
    began = (_instant(text) for text in sorted(found, reverse=True))
    return next((one for one in began if one is not None), None)


def _instant(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
