"""Several drills at once, each in a process forked from one that has no other thread."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowdrill.errors import BrokenLedgerError, FlowdrillError, NotRestoredError

PROGRAM = Path(__file__).with_name("side_by_side_program.py")
LONGEST_SECONDS = 60.0


def started(what: str, folder: Path) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAM), what, str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def output(what: str, folder: Path) -> list[str]:
    process = started(what, folder)
    told, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert process.returncode == 0, told
    return told.splitlines()


def marks(folder: Path) -> list[str]:
    path = folder / "marks"
    return path.read_text().splitlines() if path.exists() else []


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_every_drill_needs_at_its_end_is_loaded_before_the_forks() -> None:
    asked = "import sys, flowdrill.drilling.side_by_side; sys.exit('flowdrill.history.run_reports' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", asked], check=False).returncode == 0


def test_never_two_that_share_and_never_more_than_asked_for(tmp_path: Path) -> None:
    told = output("short", tmp_path)
    running: set[str] = set()
    most = 0
    for line in marks(tmp_path):
        what, name, *lane = line.split()
        if what == "began":
            assert lane[0] in ("1", "2")
            assert name[0] not in {one[0] for one in running}, marks(tmp_path)
            running.add(name)
            most = max(most, len(running))
        else:
            running.discard(name)
    assert most <= 2
    assert sorted(one for one in told if one.startswith("RESULT")) == [
        f"RESULT {space}{number} result of {space}{number}" for space in "abc" for number in range(3)
    ]
    assert "SAID a0 began" in told
    assert (tmp_path / "a0.log").read_text() == "output of a0\n"


def test_a_signal_ends_all_that_run_and_starts_no_more(tmp_path: Path) -> None:
    process = started("waits", tmp_path)
    until(lambda: len(marks(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=LONGEST_SECONDS)[0].splitlines()
    assert process.returncode == 0, told
    assert sorted(one for one in marks(tmp_path) if one.startswith("restored")) == ["restored a0", "restored b0"]
    assert [one for one in told if one.endswith("restored")] != []
    assert sum("not begun: stopped by SIGINT" in one for one in told) == 7
    assert told[-1] == "SIGNAL SIGINT"


def test_work_that_does_not_hear_a_signal_is_stopped_and_its_process_is_not_told_as_gone(tmp_path: Path) -> None:
    process = started("unheard", tmp_path)
    until(lambda: len(marks(tmp_path)) == 2)
    process.send_signal(signal.SIGINT)
    told = process.communicate(timeout=LONGEST_SECONDS)[0].splitlines()
    assert sorted(one for one in told if one.endswith("stopped")) == ["RESULT a0 stopped", "RESULT b0 stopped"]
    assert told[-1] == "SIGNAL SIGINT"


def test_those_that_run_put_everything_back_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    process = started("waits", tmp_path)
    until(lambda: len(marks(tmp_path)) == 2)
    process.kill()
    process.communicate(timeout=LONGEST_SECONDS)
    until(lambda: sum(one.startswith("restored") for one in marks(tmp_path)) == 2)


def test_a_terminal_s_ctrl_c_reaches_a_drill_once_and_not_beside_what_is_passed_on(tmp_path: Path) -> None:
    process = started("waits", tmp_path)
    until(lambda: len(marks(tmp_path)) == 2)
    drills = [int(one.split()[2]) for one in marks(tmp_path)]
    assert all(os.getsid(one) == one for one in drills)  # no terminal's process group
    process.terminate()
    process.communicate(timeout=LONGEST_SECONDS)


@pytest.mark.parametrize(
    ("what", "became"), [("killed", "gone: was killed by SIGKILL"), ("raises", "defect: LookupError: nobody expected")]
)
def test_one_that_is_gone_takes_no_other_with_it(tmp_path: Path, what: str, became: str) -> None:
    told = [one for one in output(what, tmp_path) if one.startswith("RESULT")]
    assert len(told) == 9
    assert all(became in one for one in told)


def test_once_it_is_told_to_stop_those_in_progress_end_and_no_other_begins(tmp_path: Path) -> None:
    told = [one for one in output("short-stops", tmp_path) if one.startswith("RESULT")]
    begun = [one for one in told if "result of" in one]
    assert 1 <= len(begun) <= 3, told  # both of the first two, and one that may have begun before the first was told
    assert told[-1].endswith("not begun: one was enough")
    assert len(told) == 9


def test_a_signal_is_passed_on_also_while_those_in_progress_are_ended_for_another_reason(tmp_path: Path) -> None:
    process = started("slowly-nobody-watches", tmp_path)
    until(lambda: any(one.startswith("asked") for one in marks(tmp_path)) or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=LONGEST_SECONDS)
    assert "LookupError: the view is gone" in told
    assert "KeyboardInterrupt" not in told  # it has waited for their end
    assert any(one.startswith("restored") for one in marks(tmp_path))


def test_a_terminal_that_is_gone_ends_nothing(tmp_path: Path) -> None:
    assert sum("result of" in one for one in output("short-nobody-reads", tmp_path)) == 9


def test_a_name_that_is_too_long_for_a_file_ends_nothing(tmp_path: Path) -> None:
    told = output("short-long-names", tmp_path)
    assert sum("result of" in one for one in told) == 9
    assert len({one.name for one in tmp_path.glob("*.log")}) == 9


@pytest.mark.parametrize(
    "error", [NotRestoredError("it is broken", "mend it"), BrokenLedgerError("a gap", "look", entry=7)]
)
def test_an_error_is_the_same_in_another_process(error: FlowdrillError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
