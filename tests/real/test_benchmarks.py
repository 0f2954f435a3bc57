"""Every benchmark still runs. What it measures is not judged here: this machine is shared."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from pathlib import Path

import pytest
from proof.page import PAGE
from proof.record import Record, from_json

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(one for one in (ROOT / "benchmarks").glob("*.py") if one.stem != "__main__")
WITH_MANY_DRILLS = ("fleet",)

pytestmark = pytest.mark.benchmarks


def smoke(program: Path, folder: Path) -> Record:
    path = folder / "record.json"
    ran = subprocess.run(
        [sys.executable, str(program), "--smoke", "--json", str(path)],
        capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return from_json(path.read_text("utf-8"))


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(one, id=one.stem, marks=[pytest.mark.endurance] if one.stem in WITH_MANY_DRILLS else [])
        for one in PROGRAMS
    ],
)
def test_a_benchmark_runs_to_its_end(program: Path, tmp_path: Path) -> None:
    record = smoke(program, tmp_path)
    assert record.smoke
    assert record.claim.name == program.stem
    values = [value for measure in record.found.measures for value in measure.values]
    assert values or record.found.skipped
    assert all(math.isfinite(value) for value in values)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.stem)
def test_a_benchmark_says_what_it_is_and_takes_the_options_of_all(program: Path) -> None:
    told = subprocess.run([sys.executable, str(program), "--help"], capture_output=True, text=True, check=True).stdout
    assert {"--rounds", "--smoke", "--json"} <= set(re.findall(r"--[a-z]+", told))
    assert len(told) > 500


def test_a_broken_image_moves_only_what_is_new(tmp_path: Path) -> None:
    record = smoke(ROOT / "benchmarks" / "broken_image.py", tmp_path)
    moved = {one.name: one.median for one in record.found.measures if one.unit == "kB"}
    assert 0 < moved["flowdrill: new"] <= moved["flowdrill: moved"] < 250


def test_every_benchmark_is_run_by_the_command_for_all_and_has_its_place_on_the_page() -> None:
    told = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks"), "no-such"], capture_output=True, text=True, check=False
    )
    assert told.returncode == 2
    names = set(re.findall(r"\w+", told.stderr.rpartition("there are ")[2]))
    assert names == {one.stem for one in PROGRAMS}
    assert names == set(re.findall(r"<!-- results: (\w+) -->", PAGE.read_text("utf-8")))
