"""A folder of runs, and of archives of them, as a store of evidence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.archive import opened_run
from flowdrill.edges.runfolder.folder import EVENTS, PLAN
from flowdrill.edges.runfolder.run_files import ATTESTATION, RunFiles, read
from flowdrill.errors import RunFolderError
from flowdrill.history.stored_runs import Told
from flowdrill.history.verifying import RESULT

_NAME_STORE = "name the folder that holds the run folders, or archives of them (`flowdrill run --out`)"
_SUMMARIES = ("repeats.json", "fleet.json")  # what several runs come to is kept beside them
_LOGS = "gate-logs"


@dataclass(frozen=True, slots=True)
class FolderStore:
    """Implements `EvidenceStore`."""

    folder: Path
    at_once: int = 1
    is_here: bool = True

    @property
    def name(self) -> str:
        """Its path."""
        return str(self.folder)

    def runs(self, image: str | None) -> Sequence[FolderRun]:  # noqa: ARG002 - all of them: the files say of which image
        """Return whatever may be a run; RunFolderError when the folder itself cannot be read."""
        if (self.folder / PLAN).exists():
            raise RunFolderError(f"{self.folder}: is itself a run, and not a folder of runs", _NAME_STORE)
        try:
            return [FolderRun(path) for path in sorted(self.folder.iterdir()) if _may_be_run(path)]
        except OSError as error:
            problem = f"{self.folder}: the evidence cannot be read: {error.strerror}"
            raise RunFolderError(problem, _NAME_STORE) from error

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True, slots=True)
class FolderRun:
    """Implements `StoredRun`."""

    path: Path

    @property
    def name(self) -> str:
        """Its folder's, or its archive's."""
        return self.path.name

    def told(self) -> Told:
        """Return what it says of itself."""
        with opened_run(self.path) as files:
            return told_in(files)

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """Give it where it is."""
        yield self.path


def told_in(files: RunFiles) -> Told:
    """Return what a run's files say; RunFolderError when there is no result among them."""
    if RESULT not in files.names:
        kind = "its report was never made" if {PLAN, EVENTS} & set(files.names) else "it is no run"
        raise RunFolderError(f"has no {RESULT}: {kind}", "`flowdrill report RUN_FOLDER`")
    attestation = read(files, ATTESTATION) if ATTESTATION in files.names else None
    return Told(read(files, RESULT), attestation)


def _may_be_run(path: Path) -> bool:
    if path.suffix == ".zip" and path.is_file():
        return True
    if not path.is_dir() or path.name.startswith("."):
        return False
    if (path / PLAN).exists():  # a drill's name may end with -repeats, too
        return True
    return path.name != _LOGS and not any((path / name).exists() for name in _SUMMARIES)
