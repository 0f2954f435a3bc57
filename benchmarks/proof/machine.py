"""The machine that a benchmark ran on, as far as it matters for its numbers. Nothing that names it."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Machine:
    """`load_before`: the load average of the last minute when the benchmark began: what else was running."""

    processor: str
    cores: int
    memory_gigabytes: float
    system: str
    python: str
    load_before: float


def this_machine() -> Machine:
    """Linux; what cannot be read is said to be unknown."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    system = f"{platform.system()} {platform.release().split('-', maxsplit=1)[0]}"
    return Machine(
        _processor(), cores, round(memory, 1), system, platform.python_version(), round(os.getloadavg()[0], 2)
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return f"unknown {platform.machine()}"
