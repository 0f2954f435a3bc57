"""Writes a run folder while the run goes on."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from flowdrill.analysis.redaction import hide
from flowdrill.durable_file import replace_durably
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event, event_to_json
from flowdrill.model.scenario import Scenario
from flowdrill.model.undo import Undo

PLAN, EVENTS, OUTCOMES, UNDO, EVIDENCE = "plan.json", "events.jsonl", "outcomes.bin", "undo.json", "evidence"


class RunFolder:
    """`<out>/<UTC time>-<drill>/`. Implements the `EvidenceFolder` port and takes the run's events."""

    def __init__(self, path: Path, secrets: tuple[str, ...]) -> None:
        """Use `create`. `secrets` are taken out of every event and file before it is written."""
        self.path = path
        self._secrets = secrets
        self._secrets_in_json = tuple(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets)
        self._events = (path / EVENTS).open("ab")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._events.close()

    @classmethod
    def create(
        cls, out: Path, drill: Drill, scenario: Scenario, started: datetime, secrets: tuple[str, ...] = ()
    ) -> RunFolder:
        """Make a new folder with the plan in it; RunFolderError when it cannot be written."""
        name = f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{drill.drill}"
        try:
            path = _made(out, name)
            (path / EVIDENCE).mkdir()
            write_durably(path / PLAN, plan_text(drill, scenario))
            return cls(path, secrets)
        except OSError as error:
            raise RunFolderError(f"{out}: {error.strerror}", "name a folder that can be written with --out") from error

    def emit(self, event: Event) -> None:
        """Append an event; it has left this process when this returns. RunFolderError when it cannot be written."""
        line = hide(event_to_json(event).decode(), self._secrets_in_json)
        try:
            self._events.write(line.encode() + b"\n")
            self._events.flush()
        except OSError as error:
            raise RunFolderError(f"{self.path / EVENTS}: {error.strerror}", "make room on the disk") from error

    def save(self, name: str, text: str) -> str:
        """Write a file of evidence, without the run's secrets; return its path relative to the run folder. Names are
        the caller's, so they are cut down to what cannot leave the folder. RunFolderError when it cannot be written."""
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name).lstrip(".")[:150]
        relative = f"{EVIDENCE}/{safe or 'unnamed'}"
        try:
            (self.path / relative).write_text(hide(text, self._secrets), encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise RunFolderError(f"{self.path / relative}: {error.strerror}", "make room on the disk") from error
        return relative

    def remember_undo(self, undo: Undo) -> None:
        """Write the undo down so that it survives a power cut; RunFolderError when it cannot be: then nothing may
        be broken."""
        try:
            write_durably(self.path / UNDO, json.dumps(asdict(undo), indent=2) + "\n")
        except OSError as error:
            raise RunFolderError(f"{self.path / UNDO}: {error.strerror}", "make room; nothing was broken") from error


def plan_text(drill: Drill, scenario: Scenario) -> str:
    """Return the plan as canonical JSON: the text whose digest identifies it."""
    plan = {
        "drill": drill.model_dump(mode="json", by_alias=True),
        "scenario": scenario.model_dump(mode="json", by_alias=True),
    }
    return json.dumps(plan, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def _made(out: Path, name: str) -> Path:
    """Two runs may start in one second: the later one gets a number."""
    for number in range(1, 1000):
        path = out / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir(parents=True)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(17, "a thousand runs in one second", str(out / name))


def write_durably(path: Path, text: str) -> None:
    """Write a file whole or not at all; OSError when it cannot be."""
    replace_durably(path, text.encode("utf-8", "backslashreplace"))
