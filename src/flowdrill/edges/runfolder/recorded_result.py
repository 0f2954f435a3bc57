"""Reads a run's `result.json` back, and of its plan the objectives alone: what a history of many runs needs."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from flowdrill.edges.runfolder.folder import BINS, EVENTS, GUARD_EVENTS, OUTCOMES, PLAN
from flowdrill.edges.runfolder.recognising import newer_run_remedy, newer_version
from flowdrill.errors import RunFolderError
from flowdrill.model.drill import Objectives
from flowdrill.model.json_text import parsed_json
from flowdrill.model.result import Result
from flowdrill.regular_file import open_regular

RESULT, REPORT, REPEATS = "result.json", "report.html", "repeats.json"
_RECORD = (PLAN, EVENTS, GUARD_EVENTS, OUTCOMES, BINS)
_SCHEMA = "flowdrill.dev/result/v1"
_MOST_BYTES = 64 << 20
_LONGEST = 200  # characters of somebody else's text


class AnotherVersionError(RunFolderError):
    """A run is another version's: this one does not know the schema of its result, or is too old to judge it anew."""


@dataclass(frozen=True, slots=True)
class FolderLook:
    """What a folder holds, without reading a file. `stamp` changes whenever a file changes that a history is made
    from; `newest_ns` is the last time at which one was written or replaced, by the file system's clock."""

    names: frozenset[str]
    stamp: str
    newest_ns: int

    @property
    def is_run(self) -> bool:
        """Whether anything in it says that it is a run."""
        return bool({RESULT, PLAN, EVENTS} & self.names)

    @property
    def is_summary(self) -> bool:
        """Whether it only says what several runs come to."""
        return REPEATS in self.names and not self.is_run


@dataclass(frozen=True, slots=True)
class ResultFiles:
    """The bytes that a row of the history is made from. `plan`: None where it cannot be read."""

    result: bytes
    plan: bytes | None

    @property
    def digest(self) -> str:
        """SHA-256 over both, in hexadecimal."""
        one = hashlib.sha256(self.result).hexdigest()
        other = "" if self.plan is None else hashlib.sha256(self.plan).hexdigest()
        return hashlib.sha256(f"{one} {other}".encode()).hexdigest()


def look_at(folder: Path) -> FolderLook:
    """Return what is in the folder; RunFolderError when it cannot be looked at."""
    names, stamps, newest_ns = set(), [], 0
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                names.add(entry.name)
                if entry.name in _RECORD or entry.name == RESULT:
                    seen = entry.stat(follow_symlinks=True)
                    stamps.append((entry.name, seen.st_size, seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino))
                    newest_ns = max(newest_ns, seen.st_ctime_ns, seen.st_mtime_ns)
    except OSError as error:
        raise RunFolderError(f"it cannot be looked at: {error.strerror}", "read it as its owner") from error
    stamp = json.dumps([sorted(stamps), REPORT in names])
    return FolderLook(frozenset(names), stamp, newest_ns)


def read_result_files(folder: Path) -> ResultFiles:
    """Return the bytes; RunFolderError when the result cannot be read."""
    try:
        result = _content(folder / RESULT)
    except OSError as error:
        raise RunFolderError(
            f"{RESULT}: {error.strerror}", "restore it from a copy, or read it as its owner"
        ) from error
    try:
        plan = _content(folder / PLAN)
    except OSError:
        plan = None
    return ResultFiles(result, plan)


def result_from(files: ResultFiles) -> Result:
    """Return the result. AnotherVersionError when a version wrote it that this one does not know, RunFolderError when
    it is damaged."""
    document: object = None
    try:
        document = parsed_json(files.result)
        _check_version(document)
        return Result.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        problem = (
            f"{RESULT} is not what this version of flowdrill writes: {where[:_LONGEST]}: {first['msg'][:_LONGEST]}"
        )
        newer = newer_version(_tool_version(document))
        if newer is not None:
            raise AnotherVersionError(problem, newer_run_remedy(newer[:_LONGEST])) from error
        raise RunFolderError(
            problem, "make it anew (`flowdrill report RUN_FOLDER`), or use the version that wrote it"
        ) from error
    except (ValueError, RecursionError) as error:
        raise RunFolderError(
            f"{RESULT} is damaged: {str(error)[:_LONGEST]}", "make it anew: `flowdrill report RUN_FOLDER`"
        ) from error


def _check_version(document: object) -> None:
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema == _SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith("flowdrill.dev/result/"):
        raise AnotherVersionError(
            f"{RESULT} is from another version of flowdrill: its schema is {schema[:_LONGEST]}, and this one reads "
            f"{_SCHEMA}",
            "use a flowdrill that reads it: a newer one reads older runs",
        )
    raise ValueError(f"its schema is not {_SCHEMA}")


def _tool_version(document: object) -> object:
    run = document.get("run") if isinstance(document, dict) else None
    return run.get("tool_version") if isinstance(run, dict) else None


def objectives_from(files: ResultFiles) -> Objectives | None:
    """Return the objectives of the run's plan; None where they cannot be read, which changes nothing of its result."""
    if files.plan is None:
        return None
    try:
        return Objectives.model_validate_json(json.dumps(parsed_json(files.plan)["drill"]["objectives"]))
    except (ValueError, TypeError, LookupError, RecursionError):
        return None


def _content(path: Path) -> bytes:
    """Nothing that fills the memory."""
    with open_regular(path) as file:
        if os.fstat(file.fileno()).st_size > _MOST_BYTES:
            raise OSError(0, f"is larger than {_MOST_BYTES >> 20} MiB")
        return file.read(_MOST_BYTES)
