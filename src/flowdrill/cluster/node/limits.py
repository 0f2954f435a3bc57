"""Limits: memory by looking at what processes hold, CPU by the machine's cgroups where they may be used."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json
from flowdrill.model.resource_quantity import quantity

LOOK_SECONDS = 0.1  # how often memory is looked at
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PERIOD_MICROSECONDS = 100_000


def limit_of(container: Json, name: str) -> Decimal | None:
    """Return a container's limit of `cpu` (cores) or `memory` (bytes), None when it has none."""
    text = ((container.get("resources") or {}).get("limits") or {}).get(name)
    return None if text is None else quantity(text)


def held_bytes(overseer: int) -> int:
    """Return the resident memory of all processes below one; shared pages count for each."""
    total, todo = 0, [overseer]
    while todo:
        one = todo.pop()
        try:
            if one != overseer:
                total += int(Path(f"/proc/{one}/statm").read_bytes().split()[1]) * _PAGE
            for task in Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_bytes().split()]
        except (OSError, ValueError, IndexError):
            continue  # it has just ended
    return total


@dataclass(frozen=True, slots=True)
class CpuGroups:
    """Where groups with a limit can be made; `problem` says why they cannot."""

    parent: Path | None
    version: int = 0
    problem: str = ""

    def make(self, name: str, cores: Decimal) -> str:
        """Make a group that may use so many cores; return its folder. OSError."""
        assert self.parent is not None  # noqa: S101 - asked before
        folder = self.parent / name
        folder.mkdir()
        quota = max(1000, int(cores * _PERIOD_MICROSECONDS))
        try:
            if self.version == 2:
                (folder / "cpu.max").write_text(f"{quota} {_PERIOD_MICROSECONDS}")
            else:
                (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS))
                (folder / "cpu.cfs_quota_us").write_text(str(quota))
        except OSError:
            folder.rmdir()
            raise
        return str(folder)


def find_cpu_groups() -> CpuGroups:
    """Return where this process may limit others' CPU."""
    for parent, version in _candidates(Path("/proc/self/cgroup").read_text().splitlines()):
        probe = parent / f"flowdrill-probe-{os.getpid()}"
        try:
            probe.mkdir()
        except OSError:
            continue
        usable = (probe / ("cpu.max" if version == 2 else "cpu.cfs_quota_us")).exists()
        probe.rmdir()
        if usable:
            return CpuGroups(parent, version)
    return CpuGroups(None, problem="this user may not make CPU cgroups on this machine")


def _candidates(lines: Iterable[str]) -> Iterable[tuple[Path, int]]:
    root = Path("/sys/fs/cgroup")
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            for folder in (root / "cpu", root / controllers, root / "cpu,cpuacct"):
                yield folder / path.lstrip("/"), 1
        elif not controllers:
            yield root / path.lstrip("/"), 2
