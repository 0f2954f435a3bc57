"""Containers' logs, read from the files the keeper writes."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

from flowdrill.cluster.api.pod_logs import LogOptions
from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.status_error import bad_request

_LOOK_SECONDS = 0.1
_PIECE = 1 << 16


class FileLogs:
    """PodLogs over the files of `folder_of(pod)`: `NAME-RESTARTS.log`, and `….log.1` for what was rotated away."""

    def __init__(self, folder_of: Callable[[Json], Path], now: Callable[[], datetime]) -> None:
        self._folder_of, self._now = folder_of, now

    async def read(self, pod: Json, options: LogOptions) -> AsyncIterator[bytes]:
        """Yield the log in pieces; StatusError 400 when the container is waiting to start, has no previous run, or is
        gone already."""
        path = self._path(pod, options)
        since = options.since_time
        if options.since_seconds is not None:
            since = self._now() - timedelta(seconds=options.since_seconds)
        shown = _Shown(options)
        with _opened(path, pod, options) as file:
            written = _lines_so_far(path, file)
            chosen = (line for line in written if since is None or _time_of(line) >= since)
            last = chosen if options.tail_lines is None else deque(chosen, maxlen=options.tail_lines)
            for piece in shown.pieces(last):
                yield piece
                await asyncio.sleep(0)  # a large log must not hold up everything else
            if not options.follow or options.previous:
                return
            async for lines in _following(path, file):
                for piece in () if shown.is_full else shown.pieces(lines):
                    yield piece
                if shown.is_full:
                    return

    def _path(self, pod: Json, options: LogOptions) -> Path:
        name, statuses = pod["metadata"]["name"], pod.get("status") or {}
        all_statuses = [*(statuses.get("initContainerStatuses") or ()), *(statuses.get("containerStatuses") or ())]
        status: Json = next((one for one in all_statuses if one["name"] == options.container), {})
        restarts, state = status.get("restartCount", 0), status.get("state") or {"waiting": {}}
        if options.previous:
            if not restarts and "terminated" not in (status.get("lastState") or {}):
                raise bad_request(f'previous terminated container "{options.container}" in pod "{name}" not found')
            if "waiting" not in state or not self._file(pod, options.container, restarts).exists():
                restarts -= 1
        elif "waiting" in state and not restarts and "terminated" not in (status.get("lastState") or {}):
            reason = state["waiting"].get("reason", "ContainerCreating")
            if reason in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName"):
                why = "trying and failing to pull image"
            else:
                why = reason
            raise bad_request(f'container "{options.container}" in pod "{name}" is waiting to start: {why}')
        elif "waiting" in state and not self._file(pod, options.container, restarts).exists():
            restarts -= 1  # between two runs: the last one's
        return self._file(pod, options.container, restarts)

    def _file(self, pod: Json, container: str, restarts: int) -> Path:
        return self._folder_of(pod) / "logs" / f"{container}-{restarts}.log"


def _opened(path: Path, pod: Json, options: LogOptions) -> BinaryIO:
    """The log's file. A pod that has ended may still be listed when its folder is removed already."""
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        where = f'container "{options.container}" in pod "{pod["metadata"]["name"]}"'
        raise bad_request(f"{where} is terminated") from error


def last_words(path: Path, size: int) -> str:
    """Return the end of what a process has written, at most `size` bytes of it."""
    start = max(0, path.stat().st_size - 2 * _PIECE)
    with path.open("rb") as file:
        file.seek(start)
        lines = file.read().split(b"\n")
    said = b"".join(_Shown(LogOptions("")).pieces(lines[1:] if start else lines))
    return said[-size:].decode("utf-8", "replace").rstrip("\n")


class _Shown:
    """Lines of a log as they were asked for: put together again where they were split, up to a limit."""

    def __init__(self, options: LogOptions) -> None:
        self._timestamps, self._left = options.timestamps, options.limit_bytes
        self._split: set[bytes] = set()  # streams whose last line goes on

    @property
    def is_full(self) -> bool:
        """Whether no more may be shown."""
        return self._left is not None and self._left <= 0

    def pieces(self, lines: Iterable[bytes]) -> Iterator[bytes]:
        """Yield what is to be shown of more lines, in pieces of some size."""
        piece = bytearray()
        for line in lines:
            text = self._text(line)[: self._left]
            piece += text
            if self._left is not None:
                self._left -= len(text)
            if self.is_full:
                break
            if len(piece) >= _PIECE:
                yield bytes(piece)
                piece.clear()
        if piece:
            yield bytes(piece)

    def _text(self, line: bytes) -> bytes:
        parts = line.split(b" ", 3)
        if len(parts) < 4:
            return b""  # a full disk has cut it off
        stamp, stream, tag, text = parts
        before = stamp + b" " if self._timestamps and stream not in self._split else b""
        if tag == b"P":
            self._split.add(stream)
            return before + text
        self._split.discard(stream)
        return before + text + b"\n"


def _lines_so_far(path: Path, file: BinaryIO) -> Iterator[bytes]:
    """What was rotated away, and what the file has now; not what is written meanwhile."""
    end = os.fstat(file.fileno()).st_size
    with contextlib.suppress(FileNotFoundError), path.with_name(f"{path.name}.1").open("rb") as older:
        if not os.path.sameopenfile(older.fileno(), file.fileno()):  # it has been rotated at this moment
            yield from _whole_lines(older, os.fstat(older.fileno()).st_size)
    yield from _whole_lines(file, end)


async def _following(path: Path, file: BinaryIO) -> AsyncIterator[list[bytes]]:
    """What is written from now on, until the container has ended; through the files that follow each other."""
    with contextlib.ExitStack() as opened:
        while True:
            ended = path.with_suffix(".ended").exists() or not path.exists()
            if lines := list(_whole_lines(file, file.tell() + _PIECE)):
                yield lines
            elif (fresh := _rotated_to(path, file)) is not None:
                opened.close()
                file = opened.enter_context(fresh)
            elif ended:
                return
            else:
                await asyncio.sleep(_LOOK_SECONDS)


def _rotated_to(path: Path, file: BinaryIO) -> BinaryIO | None:
    try:
        fresh = path.open("rb")
    except FileNotFoundError:
        return None
    if not os.path.sameopenfile(fresh.fileno(), file.fileno()):
        return fresh
    fresh.close()
    return None


def _whole_lines(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The lines that begin before `end`, of those that are complete."""
    position = file.tell()
    while position < end and (line := file.readline()).endswith(b"\n"):
        position += len(line)
        yield line[:-1]
    file.seek(position)


def _time_of(line: bytes) -> datetime:
    """When a line was written; the beginning of time when that was cut off."""
    try:
        return datetime.fromisoformat(f"{line[:26].decode('ascii')}+00:00")
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
