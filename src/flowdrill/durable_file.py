"""Writing a file so that a power cut leaves the old one or the new one, and never half of it."""

from __future__ import annotations

import os
from pathlib import Path


def replace_durably(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Write a file whole or not at all; OSError when it cannot be. `mode`: its permissions; None: the usual ones."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        if mode is not None:
            os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_folder(path.parent)


def replace_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all as far as a kill goes, without waiting for the disk: a power cut may leave an
    empty one. OSError when it cannot be written."""
    temporary = path.with_name(f".{path.name[:200]}.new")
    temporary.write_bytes(content)
    temporary.replace(path)


def sync_folder(folder: Path) -> None:
    """Have the names of a folder's files on the disk; OSError when that fails."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
