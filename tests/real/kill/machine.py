"""What a drill's machine does to it: a disk that is full, a pipe that nobody reads, a terminal that is closed, a clock
that is set."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

from tests.real.kill.running import RunningDrill

_DISK_BYTES = 8 << 20
_HOUR = 3600
_LIE = """
import time
true_ns = time.time_ns
def time_ns():
    with open({file!r}) as file:
        return true_ns() + int(file.read()) * 10**9
time.time_ns, time.time = time_ns, lambda: time_ns() / 1e9
"""


class Disk(Protocol):
    """Where run folders are kept."""

    folder: Path

    def fill(self, drill: RunningDrill) -> None:
        """From now on it takes nothing more of that drill."""
        ...

    def make_room(self) -> None:
        """It takes everything again."""
        ...


class OwnDisk:
    """A file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self._ballast = folder, folder / "ballast"

    def fill(self, drill: RunningDrill) -> None:
        with self._ballast.open("wb", buffering=0) as file:
            for piece in (1 << 16, 1):
                with suppress(OSError):
                    while True:
                        file.write(bytes(piece))

    def make_room(self) -> None:
        self._ballast.unlink(missing_ok=True)


class LimitedFiles:
    """Without the right to mount one: the kernel lets no file of the drill's processes grow any more."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fill(self, drill: RunningDrill) -> None:
        for pid in (drill.pid, *drill.guards(), *drill.locusts()):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def make_room(self) -> None:
        """Only those processes were limited."""


@contextmanager
def small_disk(folder: Path) -> Iterator[Disk]:
    """A disk for run folders that can be filled without harm to anybody."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "flowdrill-test", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        yield LimitedFiles(folder)
        return
    try:
        yield OwnDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full_pipe() -> Iterator[tuple[int, int]]:
    """A pipe that takes nothing more, since nobody reads it: its two ends."""
    reads, writes = os.pipe()
    os.set_blocking(writes, False)
    for piece in (1 << 12, 1):
        with suppress(BlockingIOError):
            while True:
                os.write(writes, bytes(piece))
    os.set_blocking(writes, True)
    try:
        yield reads, writes
    finally:
        for one in (reads, writes):
            close_once(one)


def close_once(descriptor: int) -> None:
    """Close it, unless it is closed."""
    try:
        os.close(descriptor)
    except OSError as error:
        if error.errno != errno.EBADF:
            raise


class Lie:
    """A UTC clock for the Python processes of a drill that can be set: `time.time` and `time.time_ns` of each of them.
    (libfaketime 0.9.10 is no way: once its time is set, `time.sleep` of Python 3.11 fails with EINVAL.)"""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "seconds"
        self._write(0)
        (folder / "sitecustomize.py").write_text(_LIE.format(file=str(self._file)))
        self.environ = {"PYTHONPATH": str(folder)}

    def step(self, hours: int) -> None:
        """Set it."""
        self._write(hours * _HOUR)

    def _write(self, seconds: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._file)
