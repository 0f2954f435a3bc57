"""Writes a run folder while the run goes on."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from flowdrill.analysis.event_chain import hash_of_line, head_of, linked
from flowdrill.analysis.redaction import hide
from flowdrill.durable_file import replace_durably, replace_whole, sync_folder
from flowdrill.errors import RunFolderError
from flowdrill.model.controls import Controls
from flowdrill.model.drill import Drill
from flowdrill.model.events import (
    Event,
    GuardEnded,
    GuardTookOver,
    Phase,
    PhaseStarted,
    RunEnded,
    RunStarted,
    UndoRegistered,
    event_to_json,
)
from flowdrill.model.scenario import Scenario
from flowdrill.model.standing import Standing, standing_from_json, standing_to_json
from flowdrill.model.undo import Undo, undo_from_json, undo_to_json
from flowdrill.regular_file import read_regular

PLAN, EVENTS, OUTCOMES, UNDO, EVIDENCE = "plan.json", "events.jsonl", "outcomes.bin", "undo.json", "evidence"
BINS = "outcomes.bins"  # in place of OUTCOMES, where workers sent the load
LOAD, LOAD_LOG = "load", "locust.log"  # what Locust writes, and the samples of bad answers
CONTROLS = "controls.json"  # which requirement the result is evidence for
STANDING = "standing.json"  # how everything stood before the drill
CHAOS = "chaos"  # of Chaos Toolkit: the experiment that steered the run, and its journal
GUARD_EVENTS = "guard.jsonl"  # of whoever has put everything back in the harness's place


class RunFolder:
    """`<out>/<UTC time>-<drill>/`. Implements the `EvidenceFolder` port and takes the run's events."""

    def __init__(self, path: Path, secrets: tuple[str, ...], *, events: str = EVENTS) -> None:
        """Use `create` for a new one. `secrets` are taken out of every event and file before it is written. `events`:
        the file that they are appended to."""
        self.path = path
        self._secrets = secrets
        self._secrets_in_json = tuple(json.dumps(secret, ensure_ascii=False)[1:-1] for secret in secrets)
        self._events_file = path / events
        self._events = self._events_file.open("ab", buffering=0)
        _cut_torn_line(self._events_file)
        self._previous, self._end = _end_of(self._events_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._events.close()

    @classmethod
    def create(
        cls,
        out: Path,
        drill: Drill,
        scenario: Scenario,
        started: datetime,
        secrets: tuple[str, ...] = (),
        controls: Controls | None = None,
    ) -> RunFolder:
        """Make a new folder with the plan in it, and the mapping to controls where there is one; RunFolderError when it
        cannot be written."""
        name = f"{started.astimezone(UTC):%Y%m%dT%H%M%SZ}-{drill.drill}"
        try:
            path = _made(out, name)
            (path / EVIDENCE).mkdir()
            write_durably(path / PLAN, plan_text(drill, scenario))
            if controls is not None:
                write_durably(path / CONTROLS, controls_text(controls))
            folder = cls(path, secrets)
            for made in (path, out):  # a power cut must not take the files' names, or the folder's own
                sync_folder(made)
        except OSError as error:
            raise RunFolderError(f"{out}: {error.strerror}", "name a folder that can be written with --out") from error
        return folder

    def emit(self, event: Event) -> None:
        """Append an event; it has left this process when this returns, and where what comes next is the break or the
        restore, or nothing, it is safe from a power cut, too. RunFolderError when it cannot be written."""
        line = hide(event_to_json(event).decode(), self._secrets_in_json)
        try:
            if self._events.seek(0, os.SEEK_END) != self._end:  # somebody else has appended: the guard, or a restore
                self._previous, self._end = _end_of(self._events_file)
            chained = linked(line.encode(), self._previous)
            self._append(chained + b"\n")
            self._previous, self._end = hash_of_line(chained), self._end + len(chained) + 1
            self._events.flush()
            if _is_turning_point(event):
                os.fsync(self._events.fileno())
        except OSError as error:
            raise RunFolderError(f"{self._events_file}: {error.strerror}", "make room on the disk") from error

    def _append(self, line: bytes) -> None:
        """Append a line whole, or nothing of it: the next one, once there is room again, must not run into it."""
        begin, written = self._events.seek(0, os.SEEK_END), 0
        try:
            while written < len(line):
                written += self._events.write(line[written:])
        except OSError:
            self._events.truncate(begin)
            raise

    def save(self, name: str, text: str) -> str:
        """Write a file of evidence, without the run's secrets; return its path relative to the run folder. Names are
        the caller's, so they are cut down to what cannot leave the folder. RunFolderError when it cannot be written."""
        safe = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in name).lstrip(".")[:150]
        relative = f"{EVIDENCE}/{safe or 'unnamed'}"
        try:
            replace_whole(self.path / relative, hide(text, self._secrets).encode("utf-8", "backslashreplace"))
        except OSError as error:
            raise RunFolderError(f"{self.path / relative}: {error.strerror}", "make room on the disk") from error
        return relative

    def remember_undo(self, undo: Undo) -> None:
        """Write the undo down so that it survives a power cut; RunFolderError when it cannot be: then nothing may
        be broken."""
        try:
            text = json.dumps(json.loads(undo_to_json(undo)), indent=2) + "\n"
            replace_durably(self.path / UNDO, text.encode(), mode=0o600)  # it may hold values of the template's
        except OSError as error:
            raise RunFolderError(f"{self.path / UNDO}: {error.strerror}", "make room; nothing was broken") from error

    def remember_standing(self, standing: Standing) -> None:
        """Write down, durably, how everything stood before the drill; RunFolderError when it cannot be."""
        try:
            write_durably(self.path / STANDING, hide(standing_to_json(standing), self._secrets_in_json))
        except OSError as error:
            raise RunFolderError(
                f"{self.path / STANDING}: {error.strerror}", "make room; nothing was broken"
            ) from error


