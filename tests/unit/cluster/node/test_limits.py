"""What containers may use: memory is counted where it is held, CPU groups are made whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

from flowdrill.cluster.node.limits import CpuGroups, held_bytes, limit_of

_HOLDS = """
import os, sys
def hold():
    held = b"x" * (48 << 20)
    print(len(held), flush=True)
    sys.stdin.read()
if os.fork() == 0:
    hold()
else:
    os.wait()
"""


def test_memory_counts_below_a_process_and_not_its_own() -> None:
    program = [sys.executable, "-S", "-E", "-c", _HOLDS]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stdin is not None
        started.stdout.readline()
        (child,) = (int(pid) for pid in _children(started.pid))
        assert 48 << 20 < held_bytes(started.pid) < 96 << 20
        assert held_bytes(child) == 0
        started.stdin.close()


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_process_that_is_gone_holds_nothing() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    assert held_bytes(ended.pid) == 0


@pytest.mark.parametrize(
    ("container", "wanted"),
    [
        ({}, None),
        ({"resources": None}, None),
        ({"resources": {"limits": {"cpu": "1"}}}, None),
        ({"resources": {"requests": {"memory": "1Gi"}}}, None),
        ({"resources": {"limits": {"memory": "64Mi"}}}, Decimal(64 << 20)),
    ],
)
def test_only_a_limit_is_a_limit(container: dict[str, object], wanted: Decimal | None) -> None:
    assert limit_of(container, "memory") == wanted


@pytest.mark.parametrize(
    ("version", "cores", "written"),
    [
        (2, "1.5", {"cpu.max": "150000 100000"}),
        (2, "0.0001", {"cpu.max": "1000 100000"}),
        (1, "0.25", {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "25000"}),
    ],
)
def test_a_cpu_limit_is_a_quota_of_a_period(tmp_path: Path, version: int, cores: str, written: dict[str, str]) -> None:
    made = Path(CpuGroups(tmp_path, version).make("one", Decimal(cores)))
    assert made.parent == tmp_path
    assert {one.name: one.read_text() for one in made.iterdir()} == written


def test_a_group_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(FileExistsError):
        CpuGroups(tmp_path, 2).make("taken", Decimal(1))
