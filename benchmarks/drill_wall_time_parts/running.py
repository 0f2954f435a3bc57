"""Whole drills as a user starts them, each a process, and what is seen of them from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from drill_wall_time_parts.pieces import Told, pieces
from flowdrill.edges.runfolder.event_file import read_events
from flowdrill.edges.runfolder.run_files import SUMS
from flowdrill.model.events import RunEnded

ROOT = Path(__file__).parents[2]
LIMIT_SECONDS = 180
_UNSET = ("KUBECONFIG", "LANGFLOW_API_KEY", "PYTHONDONTWRITEBYTECODE", "FLOWDRILL_SIGNING_KEY")


class NotPassedError(Exception):
    """A drill that did not pass has no wall time to compare."""


@dataclass(frozen=True, slots=True)
class SmallServer:
    """A cluster with one small service on it, and a drill of that."""

    drill_file: Path
    environ: Mapping[str, str]


@contextmanager
def small_server(folder: Path, window_seconds: float, hold_seconds: float) -> Iterator[SmallServer]:
    """The service of the tests, and a short drill of it at 20 requests/s."""
    from tests.real.fleet_stage import fleet_stage  # noqa: PLC0415 - only a checkout has it

    changed = {"baseline": {"window": f"{window_seconds:g}s", "max_bad_ratio": "20%"}, "hold": f"{hold_seconds:g}s"}
    with fleet_stage(folder, [1], **changed) as stage:
        with stage.api() as api:
            address = api.get("/api/v1/namespaces/team-0/services/flow-0")["spec"]["clusterIP"]
        plan = yaml.safe_load(stage.drill_file.read_text("utf-8"))
        plan["load"] |= {"url": f"http://{address}", "requests_per_second": 20}
        stage.drill_file.write_text(yaml.safe_dump(plan), "utf-8")
        yield SmallServer(stage.drill_file, stage.environ)


def drilled(drill_file: Path, hold_seconds: float, out: Path, environ: Mapping[str, str]) -> dict[str, float]:
    """Carry out a drill; return the pieces of its wall time. NotPassedError when it did not pass."""
    command = [sys.executable, "-m", "flowdrill", "run", str(drill_file), "--out", str(out)]
    # as installed: with bytecode beside the sources
    environ = {name: text for name, text in environ.items() if name not in _UNSET} | {"PYTHONPATH": str(ROOT / "src")}
    began_ns, said, heard = time.monotonic_ns(), list[str](), dict[str, int]()
    with subprocess.Popen(
        command, env=environ, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        for line in process.stderr or ():
            heard.setdefault(line.split(" ", 1)[0], time.monotonic_ns())
            said.append(line)
        code = process.wait(LIMIT_SECONDS)
        ended_ns = time.monotonic_ns()
    if code != 0:
        raise NotPassedError(f"exit code {code}: {''.join(said)[-2000:]}")
    (folder,) = out.iterdir()
    result = json.loads((folder / "result.json").read_text("utf-8"))
    events = read_events(folder / "events.jsonl").events
    last = next(one for one in events if isinstance(one, RunEnded))
    sealed_ns = last.clock.monotonic_ns + (folder / SUMS).stat().st_mtime_ns - last.clock.utc_ns
    told = Told(
        began_ns, heard.get("starting"), heard.get("deploying"),
        *(latest(result, name) for name in ("impact", "detected", "recovered")), hold_seconds, sealed_ns, ended_ns,
    )  # fmt: skip
    return pieces(events, told)


def latest(result: dict[str, Any], name: str) -> float:
    """Return the latest that one of a run's instants can have been, in seconds from its start."""
    return float(result["instants"][name]["latest"])


def own_cluster_environ(folder: Path) -> dict[str, str]:
    """By which no cluster that is up is found."""
    return {**os.environ, "FLOWDRILL_CLUSTER": str(folder / "none")}