def _is_turning_point(event: Event) -> bool:
    """Whether an event is worth the time that a disk takes: none that anything measured waits for."""
    if isinstance(event, PhaseStarted):
        return event.phase in (Phase.BREAK, Phase.RESTORE)
    return isinstance(event, (RunStarted, UndoRegistered, GuardTookOver, GuardEnded, RunEnded))


def _end_of(path: Path) -> tuple[str, int]:
    """Where the chain goes on: the hash of the file's last line, and its size."""
    content = path.read_bytes()
    return head_of(content), len(content)


def _cut_torn_line(path: Path) -> None:
    """What another process has not finished must not run into what this one appends."""
    content = path.read_bytes()
    whole = content.partition(b"\0")[0].rfind(b"\n") + 1  # NUL bytes are what a power cut leaves
    if whole != len(content):
        os.truncate(path, whole)


def read_undo(folder: Path) -> Undo:
    """Return what was written down; RunFolderError when it is not there or is damaged."""
    try:
        return undo_from_json(read_regular(folder / UNDO).decode("utf-8"))
    except OSError as error:
        raise RunFolderError(
            f"{folder / UNDO}: {error.strerror}",
            "this run has broken nothing; or name the folder that `flowdrill run` wrote",
        ) from error
    except ValueError as error:
        raise RunFolderError(
            f"{folder / UNDO}: is damaged", "name the workload: --context, --namespace, --workload"
        ) from error


def read_standing(folder: Path) -> Standing | None:
    """Return how everything stood before the run; None where that was not kept, or cannot be read any more."""
    try:
        return standing_from_json(read_regular(folder / STANDING).decode("utf-8"))
    except (OSError, ValueError):
        return None


def plan_text(drill: Drill, scenario: Scenario) -> str:
    """Return the plan as canonical JSON: the text whose digest identifies it."""
    plan = {
        "drill": drill.model_dump(mode="json", by_alias=True),
        "scenario": scenario.model_dump(mode="json", by_alias=True),
    }
    return json_text(plan)


def json_text(value: object) -> str:
    """Return a value as canonical JSON."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def controls_text(controls: Controls) -> str:
    """Return a mapping as canonical JSON."""
    return json_text(controls.model_dump(mode="json"))


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
