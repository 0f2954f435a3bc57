"""`flowdrill run --scheduled`: outside of the drill's calendar nothing is touched, and it is said why."""

from __future__ import annotations

import json
import os
import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flowdrill.cli.main import main
from flowdrill.edges.host.waiting import wait_or_signal
from flowdrill.edges.planfiles.reading import read_drill
from flowdrill.edges.runfolder.earlier_runs import latest_run
from flowdrill.errors import PlanError
from tests.unit.test_plan_files import GOOD

_OPEN = "calendar:\n  time_zone: UTC\n  windows:\n    - from: '00:00'\n      to: '24:00'\n"
_TODAY = f"{datetime.now(UTC):%Y-%m-%d}"


def drill_file(tmp_path: Path, calendar: str) -> Path:
    path = tmp_path / "drill.yaml"
    path.write_text(GOOD + calendar)
    return path


def shut(tmp_path: Path) -> Path:
    around = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + timedelta(days=2)
    blackout = "\n".join(f"      {key}: '{one:%Y-%m-%d}'" for key, one in zip(("from", "to"), around, strict=True))
    return drill_file(tmp_path, f"{_OPEN}  blackouts:\n    -\n{blackout}\n      why: quarter's end\n")


def test_a_run_outside_of_its_calendar_is_skipped_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", str(shut(tmp_path)), "--scheduled", "--context", "nowhere", "--out", str(tmp_path / "out")]
    assert main(arguments) == 0
    said = capsys.readouterr().out
    assert said.startswith("SKIPPED example: ")
    assert "is a blackout date (quarter's end); the next window opens at" in said
    assert not (tmp_path / "out").exists()
    assert main([*arguments, "--json"]) == 0
    assert "blackout" in json.loads(capsys.readouterr().out)["skipped"]


def test_a_run_by_hand_is_warned_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", str(shut(tmp_path)), "--context", "nowhere", "--kubeconfig", str(tmp_path / "none")]
    assert main([*arguments, "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "warning: by its calendar the drill would not begin now" in said
    assert "there is no kubeconfig" in said


def test_a_run_that_has_broken_something_counts_and_one_that_was_refused_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = drill_file(tmp_path, f"{_OPEN}  at_most_once_in: 2d\n"), tmp_path / "out"
    refused, other = out / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-example", out / "20261101T000000Z-example-two"
    for one in (refused, other):
        one.mkdir(parents=True)
    (other / "undo.json").touch()
    assert latest_run(out, "example") is None
    (refused / "undo.json").touch()
    assert main(["run", str(path), "--scheduled", "--context", "nowhere", "--out", str(out)]) == 0
    assert "runs at most once in" in capsys.readouterr().out


def test_a_run_of_a_drill_whose_name_goes_on_with_a_number_does_not_count(tmp_path: Path) -> None:
    for drill, name in (("example-2", "20261103T000000Z-example-2"), ("example", "20261102T000000Z-example-2")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "undo.json").touch()
        (tmp_path / name / "plan.json").write_text(json.dumps({"drill": {"drill": drill}}))
    assert latest_run(tmp_path, "example") == datetime(2026, 11, 2, tzinfo=UTC)
    assert latest_run(tmp_path, "example-2") == datetime(2026, 11, 3, tzinfo=UTC)
    (tmp_path / "20261103T000000Z-example-2" / "plan.json").write_text("{")
    assert latest_run(tmp_path, "example") == datetime(2026, 11, 3, tzinfo=UTC)  # rather too late than too often


def test_within_its_calendar_it_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--scheduled", "--context", "nowhere", "--kubeconfig", str(tmp_path / "none"), "--out", str(tmp_path)]
    assert main(["run", str(drill_file(tmp_path, _OPEN)), *arguments]) == 2
    assert "there is no kubeconfig" in capsys.readouterr().err


def test_a_suite_and_repeats_are_not_scheduled(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(drill_file(tmp_path, "")), "--scheduled", "--repeat", "3"]) == 2
    assert "--scheduled does not go with --repeat" in capsys.readouterr().err


def test_a_signal_ends_the_wait_and_a_wait_ends_by_itself() -> None:
    assert wait_or_signal(0.0) is None
    sender = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGTERM))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGTERM,))  # the timer's thread inherits it
    try:
        sender.start()
        assert wait_or_signal(60.0) == "SIGTERM"
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        sender.join()


@pytest.mark.parametrize(
    ("calendar", "line", "said"),
    [
        ("    - from: '09:00'\n      to: '09:00'\n", 18, "calendar.windows.0: never opens"),
        ("    - from: '22:00'\n      to: '02:00'\n", 18, "over midnight it takes two windows"),
        ("    - from: 10:00\n      to: '16:00'\n", 18, "calendar.windows.0.from: needs a time of day in quotes"),
        ("    - from: '9:00'\n      to: '16:00'\n", 18, "calendar.windows.0.from: needs a time of day"),
        ("    - from: '24:00'\n      to: '24:00'\n", 18, "never opens"),
        ("    - days: []\n      from: '09:00'\n      to: '10:00'\n", 18, "calendar.windows.0.days"),
        ("    - days: [tue, tue]\n      from: '09:00'\n      to: '10:00'\n", 18, "names a day twice"),
        ("    - days: [Tuesday]\n      from: '09:00'\n      to: '10:00'\n", 18, "calendar.windows.0.days.0"),
        ("    []\n", 18, "calendar.windows: Tuple"),
        ("    - from: '09:00'\n      to: '10:00'\n  jitter: 2h\n", 16, "longer than the longest window (60 min)"),
        (
            "    - from: '09:00'\n      to: '10:00'\n  blackouts: [{from: 2026-12-24}]\n",
            20,
            "calendar.blackouts.0.from:",
        ),
        (
            "    - from: '09:00'\n      to: '10:00'\n  blackouts: [{from: '2026-13-24'}]\n",
            20,
            "calendar.blackouts.0.from",
        ),
        (
            "    - from: '09:00'\n      to: '10:00'\n  blackouts: [{from: '2026-12-24', to: '2026-12-23'}]\n",
            20,
            "covers no day",
        ),
    ],
)
def test_a_calendar_that_does_not_parse_or_never_opens_is_named(
    calendar: str, line: int, said: str, tmp_path: Path
) -> None:
    path = drill_file(tmp_path, f"calendar:\n  time_zone: UTC\n  windows:\n{calendar}")
    with pytest.raises(PlanError) as refused:
        read_drill(path)
    assert f"drill.yaml:{line}: " in refused.value.problem
    assert said in refused.value.problem


@pytest.mark.parametrize(
    "zone", ["Europe/Berln", "../../etc/passwd", "localtime", "right/UTC", "America", "UTC+1/..", "", "CET\\0"]
)
def test_a_time_zone_that_nobody_knows_is_named(zone: str, tmp_path: Path) -> None:
    with pytest.raises(PlanError, match=r"drill.yaml:16: calendar.time_zone: needs the name of an IANA time zone"):
        read_drill(drill_file(tmp_path, _OPEN.replace("UTC", f'"{zone}"')))
