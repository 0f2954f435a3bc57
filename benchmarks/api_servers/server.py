"""An API server that is up, whichever it is."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from proof.processes import children_of

from flowdrill.cluster.kubeconfig import CONTEXT


@dataclass(frozen=True, slots=True)
class ApiServer:
    """`kubeconfig`: for its administrator, with one context; `pid`s: of all processes that make it up;
    `up_seconds`: from the start of the first process to the first 200 of /readyz."""

    kubeconfig: Path
    pids: tuple[int, ...]
    up_seconds: float
    context: str = CONTEXT


def rss_megabytes(pids: tuple[int, ...]) -> float:
    """The resident memory of processes and their children, as `ps` tells it."""
    every = [one for pid in pids for one in (pid, *children_of(pid))]
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in every)
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
