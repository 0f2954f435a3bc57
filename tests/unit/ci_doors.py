"""The CI doors' own shell, run as their runners do, in an environment of theirs that is faked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "ci" / "gitlab.yml").read_text(encoding="utf-8"))[".flowdrill-gate"]
PRESYNC = yaml.safe_load((ROOT / "ci" / "argocd-presync.yaml").read_text(encoding="utf-8"))
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


@dataclass(frozen=True)
class Ran:
    """What a step came to."""

    code: int
    log: str
    outputs: Mapping[str, str]
    summary: str

    def obeyed(self) -> list[str]:
        """The workflow commands that GitHub's runner would obey, as it reads them: leading spaces do not count, and a
        stop holds until its token."""
        found, token = [], None
        for line in map(str.lstrip, self.log.splitlines()):
            if token is not None:
                token = None if line == f"::{token}::" else token
            elif line.startswith("::stop-commands::"):
                token = line.removeprefix("::stop-commands::")
            elif line.startswith("::"):
                found.append(line)
        return found


def action_step(place: Path, inputs: Mapping[str, str], programs: Path, step_id: str = "gate") -> Ran:
    """Run a step of the action in `place`, with `programs` first on the PATH."""
    (step,) = (one for one in ACTION["runs"]["steps"] if one["id"] == step_id)
    given = {name: str(one["default"]) for name, one in ACTION["inputs"].items()} | dict(inputs)
    outputs, summary = place / "outputs.txt", place / "summary.md"
    for path in (outputs, summary):
        path.write_text("")
    known = {name: _INPUT.sub(lambda found: given[found[1]], text) for name, text in step["env"].items()}
    environ = known | {"GITHUB_STEP_SUMMARY": str(summary), "GITHUB_OUTPUT": str(outputs), "GITHUB_ACTIONS": "true"}
    done = run_shell(step["run"], environ, place, programs)
    told = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    return Ran(done.returncode, done.stdout, told, summary.read_text(encoding="utf-8"))


def run_shell(
    script: str, environ: Mapping[str, str], place: Path, programs: Path, shell: tuple[str, ...] = ("bash", "-eu")
) -> subprocess.CompletedProcess[str]:
    """Run a script of theirs: both streams as one, as a job's log has them."""
    path = f"{programs}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
    return subprocess.run(
        [*shell, "-o", "pipefail", "-c", script] if shell[0] == "bash" else [*shell, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, cwd=place, timeout=300,
        env={**kept, **environ, "PATH": path},
    )  # fmt: skip


def recorder(folder: Path, code: int = 0, name: str = "flowdrill") -> Path:
    """A program of that name that writes down its arguments, one a line, and ends with `code`; return its folder."""
    folder.mkdir(exist_ok=True)
    program = folder / name
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > "{folder}/arguments"\nexit {code}\n')
    program.chmod(0o755)
    return folder


def recorded(folder: Path) -> list[str]:
    return (folder / "arguments").read_text().splitlines()
