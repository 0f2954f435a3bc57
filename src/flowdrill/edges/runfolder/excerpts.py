"""Reads back what of the evidence a report shows: the ends of logs, and answers to look at."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeVar

from flowdrill.analysis.redaction import redact
from flowdrill.model.events import Event, EvidenceTaken
from flowdrill.model.shown import Excerpt
from flowdrill.regular_file import open_regular

_SHOWN_SUFFIXES = (".txt", ".log", ".diff")  # what people read line by line; manifests are whole or nothing
_HEAD_LINES, _TAIL_LINES = 12, 18
_MOST_FILES = 12
_LONGEST_LINE = 400  # characters
_MOST_BYTES = 4_000_000  # of one file: of a longer one, half of it from each end
_CHUNK = 1 << 20
T = TypeVar("T")
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
    ends = _read(folder, taken.path, _ends)
    if ends is None:
        return None
    first, last = _lines(ends.first), _lines(ends.last)
    lines = [*first, *last]
    if not lines:
        return None
    left_out = len(lines) - _HEAD_LINES - _TAIL_LINES
    if ends.between is not None:  # something is left out, also where both ends are few lines
        head, tail = first[:_HEAD_LINES], last[-_TAIL_LINES:]
        left_out = max(1, ends.between + len(lines) - len(head) - len(tail))
        return Excerpt(path=taken.path, what=taken.what, head=tuple(head), left_out=left_out, tail=tuple(tail))
    if left_out <= 0:
        return Excerpt(path=taken.path, what=taken.what, head=tuple(lines), left_out=0)
    head, tail = lines[:_HEAD_LINES], lines[-_TAIL_LINES:]
    return Excerpt(path=taken.path, what=taken.what, head=tuple(head), left_out=left_out, tail=tuple(tail))


def _lines(text: bytes) -> list[str]:
    shown = redact(text.decode("utf-8", errors="replace")).rstrip()
    return [line[:_LONGEST_LINE] for line in shown.splitlines()]


@dataclass(frozen=True, slots=True)
class _Ends:
    """A file's bytes, whole in `first`; of one that is too long the ends, in whole lines where there are some, and how
    many lines lie `between` them."""

    first: bytes
    last: bytes = b""
    between: int | None = None


def _ends(file: BinaryIO) -> _Ends:
    first, size = file.read(_MOST_BYTES), os.fstat(file.fileno()).st_size
    if size <= _MOST_BYTES:
        return _Ends(first)
    half = _MOST_BYTES // 2
    first = first[: first.rfind(b"\n", 0, half) + 1 or half]
    file.seek(size - half)
    last = file.read(half)
    last = last[last.find(b"\n") + 1 :]
    file.seek(len(first))
    left, between = size - len(last) - len(first), 0
    while left > 0 and (chunk := file.read(min(left, _CHUNK))):
        between, left = between + chunk.count(b"\n"), left - len(chunk)
    return _Ends(first, last, between)


def _text(folder: Path, name: str) -> str | None:
    return _read(folder, name, lambda file: file.read(_MOST_BYTES).decode("utf-8", errors="replace"))


def _read(folder: Path, name: str, read: Callable[[BinaryIO], T]) -> T | None:
    """What is read of a file. Its name is from the run's events, and may be anybody's: nothing outside of the folder is
    read."""
    path = folder / name
    try:
        inside = path.resolve().is_relative_to(folder.resolve())
        if not inside or not stat.S_ISREG(path.lstat().st_mode):
            return None
        with open_regular(path) as file:
            return read(file)
    except (OSError, ValueError):
        return None
