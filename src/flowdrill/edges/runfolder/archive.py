"""A run in one file: a ZIP with the same bytes for the same run, on every machine.

Names are sorted, times and modes fixed, and nothing is compressed: what a compressor makes differs by its version.
Reading extracts nothing, and takes only what `write_archive` writes.
"""

from __future__ import annotations

import os
import shutil
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import IO

from flowdrill.edges.runfolder.run_files import FolderFiles, RunFiles, check_is_run
from flowdrill.errors import RunFolderError

_TIME = (1980, 1, 1, 0, 0, 0)  # the first one that a ZIP can hold
_MODE = 0o100644 << 16
_UNIX = 3
_UTF_8 = 0x800  # the one flag that an entry may have: of its name
_MOST_FILES, _MOST_BYTES = 20_000, 16 << 30
_CHUNK_BYTES = 1 << 20
_NOT_WHOLE = (zipfile.BadZipFile, EOFError, RuntimeError, ValueError, struct.error)  # what zipfile says of it
_FROM_SOURCE = "get it anew from where it was made: `flowdrill archive RUN_FOLDER`"


def write_archive(files: FolderFiles, root: str, path: Path) -> None:
    """Write all files of a run below one folder named `root`. For its owner alone: a run's undo may hold values of the
    workload's environment. RunFolderError when it cannot be written, or something is there that is no file."""
    for name, problem in files.strays.items():
        raise RunFolderError(f"{files.folder / name}: {problem}", "take it out of the run folder")
    temporary = path.with_name(f".{path.name}.new")
    try:
        opened = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(opened, "wb") as file:
            _pack(files, root, lambda name: (files.folder / name).stat().st_size, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunFolderError(f"{path}: {error.strerror}", "name another file with --out, or make room") from error


def _pack(files: RunFiles, root: str, size_of: Callable[[str], int], file: IO[bytes]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in files.names:
            entry = zipfile.ZipInfo(f"{root}/{name}", _TIME)
            entry.create_system, entry.external_attr, entry.file_size = _UNIX, _MODE, size_of(name)
            with files.open(name) as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target, _CHUNK_BYTES)


class ArchiveFiles:
    """The files of an archive, read where they are."""

    def __init__(self, path: Path, archive: zipfile.ZipFile) -> None:
        """RunFolderError when it holds anything that `write_archive` does not write."""
        self.strays: dict[str, str] = {}
        self._path, self._archive = path, archive
        entries = archive.infolist()
        self._check(entries)
        self.root = entries[0].filename.partition("/")[0]
        self._entries = {one.filename.partition("/")[2]: one for one in entries}
        self.names = tuple(sorted(self._entries))
        if len(self._entries) != len(entries):
            raise self._refused("two entries have one name")
        check_is_run(path, self.names)

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        if not 0 < len(entries) <= _MOST_FILES:
            raise self._refused(f"it has {len(entries)} entries: 1 to {_MOST_FILES} are read")
        if sum(one.file_size for one in entries) > min(_MOST_BYTES, self._path.stat().st_size):
            raise self._refused("its entries are larger than it is, or too large to be read")
        root = entries[0].filename.partition("/")[0]
        for one in entries:
            parts = one.filename.split("/")
            if len(parts) < 2 or parts[0] != root or not all(_is_name(part) for part in parts):
                raise self._refused(f"an entry's name leads elsewhere: {one.filename[:200]!r}")
            if one.compress_type != zipfile.ZIP_STORED or one.flag_bits & ~_UTF_8 or one.external_attr != _MODE:
                raise self._refused(f"{one.filename[:200]!r} is no regular file, or is compressed or encrypted")

    def _refused(self, why: str) -> RunFolderError:
        return RunFolderError(f"{self._path}: is no archive of a run: {why}", _FROM_SOURCE)

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """Open one to read it; RunFolderError where its bytes are not those that the archive's own checksum is of."""
        try:
            with self._archive.open(self._entries[name]) as file:
                yield file
        except _NOT_WHOLE as error:
            raise DamagedEntryError(name, "was changed: it is not what the archive's own checksum is of") from error

    def is_as_written(self) -> bool:
        """Return whether each byte of the archive is the one that `write_archive` would write for these files."""
        with tempfile.TemporaryFile() as anew, self._path.open("rb") as there:
            _pack(self, self.root, lambda name: self._entries[name].file_size, anew)
            anew.seek(0)
            while chunk := anew.read(_CHUNK_BYTES):
                if there.read(len(chunk)) != chunk:
                    return False
            return not there.read(1)


class DamagedEntryError(RunFolderError):
    """A file in an archive is not whole."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}", _FROM_SOURCE)
        self.name = name
        self.what = problem


@contextmanager
def opened_run(path: Path) -> Iterator[FolderFiles | ArchiveFiles]:
    """Give the files of a run folder, or of an archive; RunFolderError when it is neither."""
    if path.is_dir():
        yield FolderFiles(path)
        return
    try:
        archive: AbstractContextManager[zipfile.ZipFile] = zipfile.ZipFile(path)
    except OSError as error:
        raise RunFolderError(f"{path}: {error.strerror}", "name a run folder, or an archive of one") from error
    except _NOT_WHOLE as error:
        raise RunFolderError(f"{path}: is neither a run folder nor a whole archive of one", _FROM_SOURCE) from error
    with archive as opened:
        yield ArchiveFiles(path, opened)


def _is_name(part: str) -> bool:
    return part not in ("", ".", "..") and "\\" not in part and ":" not in part[1:2] and part.isprintable()
