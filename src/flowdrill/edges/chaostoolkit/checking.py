"""Has Chaos Toolkit's library look at a drill's activities, in a process of its own: their modules are imported there,
and nothing is run."""

from __future__ import annotations

import os
import selectors
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowdrill.edges.chaostoolkit.activity_child import (
    START_SECONDS,
    code_words,
    end_process,
    message_of,
    start_process,
)
from flowdrill.errors import MissingPartError
from flowdrill.model.chaos_plan import ChaosPlan, experiment_activity

_MOST_BYTES = 1 << 20


@dataclass
class _Heard:
    """What the process has said so far."""

    names: tuple[str, ...]
    at: str = "the activities"
    problems: list[str] = field(default_factory=list)
    over: str | None = None  # "" when all was looked at, else why not

    def take(self, message: dict[str, Any]) -> None:
        match message:
            case {"checking": int(number)} if 0 <= number < len(self.names):
                self.at = repr(self.names[number])
            case {"checking": None}:
                self.at = "configuration and secrets"
            case {"problem": str(problem)}:
                self.problems.append(f"{self.at}: {problem}")
            case {"missing": str(), "says": str(says)}:
                raise MissingPartError(
                    f"the drill has Chaos Toolkit activities, and Chaos Toolkit is not installed ({says})",
                    "pip install 'flowdrill[chaos]', and the extensions that the activities are of",
                )
            case {"checked": True}:
                self.over = ""
            case {"broke": str(why)}:
                self.over = why
            case {"ended": int(code)}:
                self.over = self.over if self.over is not None else code_words(code)


def problems_of(
    plan: ChaosPlan, environ: Mapping[str, str], folder: Path, *, environment: bool = True
) -> tuple[str, ...]:
    """Return what Chaos Toolkit has against the activities, a sentence each. `environment`: whether the variables that
    the plan names must be there. MissingPartError without Chaos Toolkit."""
    secrets = {name: {key: one.model_dump() for key, one in section.items()} for name, section in plan.secrets.items()}
    request = {
        "what": "check",
        "folder": str(folder),
        "activities": [experiment_activity(one) for _, one in plan.activities],
        "configuration": plan.configuration,
        "secrets": secrets,
        "environment": environment,
    }
    heard = _Heard(tuple(one.name for _, one in plan.activities))
    try:
        process, told = start_process(request, environ, folder)
    except OSError as error:
        return (f"the process that looks at the activities cannot be started: {error.strerror}",)
    try:
        _listen(told, process.stdout.fileno() if process.stdout is not None else -1, heard)
    finally:
        end_process(process)
        os.close(told)
        if process.stdout is not None:
            process.stdout.close()
    return (*heard.problems, *(() if heard.over == "" else (f"{heard.at}: {heard.over}",)))


def _listen(told: int, output: int, heard: _Heard) -> None:
    deadline, line, said = time.monotonic() + START_SECONDS, b"", 0
    with selectors.DefaultSelector() as selector:
        selector.register(told, selectors.EVENT_READ)
        selector.register(output, selectors.EVENT_READ)
        while heard.over is None:
            left = deadline - time.monotonic()
            if left <= 0 or said > _MOST_BYTES:
                heard.over = "says too much" if left > 0 else f"its module was not imported within {START_SECONDS:g} s"
                return
            for key, _ in selector.select(left):
                piece = os.read(int(key.fd), 1 << 16)
                if key.fd == output:
                    if not piece:
                        selector.unregister(output)
                    continue  # what modules print when they are imported is nobody's
                if not piece:
                    heard.over = "its process ended"
                    return
                said += len(piece)
                *lines, line = (line + piece).split(b"\n")
                for one in lines:
                    heard.take(message_of(one))
