"""What benchmarks have in common: goals, tables, records, the page, and a program that is stopped with all it began."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from proof.machine import Machine, this_machine
from proof.measure import Claim, Found, Goal, Measure
from proof.page import PAGE, with_results
from proof.program_run import exit_code_of
from proof.record import Record, as_json, from_json
from proof.table import markdown, number, table

MACHINE = Machine("A processor | fast", 2, 8.0, "Linux 6.1", "3.11.7", 0.5)
FOUND = Found(
    (
        Measure("20 requests/s", "lag, p99", "ms", (3.0, 1.0, 2.0), Goal(at_most=5)),
        Measure("20 requests/s", "times as fast", "times", (9.0, 8.0, 20.0), Goal(at_least=10)),
        Measure("memory|here", "peak", "MB", (12345.6,)),
    ),
    skipped=("skopeo: no such program on PATH",),
    notes=("It is missed because of the weather.",),
    versions=(("skopeo", "1.9"),),
)
RECORD = Record(Claim("lag", "Lag", "a peer"), FOUND, MACHINE, "0.1.0", "2026-11-27", 12.5, smoke=False)


def test_a_goal_is_met_by_the_median_of_the_rounds() -> None:
    lag, speed, _ = FOUND.measures
    assert (lag.median, lag.missed) == (2.0, False)
    assert (speed.median, speed.missed) == (9.0, True)  # though one round met it
    assert RECORD.missed == (speed,)


def test_a_goal_at_the_limit_is_met() -> None:
    assert Goal(at_most=5).met_by(5)
    assert Goal(at_least=0).met_by(0)
    assert not Goal(at_least=0).met_by(-0.1)


@pytest.mark.parametrize("limits", [{}, {"at_most": 1, "at_least": 1}])
def test_a_goal_has_one_limit(limits: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="either"):
        Goal(**limits)


def test_a_measure_without_values_is_none() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        Measure("case", "name", "s", ())


def test_a_smoke_misses_no_goal_and_says_nothing_of_one() -> None:
    smoke = replace(RECORD, smoke=True)
    assert smoke.missed == ()
    assert "met" not in table(smoke)
    assert '"met": null' in as_json(smoke)


def test_a_record_comes_back_from_its_json() -> None:
    assert from_json(as_json(RECORD)) == RECORD


def test_a_table_tells_what_was_met_missed_and_skipped() -> None:
    lines = table(RECORD).splitlines()
    assert lines[0] == "Lag, against a peer"
    assert lines[2].split() == ["20", "requests/s", "lag,", "p99", "2", "ms", "1", "to", "3", "≤", "5,", "met"]
    assert lines[3].split() == ["times", "as", "fast", "9", "times", "8", "to", "20", "≥", "10,", "MISSED"]
    assert lines[4].split() == ["memory|here", "peak", "12,346", "MB"]
    assert lines[5:] == ["skipped: skopeo: no such program on PATH", "It is missed because of the weather."]


def test_what_a_page_shows_cannot_leave_its_cell() -> None:
    row = next(line for line in markdown(RECORD).splitlines() if "here" in line)
    assert row.startswith("| memory\\|here | peak |")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"), (0.00123456, "0.00123"), (1.2345, "1.23"), (12.0, "12"), (99.96, "100"), (123.45, "123.5"),
        (1234567.8, "1,234,568"), (-1.5, "-1.5"),
    ],
)  # fmt: skip
def test_numbers_have_as_many_digits_as_say_something(value: float, text: str) -> None:
    assert number(value) == text


def test_the_page_gets_each_record_between_its_marks_and_keeps_the_rest(tmp_path: Path) -> None:
    (tmp_path / "lag.json").write_text(as_json(RECORD), "utf-8")
    page = "# A\n<!-- results: lag -->\nold\n<!-- end -->\nB\n<!-- results: other -->\n<!-- end -->\nC\n"
    once = with_results(page, tmp_path)
    assert once.startswith("# A\n<!-- results: lag -->\n| case |")
    assert "old" not in once
    assert "beside skopeo 1.9; A processor | fast, 2 cores, 8 GB" in once
    assert once.endswith("<!-- end -->\nB\n<!-- results: other -->\nNot measured yet.\n<!-- end -->\nC\n")
    assert with_results(once, tmp_path) == once


def test_the_page_has_a_line_for_each_benchmark_that_says_what_was_missed(tmp_path: Path) -> None:
    (tmp_path / "lag.json").write_text(as_json(RECORD), "utf-8")
    page = with_results("<!-- short -->\n<!-- end -->\n<!-- results: lag -->\n<!-- end -->\n", tmp_path)
    missed = "20 requests/s: times as fast: 9 times, ≥ 10 was the goal"
    assert page.splitlines()[3] == f"| Lag | a peer | 1 of 2 | {missed} |"


def test_the_page_shows_what_is_recorded() -> None:
    page = PAGE.read_text("utf-8")
    assert with_results(page, PAGE.parents[1] / "benchmarks" / "results") == page, "python benchmarks writes both"


def test_this_machine_is_told_without_its_name() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert os.uname().nodename not in repr(machine) or len(os.uname().nodename) < 4


STARTS_ANOTHER = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(child.pid))
time.sleep(600)
"""


def test_a_program_that_takes_too_long_is_stopped_with_all_it_has_started(tmp_path: Path) -> None:
    program, told = tmp_path / "program.py", tmp_path / "pid"
    program.write_text(STARTS_ANOTHER)
    assert exit_code_of([str(program), str(told)], 5) is None
    assert not is_running(int(told.read_text()))


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # ended; whoever adopts it has not asked yet


def test_a_program_says_how_it_ended(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys; sys.exit(3)")
    assert exit_code_of([str(program)], 60) == 3
