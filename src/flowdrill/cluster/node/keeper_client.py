"""Talking to the keeper of the processes."""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PROGRAM = Path(__file__).with_name("keeper.py")
_GONE = "the keeper of the processes has ended"


class StartError(Exception):
    """A process could not be started."""


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """What to start."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    cgroups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Running:
    """A process that runs, or has. `ended` is its exit code, 128 + signal for one that was killed."""

    id: str
    overseer: int  # the process below which everything is that it has started
    ended: asyncio.Future[int]


class KeeperClient:
    """The keeper, for as long as the context lasts; everything it started ends with it."""

    def __init__(self) -> None:
        self._names = itertools.count(1)
        self._starting: dict[str, asyncio.Future[Running]] = {}
        self._running: dict[str, Running] = {}

    async def __aenter__(self) -> KeeperClient:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-S", "-E", str(_PROGRAM), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            env={}, cwd="/",
        )  # fmt: skip
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stdin.close()
        await self._process.wait()
        await self._reading

    @property
    def _stdin(self) -> asyncio.StreamWriter:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        return self._process.stdin

    async def start(self, plan: ProcessPlan) -> Running:
        """Start a process; StartError when it cannot be. One that nobody waits for any more is killed."""
        if self._reading.done():
            raise StartError(_GONE)
        name = f"c{next(self._names)}"
        starting = self._starting[name] = asyncio.get_running_loop().create_future()
        message = {"op": "start", "id": name, "argv": list(plan.argv), "env": dict(plan.env), "cwd": str(plan.cwd)}
        self._send({**message, "log": str(plan.log), "cgroups": list(plan.cgroups)})
        running: Running = await starting
        return running

    def signal(self, running: Running, number: int) -> None:
        """Send a signal; SIGKILL goes to everything the process has started, too. Harmless when it has ended."""
        self._send({"op": "signal", "id": running.id, "signal": int(number)})

    async def ended(self) -> None:
        """Return when the keeper has ended, and with it everything it had started."""
        await asyncio.shield(self._reading)

    def _send(self, message: Mapping[str, Any]) -> None:
        self._stdin.write(json.dumps(message).encode() + b"\n")

    async def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        async for line in self._process.stdout:
            message = json.loads(line)
            name = message["id"]
            if "overseer" in message:
                running = Running(name, message["overseer"], asyncio.get_running_loop().create_future())
                self._running[name] = running
                starting = self._starting.pop(name)
                if starting.done():
                    self.signal(running, signal.SIGKILL)
                _finish(starting, running)
            elif "failed" in message:
                starting = self._starting.pop(name)
                if not starting.done():
                    starting.set_exception(StartError(message["failed"]))
            else:
                _finish(self._running.pop(name).ended, message["exit"])
        for ended in [one.ended for one in self._running.values()]:
            _finish(ended, 137)
        for starting in self._starting.values():
            if not starting.done():
                starting.set_exception(StartError(_GONE))


def _finish(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)
