"""What the API needs of the node to answer `kubectl logs`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flowdrill.cluster.api.resource_types import Json


@dataclass(frozen=True, slots=True)
class LogOptions:
    """The query of `pods/NAME/log`; `container` is always filled in."""

    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None
    since_time: datetime | None = None


class PodLogs(Protocol):
    """Logs of containers, as lines of UTF-8 or whatever the process wrote."""

    def read(self, pod: Json, options: LogOptions) -> AsyncIterator[bytes]:
        """Yield the log in pieces; StatusError 400 when the container is waiting to start, has no previous run, or is
        gone already. The error comes from the first step of the iteration."""
        ...
