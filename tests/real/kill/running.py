"""A drill in a process of its own, and everything that belongs to it: its run folder, its guard, its Locust."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.contract.conftest import Place
from tests.real.kill.stage import Stage

_LAST = 4000


class RunningDrill:
    """`python -m flowdrill run DRILL`, followed by its run folder."""

    def __init__(self, process: subprocess.Popen[bytes], out: Path, log: Path) -> None:
        self.process, self.out, self.log = process, out, log
        self.began = datetime.now(UTC).isoformat()
        self.killed: dict[str, float] = {}  # what -> when (monotonic)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def folder(self) -> Path | None:
        """The run folder, None before there is one."""
        found = sorted(self.out.glob("*-killed*"))
        return found[0] if found else None

    @property
    def run(self) -> Path:
        assert self.folder is not None, self.told()
        return self.folder

    def lines(self, name: str) -> list[dict[str, Any]]:
        """Every complete line of a JSON-lines file of the run folder."""
        if self.folder is None or not (self.folder / name).is_file():
            return []
        whole = (self.folder / name).read_bytes().split(b"\n")[:-1]
        return [json.loads(line) for line in whole]

    @property
    def events(self) -> list[dict[str, Any]]:
        return self.lines("events.jsonl")

    @property
    def guard_events(self) -> list[dict[str, Any]]:
        return self.lines("guard.jsonl")

    @property
    def end(self) -> str | None:
        """How the run ended by its own word."""
        return next((one["end"] for one in self.events if one["event"] == "run ended"), None)

    def notes(self) -> str:
        return "\n".join(one["text"] for one in self.events if one["event"] == "noted")

    def guards(self) -> list[int]:
        """The processes that watch over this run."""
        return self._processes("flowdrill.standing_in.guarding")

    def locusts(self) -> list[int]:
        return self._processes("locust")

    def ended(self) -> bool:
        return self.process.poll() is not None

    def ended_at(self) -> float:
        """Now (monotonic), when it has ended."""
        self.wait()
        return time.monotonic()

    def kill(self, what: str, pid: int, number: signal.Signals = signal.SIGKILL) -> float:
        """Send a signal to one process; return when (monotonic)."""
        os.kill(pid, number)
        self.killed[f"{number.name} to {what}"] = at = time.monotonic()
        return at

    def kill_harness(self) -> float:
        at = self.kill("the harness", self.pid)
        self.process.wait(30)
        return at

    def wait(self, limit_seconds: float = 150.0) -> int:
        """Return the exit code once it has ended."""
        try:
            return self.process.wait(limit_seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the harness does not end: {self.told()}") from None

    def told(self) -> str:
        """Everything that may explain a failure."""
        parts = [f"kills: {self.killed}, exit code {self.process.poll()}, guards {self.guards()}"]
        parts += [f"{self.log.name}:\n{_tail(self.log)}"]
        if self.folder is not None:
            parts += [f"{self.folder}: {sorted(one.name for one in self.folder.iterdir())}"]
            brief = [_brief(one) for one in self.events if one["event"] != "workload seen"]
            parts += ["events.jsonl:\n" + "\n".join(brief)[-2 * _LAST :]]
            parts += ["guard.jsonl:\n" + "\n".join(map(_brief, self.guard_events))[-_LAST:]]
            parts += [f"{name}:\n{_tail(self.folder / name)}" for name in ("guard.log", "locust.log")]
        return "\n\n".join(parts)

    def _processes(self, program: str) -> list[int]:
        """The processes whose command line names both a program and this run's folder."""
        if self.folder is None:
            return []
        found, wanted = [], (program.encode(), bytes(self.folder.resolve()))
        for one in Path("/proc").glob("[0-9]*"):
            try:
                words = (one / "cmdline").read_bytes()
            except OSError:
                continue  # it has just ended
            if all(word in words for word in wanted):
                found.append(int(one.name))
        return sorted(found)


def _brief(event: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in event.items() if name not in ("clock", "readiness")})[:500]


def _tail(path: Path) -> str:
    return path.read_text("utf-8", "replace")[-_LAST:] if path.is_file() else "none"


@dataclass(frozen=True)
class Around:
    """What a drill's process finds around it, where that is not the usual."""

    out: Path | None = None  # where its run folder comes to lie
    output: int | None = None  # a descriptor that both of its streams go to
    environ: Mapping[str, str] = field(default_factory=dict)


USUAL = Around()


@contextmanager
def drill_of(stage: Stage, place: Place, folder: Path, around: Around = USUAL) -> Iterator[RunningDrill]:
    """Start the stage's drill; whatever of it is still there is ended afterwards."""
    folder.mkdir(parents=True)
    out, log = around.out or folder, folder / "output.txt"
    command = ("run", stage.drill_file, "--context", place.context, "--kubeconfig", place.kubeconfig)
    with log.open("wb") as file:
        output = file.fileno() if around.output is None else around.output
        process = subprocess.Popen(
            [sys.executable, "-m", "flowdrill", *map(str, command), "--out", str(out)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", start_new_session=True,
            env={**os.environ, **around.environ},
        )  # fmt: skip
    drill = RunningDrill(process, out, log)
    try:
        yield drill
    finally:
        for pid in (*([] if drill.ended() else [process.pid]), *drill.guards(), *drill.locusts()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
