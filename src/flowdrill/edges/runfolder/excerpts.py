"""Reads back what of the evidence a report shows: the ends of logs, and answers to look at."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePosixPath

from flowdrill.analysis.redaction import redact
from flowdrill.edges.runfolder.regular_file import open_regular
from flowdrill.model.events import Event, EvidenceTaken
from flowdrill.model.shown import Excerpt

_SHOWN_SUFFIXES = (".txt", ".log", ".diff")  # what people read line by line; manifests are whole or nothing
_HEAD_LINES, _TAIL_LINES = 12, 18
_MOST_FILES = 12
_LONGEST_LINE = 400  # characters
_MOST_BYTES = 4_000_000  # of one file: what is behind is left out, and said
SAMPLES = "load/bad-answers.jsonl"


def read_excerpts(folder: Path, events: Iterable[Event]) -> tuple[Excerpt, ...]:
    """Return the first and the last lines of each file of text that the events name. What is not there, is empty, or
    is no regular file of the folder is left out: the report names it all the same."""
    taken = (one for one in events if isinstance(one, EvidenceTaken))
    found = (_excerpt(folder, one) for one in taken if PurePosixPath(one.path).suffix in _SHOWN_SUFFIXES)
    return tuple(islice((one for one in found if one is not None), _MOST_FILES))


def read_samples(folder: Path) -> str:
    """Return the load's samples of bad answers, a JSON object a line; "" where there are none."""
    return _text(folder, SAMPLES) or ""


def _excerpt(folder: Path, taken: EvidenceTaken) -> Excerpt | None:
    text = _text(folder, taken.path)
    lines = [line[:_LONGEST_LINE] for line in redact(text).rstrip().splitlines()] if text else []
    if not lines:
        return None
    left_out = len(lines) - _HEAD_LINES - _TAIL_LINES
    if left_out <= 0:
        return Excerpt(path=taken.path, what=taken.what, head=tuple(lines), left_out=0)
    head, tail = tuple(lines[:_HEAD_LINES]), tuple(lines[-_TAIL_LINES:])
    return Excerpt(path=taken.path, what=taken.what, head=head, left_out=left_out, tail=tail)


def _text(folder: Path, name: str) -> str | None:
    """A file's text. Its name is from the run's events, and may be anybody's: nothing outside of the folder is read."""
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or not stat.S_ISREG(path.lstat().st_mode):
            return None
        with open_regular(path) as file:
            return file.read(_MOST_BYTES).decode("utf-8", errors="replace")
    except (OSError, ValueError):
        return None
