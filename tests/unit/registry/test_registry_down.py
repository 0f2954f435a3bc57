"""A registry taken down by commands: they are bounded in time, and what they say is redacted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flowdrill.edges.registry.registry_down import EmbeddedRegistryDown, RegistryDownByCommand, RegistryDownUnknown
from flowdrill.errors import ObstacleError
from flowdrill.model.obstacle import ObstacleScene
from flowdrill.model.obstacle_plan import RegistryDown
from flowdrill.model.status import Status

SCENE = ObstacleScene("run-1", "r/a@sha256:1", "r/a:1.0.0", "r/a:broken", None)
UP = (sys.executable, "-c", "import os; os.path.exists('down') and os.remove('down')")


def by_command(folder: Path, program: str, *, limit: str = "20s", up: tuple[str, ...] = UP) -> RegistryDownByCommand:
    plan = RegistryDown.model_validate(
        {"kind": "registry-down", "down": [sys.executable, "-c", program], "up": list(up), "limit": limit}, strict=False
    )
    return RegistryDownByCommand(plan, folder)


def test_down_and_up_run_in_the_drills_folder_and_their_output_is_kept(tmp_path: Path) -> None:
    obstacle = by_command(tmp_path, "open('down', 'w'); print('gone, password=hunter2')")
    look = obstacle.look(SCENE)
    assert (look.status, (tmp_path / "down").exists()) == (Status.PASS, False)
    assert look.by_hand[0].startswith(f"(cd {tmp_path.resolve()} && {sys.executable} -c ")
    assert obstacle.put().endswith("has run")
    assert (tmp_path / "down").exists()
    assert obstacle.take_away() is None
    assert not (tmp_path / "down").exists()
    assert obstacle.take_away() is None, "it does no harm again"
    ((name, _, text),) = obstacle.evidence()
    assert name == "obstacle-registry-down.txt"
    assert "gone, password=[redacted]" in text
    assert "hunter2" not in text


def test_a_command_that_fails_is_an_error_with_its_last_words_redacted(tmp_path: Path) -> None:
    obstacle = by_command(tmp_path, "import sys; print('no route, token=abcdef'); sys.exit(3)")
    with pytest.raises(ObstacleError, match=r"exit code 3: no route, token=\[redacted\]"):
        obstacle.put()


def test_a_command_that_hangs_is_ended_with_all_that_it_has_started(tmp_path: Path) -> None:
    child = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'child'); time.sleep(600)"
    program = (
        "import subprocess, sys, time, os\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        "while not os.path.exists('child'): time.sleep(0.01)\n"
        "time.sleep(600)"
    )
    obstacle = by_command(tmp_path, program, limit="3s")
    with pytest.raises(ObstacleError, match="not ended within 3 s"):
        obstacle.put()
    if (tmp_path / "child").exists():  # on a machine that is not too busy to start it in time
        pid = int((tmp_path / "child").read_text())
        status = Path(f"/proc/{pid}/stat")
        assert not status.exists() or status.read_text().rpartition(")")[2].split()[0] in ("Z", "X")


def test_a_program_that_is_not_there_is_found_before_anything_is_taken_down(tmp_path: Path) -> None:
    look = by_command(tmp_path, "pass", up=("./not-there",)).look(SCENE)
    assert look.status is Status.FAIL
    assert "there is no program ./not-there" in look.observed


def test_secrets_of_the_environment_are_not_in_the_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_PASSWORD", "hunter-two-22")
    obstacle = by_command(tmp_path, "import os; print('login -p', os.environ['REGISTRY_PASSWORD'])")
    obstacle.put()
    ((_, _, text),) = obstacle.evidence()
    assert "login -p" in text
    assert "hunter" not in text


def test_an_up_that_fails_says_what_is_left(tmp_path: Path) -> None:
    obstacle = by_command(tmp_path, "pass", up=(str(tmp_path / "not-there"),))
    obstacle.put()
    assert obstacle.take_away() == f"`{tmp_path / 'not-there'}` cannot be run: No such file or directory"


def test_the_embedded_registry_is_switched_by_a_file(tmp_path: Path) -> None:
    obstacle = EmbeddedRegistryDown(tmp_path / "registry-down")
    assert obstacle.look(SCENE).by_hand == (f"rm -f {tmp_path / 'registry-down'}",)
    obstacle.put()
    assert (tmp_path / "registry-down").exists()
    assert obstacle.take_away() is None
    assert obstacle.take_away() is None
    assert not (tmp_path / "registry-down").exists()


def test_nobody_elses_registry_is_taken_down_without_commands() -> None:
    look = RegistryDownUnknown().look(SCENE)
    assert (look.status, "`down` and `up`" in look.detail) == (Status.FAIL, True)
