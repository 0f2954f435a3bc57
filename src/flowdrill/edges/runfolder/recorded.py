"""What a run has recorded: the files that its reports are made from, and their digests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import ValidationError

from flowdrill.analysis.digest_list import digest_list_text
from flowdrill.edges.runfolder.folder import (
    BINS,
    CHAOS,
    CONTROLS,
    EVENTS,
    EVIDENCE,
    GUARD_EVENTS,
    LOAD,
    LOAD_LOG,
    OUTCOMES,
    PLAN,
    STANDING,
    UNDO,
)
from flowdrill.edges.runfolder.recognising import is_run
from flowdrill.edges.runfolder.run_files import ATTESTATION, SUMS
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.model.controls import Controls
from flowdrill.model.run_record import RecordDigests
from flowdrill.regular_file import open_regular, read_regular

_RECORDED = (CONTROLS, EVENTS, GUARD_EVENTS, LOAD_LOG, OUTCOMES, BINS, PLAN)
_RECORDED_FOLDERS = (CHAOS, EVIDENCE, LOAD)
_KEPT = (*_RECORDED, UNDO, STANDING, "guard.json", "guard.log", SUMS, ATTESTATION)  # no report is written over these


def record_digests(folder: Path) -> RecordDigests:
    """Return the digests of what a run folder holds of them; no report is among them, and no digest of others. OSError
    when one cannot be read. The last is over the lines that `sha256sum` prints, which are in SHA256SUMS, too."""
    digests = {name: _digest(folder / name) for name in _recorded(folder)}
    return RecordDigests(
        plan=_tagged(digests.get(PLAN)),
        controls=_tagged(digests.get(CONTROLS)),
        all=_tagged(hashlib.sha256(digest_list_text(digests).encode("utf-8", "surrogateescape")).hexdigest()),
    )


def read_controls(folder: Path) -> Controls | None:
    """Return the mapping that was recorded with a run; None where none was. RunFolderError when it is damaged."""
    path = folder / CONTROLS
    try:
        return Controls.model_validate_json(read_regular(path))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise RunFolderError(
            f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}",
            "it was changed after the run, or is of a newer flowdrill: `flowdrill verify` says which",
        ) from error


def _run_that_keeps(path: Path) -> Path | None:
    """Return the run folder that a file is a recorded one of, or would be; None where there is no such run."""
    try:
        target = path.parent.resolve() / path.name
        for folder in target.parents:
            relative = target.relative_to(folder)
            if (relative.as_posix() in _KEPT or relative.parts[0] in _RECORDED_FOLDERS) and is_run(folder):
                return folder
    except OSError:  # whoever writes there says why not
        return None
    return None


def check_nothing_is_lost(path: Path, option: str) -> None:
    """PlanError when what an option names is a recorded file of a run: reports are made from these."""
    folder = _run_that_keeps(path)
    if folder is not None:
        raise PlanError(f"{option} {path}: is what the run {folder.name} has recorded", "name another file")


def _recorded(folder: Path) -> list[str]:
    names = [name for name in _RECORDED if (folder / name).is_file()]
    for kept in (folder / name for name in _RECORDED_FOLDERS):
        if kept.is_dir() and not kept.is_symlink():
            found = (path for path in kept.rglob("*") if path.is_file() and not path.is_symlink())
            names += [path.relative_to(folder).as_posix() for path in found]
    return names


def _digest(path: Path) -> str:
    with open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]


def _tagged(digest: str | None) -> str | None:
    return None if digest is None else f"sha256:{digest}"
