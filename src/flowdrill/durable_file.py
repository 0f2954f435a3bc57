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
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
