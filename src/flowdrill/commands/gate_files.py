"""What `gate` writes where a pipeline asks for it."""

from __future__ import annotations

from pathlib import Path

from flowdrill.errors import PlanError


def append_text(path: Path | None, text: str, option: str) -> None:
    """Append to a file, as a step's summary wants it; PlanError when it cannot be written."""
    if path is None:
        return
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise _unwritable(path, option, error) from error


def write_text(path: Path | None, text: str, option: str) -> None:
    """Write a file anew; PlanError when it cannot be."""
    if path is None:
        return
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, option, error) from error


def check_writable(path: Path | None, option: str) -> None:
    """PlanError for a file that cannot be written: told before anything is done, not half an hour later."""
    append_text(path, "", option)


def _unwritable(path: Path, option: str, error: OSError) -> PlanError:
    return PlanError(f"{option} {path}: {error.strerror}", "name a file that can be written, in a folder that is there")
