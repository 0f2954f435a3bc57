"""Opens a file of a run folder, which may be anybody's: what stands there may be a pipe or a device that never ends."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path, buffering: int = -1) -> BinaryIO:
    """Open a file to read its bytes, without waiting for a writer; OSError, with its name, when it is no file."""
    opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        _check(os.fstat(opened).st_mode, path)
        return open(opened, "rb", buffering)  # noqa: PTH123 - of an open file
    except BaseException:
        os.close(opened)
        raise


def read_regular(path: Path) -> bytes:
    """Return a file's bytes; OSError, with its name, when it is no file or cannot be read."""
    with open_regular(path) as file:
        return file.read()


def _check(mode: int, path: Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), os.fspath(path))
    if not stat.S_ISREG(mode):
        raise OSError(0, "is no file", os.fspath(path))
