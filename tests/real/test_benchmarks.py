"""Every benchmark still runs. What it measures is not judged here: this machine is shared."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


WITH_DRILLS = ("fleet",)
BENCHMARKS = [
    pytest.param(one, id=one.stem, marks=[pytest.mark.endurance] if one.stem in WITH_DRILLS else [])
    for one in sorted((ROOT / "benchmarks").glob("*.py"))
]


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_benchmark_runs_to_its_end(benchmark: Path) -> None:
    ran = subprocess.run(
        [sys.executable, str(benchmark), "--smoke"], capture_output=True, text=True, check=False, timeout=120
    )
    assert ran.returncode == 0, ran.stderr
    last_line = ran.stdout.strip().splitlines()[-1]
    assert json.loads(last_line), "the last line is the result as JSON"


def test_a_broken_image_moves_only_what_is_new() -> None:
    benchmark = ROOT / "benchmarks" / "broken_image.py"
    ran = subprocess.run([sys.executable, str(benchmark), "--smoke"], capture_output=True, text=True, check=True)
    cost = json.loads(ran.stdout.strip().splitlines()[-1])
    assert cost["stable_megabytes"] == 5
    assert 0 < cost["broken_image_kilobytes_new"] <= cost["broken_image_kilobytes_moved"] < 250
