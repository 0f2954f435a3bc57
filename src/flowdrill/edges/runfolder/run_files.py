"""The files of a run, whether they are in its folder or in an archive."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from flowdrill.edges.runfolder.folder import EVENTS, PLAN
from flowdrill.errors import RunFolderError

SUMS, ATTESTATION = "SHA256SUMS", "attestation.dsse.json"  # what is written about the others
CONTROL_LINK = "control"  # while a run is going on, and where it was killed: leads to a socket
_NOT_ONE = "name a folder that `flowdrill run` wrote, or a file that `flowdrill archive` wrote"


class RunFiles(Protocol):
    """Regular files by their relative names; `strays` are other things that are there, each with what it is."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names, sorted, with `/` between their parts."""

    @property
    def strays(self) -> Mapping[str, str]:
        """What must not be among them."""

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open one to read it."""


class FolderFiles:
    """Those of a run folder. Nothing is followed out of it."""

    def __init__(self, folder: Path) -> None:
        """RunFolderError when it is no run folder, or cannot be read."""
        self.folder = folder
        self.strays: dict[str, str] = {}
        try:
            self.names = tuple(sorted(self._found()))
        except OSError as error:
            raise RunFolderError(f"{error.filename}: {error.strerror}", _NOT_ONE) from error
        check_is_run(folder, self.names)

    def _found(self) -> list[str]:
        names, folders = [], [self.folder]
        while folders:
            for path in folders.pop().iterdir():
                name, mode = path.relative_to(self.folder).as_posix(), path.lstat().st_mode
                if stat.S_ISDIR(mode):
                    folders.append(path)
                elif stat.S_ISREG(mode) and name.isprintable() and "\\" not in name:
                    names.append(name)
                elif stat.S_ISLNK(mode) and name == CONTROL_LINK:
                    continue
                else:
                    self.strays[name] = "is no regular file" if not stat.S_ISREG(mode) else "has no name of a run's"
        return names

    def open(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """Open one to read it."""
        return (self.folder / name).open("rb")


def check_is_run(where: Path, names: tuple[str, ...]) -> None:
    """RunFolderError when nothing there says that it is a run."""
    if not {PLAN, EVENTS, SUMS, ATTESTATION} & set(names):
        raise RunFolderError(f"{where}: is no run: neither {PLAN} nor {EVENTS} is in it", _NOT_ONE)


def read(files: RunFiles, name: str) -> bytes:
    """Return a file's bytes; RunFolderError when it cannot be read."""
    try:
        with files.open(name) as file:
            return file.read()
    except OSError as error:
        raise RunFolderError(f"{name}: {error.strerror}", "it could not be looked at: read it as its owner") from error


def digests_of(files: RunFiles, *, but: tuple[str, ...]) -> dict[str, str]:
    """Return the SHA-256 of each file but some, in hexadecimal. RunFolderError when one cannot be read."""
    found = {}
    for name in files.names:
        if name not in but:
            try:
                with files.open(name) as file:
                    found[name] = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
            except OSError as error:
                raise RunFolderError(f"{name}: {error.strerror}", "read the run as its owner") from error
    return found
