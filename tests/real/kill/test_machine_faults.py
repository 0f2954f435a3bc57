"""The machine itself fails a drill: whatever happens, the service is put back, and the run folder can be read."""

from __future__ import annotations

import json
import os
import pty
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.kill.arena import Arena
from tests.real.kill.kills import ERROR, INCONCLUSIVE, PASS, assert_as_before, assert_cut_off_unless_ended, hit
from tests.real.kill.machine import Disk, Lie, close_once, full_pipe, small_disk
from tests.real.kill.moments import BASELINE, BROKEN, RESTORE, WRITTEN, Instant
from tests.real.kill.running import Around, RunningDrill
from tests.real.kill.stage import flowdrill, until

pytestmark = pytest.mark.drills

_MOST_TRIES = 5  # a machine that is too busy sends too late, and then nobody knows


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    with small_disk(tmp_path / "disk") as found:
        yield found


@pytest.mark.parametrize(
    "instant",
    [
        Instant(BROKEN, 0.3),
        pytest.param(Instant(RESTORE, 0.0), marks=pytest.mark.endurance),
        pytest.param(Instant(WRITTEN, 0.0), marks=pytest.mark.endurance),
        pytest.param(Instant(BASELINE, 0.5), marks=pytest.mark.endurance),
    ],
    ids=str,
)
def test_a_disk_that_is_full_ends_the_drill_and_not_the_restore(arena: Arena, disk: Disk, instant: Instant) -> None:
    with hit(arena, instant, Around(out=disk.folder)) as drill:
        disk.fill(drill)
        assert drill.wait() == ERROR, drill.told()
        assert_as_before(arena, drill, "full disk", time.monotonic())
        assert drill.guard_events == [], drill.told()
        said = drill.log.read_text()
        assert "No space left on device" in said or "File too large" in said, drill.told()
        assert "defect of flowdrill" not in said, drill.told()  # Locust's last words may have a traceback
        disk.make_room()
        assert_can_be_read(drill)


def test_a_guard_restores_on_a_disk_that_is_full(arena: Arena, disk: Disk) -> None:
    with hit(arena, Instant(BROKEN, 0.3), Around(out=disk.folder)) as drill:
        disk.fill(drill)
        killed = drill.kill_harness()
        assert_as_before(arena, drill, "full disk and SIGKILL", killed)
        disk.make_room()
        assert_cut_off_unless_ended(drill)


def test_a_pipe_that_nobody_reads_holds_nothing_up(arena: Arena) -> None:
    for _ in range(_MOST_TRIES):
        with full_pipe() as (reads, writes), hit(arena, Instant(BROKEN, 0.0), Around(output=writes)) as drill:
            until(lambda: drill.folder is not None and (drill.run / "junit.xml").is_file(), "the reports are made")
            assert_as_before_now(arena, drill)
            close_once(writes)
            said = read_in_background(reads)
            code = drill.wait()
            said.join()
        if code != INCONCLUSIVE:
            break
    assert code == PASS, drill.told()
    assert b"PASS: killed" in b"".join(said.pieces), "the answer came once somebody read it"


def test_a_terminal_that_is_closed_ends_nothing_but_the_view(arena: Arena) -> None:
    controls, terminal = pty.openpty()
    try:
        with hit(arena, Instant(BROKEN, 0.0), Around(output=terminal)) as drill:
            for one in (controls, terminal):
                close_once(one)
            code = drill.wait()
            assert_as_before(arena, drill, "closed terminal", time.monotonic())
            assert drill.end == "completed", drill.told()
            assert code == ERROR, "nobody can be told the answer"
            assert json.loads((drill.run / "result.json").read_text())["verdict"] in ("pass", "inconclusive")
    finally:
        for one in (controls, terminal):
            close_once(one)


def test_a_clock_that_is_set_by_an_hour_changes_no_measure(arena: Arena, tmp_path: Path) -> None:
    for attempt in range(_MOST_TRIES):
        (folder := tmp_path / str(attempt)).mkdir()
        lie = Lie(folder)
        with hit(arena, Instant(BROKEN, 0.2), Around(environ=lie.environ)) as drill:
            lie.step(-1)
            code = drill.wait()
            assert_as_before(arena, drill, "clock set", time.monotonic())
            assert drill.guard_events == [], drill.told()
        if code != INCONCLUSIVE:
            break
    assert code == PASS, drill.told()
    report = (drill.run / "report.md").read_text()
    assert "UTC clock was set by -3600" in report, report
    result = json.loads((drill.run / "result.json").read_text())
    for name in ("time_to_detect", "time_to_recover", "outage"):
        assert 0 <= result["measures"][name]["earliest"] <= result["measures"][name]["latest"] < 60, result["measures"]


def assert_can_be_read(drill: RunningDrill) -> None:
    """A report can be made of what there is, and it is no pass where an event is missing. A run that was all but over
    can have had room for its last ones: then nothing is missing but reports, and they are made now."""
    if not drill.events:
        return
    done = flowdrill("report", drill.run, "--json")
    assert done.returncode == 0, done.stderr + drill.told()
    expected = "pass" if drill.end == "completed" else "inconclusive"
    assert json.loads(done.stdout)["verdict"] == expected, done.stdout


def assert_as_before_now(arena: Arena, drill: RunningDrill) -> None:
    problems = arena.current.problems()
    assert not problems, "\n".join((*problems, drill.told()))
    assert drill.end == "completed", drill.told()
    assert not drill.ended(), "it still waits for somebody who reads its answer"


class _Reading(threading.Thread):
    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor, self.pieces = descriptor, list[bytes]()

    def run(self) -> None:
        while piece := os.read(self._descriptor, 1 << 16):
            self.pieces.append(piece)


def read_in_background(descriptor: int) -> _Reading:
    """Read until nobody writes any more."""
    reading = _Reading(descriptor)
    reading.start()
    return reading
