"""Containers' logs, read from the files the keeper writes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

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
        """Yield the log in pieces; StatusError 400 when the container is waiting to start, or has no previous run."""
        path = self._path(pod, options)
        since = options.since_time
        if options.since_seconds is not None:
            since = self._now() - timedelta(seconds=options.since_seconds)
        chosen: Iterator[bytes] | deque[bytes] = (
            line for line in _lines_of(path) if since is None or _time_of(line) >= since
        )
        if options.tail_lines is not None:
            chosen = deque(chosen, maxlen=options.tail_lines)
        left = options.limit_bytes
        position = path.stat().st_size
        for line in chosen:
            text = _shown(line, timestamps=options.timestamps)
            if left is not None:
                text, left = text[:left], left - len(text)
            if text:
                yield text
            if left is not None and left <= 0:
                return
        if options.follow and not options.previous:
            async for line in self._following(path, position):
                yield _shown(line, timestamps=options.timestamps)

    async def _following(self, path: Path, position: int) -> AsyncIterator[bytes]:
        """What is written from now on, until the container has ended."""
        rest = b""
        while True:
            ended = (path.with_suffix(".ended")).exists() or not path.exists()
            size = path.stat().st_size if path.exists() else position
            if size < position:  # rotated
                position = 0
            if size > position:
                with path.open("rb") as file:
                    file.seek(position)
                    content = file.read(_PIECE)
                position += len(content)
                *lines, rest = (rest + content).split(b"\n")
                for line in lines:
                    yield line
            elif ended:
                return
            else:
                await asyncio.sleep(_LOOK_SECONDS)

    def _path(self, pod: Json, options: LogOptions) -> Path:
        name, statuses = pod["metadata"]["name"], pod.get("status") or {}
        all_statuses = [*(statuses.get("initContainerStatuses") or ()), *(statuses.get("containerStatuses") or ())]
        status: Json = next((one for one in all_statuses if one["name"] == options.container), {})
        restarts, state = status.get("restartCount", 0), status.get("state") or {"waiting": {}}
        if options.previous:
            if not restarts and "terminated" not in (status.get("lastState") or {}):
                raise bad_request(f'previous terminated container "{options.container}" in pod "{name}" not found')
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
        path = self._file(pod, options.container, restarts)
        if not path.exists():
            raise bad_request(f'the log of container "{options.container}" in pod "{name}" is gone')
        return path

    def _file(self, pod: Json, container: str, restarts: int) -> Path:
        return self._folder_of(pod) / "logs" / f"{container}-{restarts}.log"


def _lines_of(path: Path) -> Iterator[bytes]:
    for one in (path.with_name(f"{path.name}.1"), path):
        if one.exists():
            with one.open("rb") as file:
                for line in file:
                    yield line.rstrip(b"\n")


def _time_of(line: bytes) -> datetime:
    stamp = line.partition(b" ")[0].decode("ascii", "replace")
    return datetime.fromisoformat(f"{stamp[:26]}+00:00")


def _shown(line: bytes, *, timestamps: bool) -> bytes:
    stamp, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    return (stamp + b" " if timestamps else b"") + text + (b"" if tag == b"P" else b"\n")
