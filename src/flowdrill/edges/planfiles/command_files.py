"""Which files a drill's commands and activities take with them into a cluster, and which must stay here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path, PurePath

from flowdrill.analysis.redaction import follows_secret_option
from flowdrill.edges.planfiles.activity_files import activity_files
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.obstacle_plan import RegistryDown


def command_files(drill: Drill, near: Path) -> Iterator[Path]:
    """Yield the files below the drill's folder `near` that a word of a command names, or an activity. A program that is
    named from the root is the pod's own. PlanError for any other file outside, for a link, and for what an option says
    is secret."""
    for key, command in _commands(drill, near):
        for number, word in enumerate(command):
            if not _is_file(near / word) or (number == 0 and PurePath(word).is_absolute()):
                continue
            if follows_secret_option(command, number):
                raise _stays(drill, key, word, f"{command[number - 1]} names what is secret")
            if PurePath(word).is_absolute() or not _is_below(near / word, near):
                raise _stays(drill, key, word, "the file is outside of the drill's folder")
            yield unlinked(near / word, near, f"drill {drill.drill}: {key}")


def unlinked(path: Path, below: Path, where: str) -> Path:
    """Return a path that no link leads away from; PlanError where one does: what it leads to may be anything."""
    inside = os.path.relpath(os.path.normpath(path.absolute()), os.path.normpath(below.absolute()))
    if path.resolve() != below.resolve() / inside:
        raise PlanError(f"{where}: {path} is a link", "put the file itself there")
    return path


def _is_below(path: Path, folder: Path) -> bool:
    return Path(os.path.normpath(path.absolute())).is_relative_to(os.path.normpath(folder.absolute()))


def _commands(drill: Drill, near: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "rollback.command", drill.rollback.command
    for one in drill.obstacles:
        if isinstance(one, RegistryDown):
            yield from (("obstacles.registry-down", command) for command in (one.down, one.up))
    yield from (("chaos", (name,)) for name in sorted(activity_files(drill.chaos, near)))


def _stays(drill: Drill, key: str, word: str, why: str) -> PlanError:
    return PlanError(
        f"drill {drill.drill}: {key}: {word} cannot be used in the cluster: {why}",
        "put what a pod needs beside the drill, and read what is secret from a variable of --secret",
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
