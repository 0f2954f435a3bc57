"""Is this a run folder, and one that this version can read? What to say where it is not."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import TypeVar

from packaging.version import InvalidVersion, Version

from flowdrill.edges.runfolder.folder import EVENTS, PLAN
from flowdrill.errors import RunFolderError
from flowdrill.regular_file import open_regular

_NOT_ONE = f"name a folder that `flowdrill run` wrote: it holds {PLAN} and {EVENTS}"
_LONGEST_LINE = 1 << 16

T = TypeVar("T")


def of_a_run_folder(read: Callable[[Path], T]) -> Callable[[Path], T]:
    """Have what reads a run folder say first that it is none; and where it cannot be read, that a newer version has
    made it, if so. RunFolderError either way."""

    @wraps(read)
    def reads(folder: Path) -> T:
        check_run_folder(folder)
        try:
            return read(folder)
        except RunFolderError as error:
            newer = made_by_newer(folder)
            if newer is None:
                raise
            raise RunFolderError(error.problem, newer_run_remedy(newer)) from error

    return reads


def check_run_folder(folder: Path) -> None:
    """RunFolderError when it is none, which says what it is instead."""
    try:
        if folder.is_dir() and is_run(folder):
            return
        problem, remedy = _instead(folder)
    except OSError as error:
        raise RunFolderError(f"{folder}: {error.strerror}", _NOT_ONE) from error
    raise RunFolderError(f"{folder}: {problem}", remedy)


def _instead(folder: Path) -> tuple[str, str]:
    if not folder.exists():
        return "there is no such folder", _NOT_ONE
    if not folder.is_dir():
        if folder.suffix == ".zip":
            return "is an archive, and no run folder", "unpack it, and name the folder that comes of it"
        return "is a file, and no run folder", _NOT_ONE
    runs = sorted(one.name for one in folder.iterdir() if one.is_dir() and is_run(one))
    if runs:
        return f"is no run folder, and holds {len(runs)}", f"name one of them; the latest is {folder / runs[-1]}"
    return f"is no run folder: neither {PLAN} nor {EVENTS} is in it", _NOT_ONE


def own_version() -> str | None:
    """Return the version of this flowdrill; None where it was only laid somewhere, as in the image of a guard."""
    try:
        return version("flowdrill")
    except PackageNotFoundError:
        return None


def made_by_newer(folder: Path) -> str | None:
    """Return the version that has made a run, where it is newer than this one and the folder tells."""
    try:
        with open_regular(folder / EVENTS) as file:
            return newer_version(json.loads(file.readline(_LONGEST_LINE))["tool_version"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None


def newer_version(told: object) -> str | None:
    """Return what was told, where it is a version of flowdrill that is newer than this one."""
    try:
        own = own_version()
        return told if own is not None and isinstance(told, str) and Version(told) > Version(own) else None
    except (ValueError, InvalidVersion):  # a number that is too long is no version either
        return None


def newer_run_remedy(newer: str) -> str:
    """Return what to do with a run that a newer version has made, where this one cannot read it."""
    return (
        f"flowdrill {newer} has made this run, and this is {own_version()}: use that version, or a newer one. "
        "The reports that are in the folder are its own, and are left as they are"
    )


def check_reports_are_ours(folder: Path) -> None:
    """RunFolderError when a newer version has made the run: its reports may say what this one does not know."""
    newer = made_by_newer(folder)
    if newer is not None:
        raise RunFolderError(
            f"{folder}: its reports are a newer flowdrill's, and are not made anew by this one",
            f"{newer_run_remedy(newer)}. What this one makes of it goes elsewhere: --out DIR",
        )


def missing_files(folder: Path, named: Sequence[str]) -> list[str]:
    """Return those of the run's files that its report names, and that are not in its folder."""
    inside = [one for one in named if not {"", "..", "/"} & set(PurePosixPath(one).parts)]
    return [one for one in inside if not os.path.exists(folder / one)]  # noqa: PTH110 - it takes any name, Path does not


def is_run(folder: Path) -> bool:
    """Return whether there is anything of a run in it; OSError when it cannot be looked at."""
    return (folder / PLAN).exists() or (folder / EVENTS).exists()
