"""Says something to a drill that runs on this host: the other end of the control channel."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from flowdrill.edges.people.messages import LINK, LONGEST_LINE, Answer, Message
from flowdrill.errors import NoDrillError, RunFolderError
from flowdrill.model.instant import seconds_to_ns
from flowdrill.regular_file import open_regular

_PLAN, _EVENTS = "plan.json", "events.jsonl"
_END = b'"event":"run ended"'
_TAIL = 65536  # bytes of the events in which the end is looked for
_ANSWER_SECONDS = 10.0
_STAT: Final = Path("/proc/self/stat")
_START_TICKS = 19  # field 22 of it, counted from behind the program's name


def command_started_ns() -> int:
    """Return when this process was started, at the latest: CLOCK_MONOTONIC. Linux counts it in hundredths of a second;
    elsewhere it is this moment."""
    now_ns = time.monotonic_ns()
    try:
        ticks = int(_STAT.read_text("ascii", "replace").rpartition(")")[2].split()[_START_TICKS])
        age_seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return now_ns
    return now_ns - seconds_to_ns(max(0.0, age_seconds))


def say(run_folder: Path, message: Message) -> Answer:
    """Say it to the drill of this run folder. RunFolderError when it is none; NoDrillError when its drill does not
    listen, or refuses."""
    if not (run_folder / _PLAN).is_file():
        raise RunFolderError(
            f"{run_folder} is no run folder: it has no {_PLAN}", "name the folder that `flowdrill run` has made"
        )
    answer = _asked(run_folder, message)
    if answer is None:
        raise _not_listening(run_folder)
    if answer.refused is not None:
        raise NoDrillError(f"{run_folder}: {answer.refused}", "nothing was noted")
    return answer


def newest_in_progress(reports: Path) -> Path:
    """Return the folder of the newest run in `reports` whose drill listens; NoDrillError when there is none."""
    runs = sorted((path for path in reports.glob("*/") if (path / LINK).is_symlink()), reverse=True)
    for run in runs:
        connection = _connected(run)
        if connection is not None:
            connection.close()
            return run
    raise NoDrillError(f"no drill is in progress in {reports}", "name the RUN_FOLDER of the drill that is meant")


def is_in_progress(run_folder: Path) -> bool:
    """Return whether the drill of this run folder listens."""
    try:
        connection = _connected(run_folder)
    except NoDrillError:
        return True  # it is another user's
    if connection is None:
        return False
    connection.close()
    return True


def _asked(run_folder: Path, message: Message) -> Answer | None:
    connection = _connected(run_folder)
    if connection is None:
        return None
    with connection:
        try:
            connection.sendall(message.model_dump_json().encode() + b"\n")
            line = b""
            while b"\n" not in line and len(line) <= LONGEST_LINE:
                part = connection.recv(4096)
                if not part:
                    break
                line += part
            return Answer.model_validate_json(line)
        except (OSError, ValidationError):
            return None


def _connected(run_folder: Path) -> socket.socket | None:
    """A connection to the drill that listens there, or None. The link leads to a path that is short enough."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(_ANSWER_SECONDS)
    try:
        connection.connect(str((run_folder / LINK).readlink()))
    except PermissionError as error:
        connection.close()
        raise NoDrillError(
            f"{run_folder}: its drill is another user's, and listens to them alone",
            "nothing was noted: say it on the cluster, with --context, --namespace and --workload",
        ) from error
    except OSError:
        connection.close()
        return None
    return connection


def _not_listening(run_folder: Path) -> NoDrillError:
    try:
        with open_regular(run_folder / _EVENTS) as events:
            events.seek(max(0, events.seek(0, os.SEEK_END) - _TAIL))
            over = _END in events.read(_TAIL)
    except OSError:
        over = False
    if over:
        return NoDrillError(f"{run_folder}: the drill is already over", "nothing was noted")
    return NoDrillError(
        f"{run_folder}: no drill listens there: it is not past preflight, or it was killed",
        "try again when it says `-- baseline`; nothing was noted",
    )
