"""Whoever was to read the answer may be gone: the exit code says so, and never `fail`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from flowdrill.cli import main as cli
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell

def call(options):
    {body}

class Parser:
    def parse_args(self, arguments):
        return type("Options", (), {{"call": staticmethod(call)}})()

cli._parser = Parser
sys.exit(cli.main([]))
"""
ANSWERS = "tell('beside'); return answered('text' * {times}, ExitCode.{code})"
PRINTS = "print('text' * 100_000); return ExitCode.PASS"
PRINTS_LATE = "print('text'); return ExitCode.PASS"
DEFECT = "raise OSError(5, 'bad', 'a file of ours')"


def ended(body: str, *, out_gone: bool = True, errors_gone: bool = False) -> tuple[int, str]:
    """Run a command whose readers may be gone; return its exit code and what it said on standard error."""
    reads, writes = os.pipe()
    os.close(reads)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM.format(body=body)],
            stdout=writes if out_gone else subprocess.DEVNULL,
            stderr=writes if errors_gone else subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
        )
    finally:
        os.close(writes)
    return done.returncode, done.stderr or ""


@pytest.mark.parametrize("body", [PRINTS, PRINTS_LATE, ANSWERS.format(times=1, code="PASS")])
def test_an_answer_that_nobody_can_read_is_an_error_in_one_line(body: str) -> None:
    code, said = ended(body)
    assert code == 2
    assert said.removeprefix("beside\n") == "flowdrill: the answer cannot be written to standard output: Broken pipe\n"


def test_a_run_that_a_signal_has_ended_says_so_all_the_same() -> None:
    assert ended(ANSWERS.format(times=100_000, code="SIGINT"))[0] == 130


@pytest.mark.parametrize(("code", "number"), [("PASS", 0), ("FAIL", 1), ("INCONCLUSIVE", 3)])
def test_what_is_said_beside_the_answer_changes_nothing_where_nobody_reads_it(code: str, number: int) -> None:
    assert ended(ANSWERS.format(times=1, code=code), out_gone=False, errors_gone=True)[0] == number


def test_both_readers_are_gone() -> None:
    assert ended(PRINTS, errors_gone=True)[0] == 2


def test_a_defect_is_still_told_as_one() -> None:
    code, said = ended(DEFECT, out_gone=False)
    assert code == 2
    assert "Traceback" in said
    assert said.endswith("flowdrill: this is a defect of flowdrill: please report the lines above\n")
