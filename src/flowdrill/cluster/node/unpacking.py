"""Unpacking image layers into a folder, and never out of it."""

from __future__ import annotations

import os
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from flowdrill.errors import FlowdrillError
from flowdrill.oci.layer_reading import Entry, layer_entries

MOST_BYTES = 8 << 30
_MOST_ENTRIES = 300_000
_PIECE = 1 << 20


class UnsafeLayerError(Exception):
    """A layer that must not be unpacked; the message says which entry and why."""


class Unpacker:
    """Lays one layer after the other over a folder; what an image may hold is bounded."""

    def __init__(self, root: Path, most_bytes: int = MOST_BYTES) -> None:
        self._root = root.resolve()
        self._laid: set[Path] = set()  # by the present layer: its whiteouts hide only what lower ones have
        self._left_bytes, self._left_entries = most_bytes, _MOST_ENTRIES

    def lay(self, pieces: Iterator[bytes], what: str) -> None:
        """Unpack a layer that comes in pieces. UnsafeLayerError; FlowdrillError when it is no layer; OSError."""
        self._laid = set()
        for entry in layer_entries(pieces, what):
            self._left_entries -= 1
            if self._left_entries < 0:
                raise UnsafeLayerError(f"{what}: more than {_MOST_ENTRIES} files")
            self._entry(entry, what)
        for _ in pieces:
            pass  # what follows the archive's end: only a layer that was read to its last byte has a digest

    def _entry(self, entry: Entry, what: str) -> None:
        member = entry.member
        raw = member.name
        if raw.startswith("/") or ".." in raw.split("/") or "\0" in raw + member.linkname:
            raise UnsafeLayerError(f"{what}: {raw[:200]!r} is outside of the image")
        if self._hides(entry, what) or entry.path == "/":
            return
        target = self._inside(entry.path, what)
        self._laid.update([target, *self._parents(target)])
        target.parent.mkdir(parents=True, exist_ok=True)
        if member.isdir():
            if target.is_symlink() or (target.exists() and not target.is_dir()):
                self._remove(target)
            target.mkdir(exist_ok=True)
            return
        self._remove(target)
        if member.issym():
            self._symlink(target, member, what)
        elif member.islnk():
            self._hard_link(target, member, what)
        elif member.isreg():
            self._file(target, entry, what)
        else:
            raise UnsafeLayerError(f"{what}: {raw[:200]!r} is a device or a pipe")

    def _hides(self, entry: Entry, what: str) -> bool:
        """Take away what a whiteout hides of lower layers; return whether the entry was one."""
        if entry.hides is not None:
            if entry.hides.rpartition("/")[2] in ("", ".", ".."):
                raise UnsafeLayerError(f"{what}: {entry.member.name[:200]!r} hides no file of the image")
            self._remove(self._inside(entry.hides, what))
            return True
        if entry.hides_below is None:
            return False
        self._empty(self._inside(entry.hides_below, what))
        return True

    def _empty(self, folder: Path) -> None:
        if folder.is_symlink() or not folder.is_dir():
            return
        for below in list(folder.iterdir()):
            if below not in self._laid:
                self._remove(below)
            else:
                self._empty(below)

    def _inside(self, path: str, what: str) -> Path:
        """The file of an image's path: its parents are real folders of the root, never links."""
        found = self._root
        parts = [part for part in path.split("/") if part]
        for part in parts[:-1]:
            found = found / part
            if found.is_symlink():
                resolved = found.resolve()
                if not resolved.is_relative_to(self._root.resolve()):
                    raise UnsafeLayerError(f"{what}: {path[:200]!r} goes through a link out of the image")
                found = resolved
        return found / parts[-1] if parts else found

    def _parents(self, path: Path) -> Iterator[Path]:
        while (path := path.parent) != self._root and path not in self._laid:
            yield path

    def _symlink(self, target: Path, member: tarfile.TarInfo, what: str) -> None:
        """A link within the root; absolute ones are made relative: they mean the image's root."""
        name = member.linkname
        wanted = self._root / name.lstrip("/") if name.startswith("/") else target.parent / name
        plain = Path(os.path.normpath(wanted))
        if not plain.is_relative_to(self._root):
            raise UnsafeLayerError(f"{what}: the link {member.name[:200]!r} leads out of the image, to {name[:200]!r}")
        target.symlink_to(os.path.relpath(plain, target.parent))

    def _hard_link(self, target: Path, member: tarfile.TarInfo, what: str) -> None:
        source = self._inside("/" + member.linkname.lstrip("/"), what)
        within = not source.is_symlink() and source.resolve().is_relative_to(self._root.resolve())
        if ".." in member.linkname.split("/") or not within or not source.is_file():
            raise UnsafeLayerError(f"{what}: the link {member.name[:200]!r} has no file of the image behind it")
        self._count(source.stat().st_size, what)  # a container's copy has it twice
        os.link(source, target)

    def _file(self, target: Path, entry: Entry, what: str) -> None:
        source = entry.tar.extractfile(entry.member)
        with target.open("xb") as file:
            while source is not None and (piece := source.read(_PIECE)):
                self._count(len(piece), what)
                file.write(piece)
        target.chmod(entry.member.mode & 0o777 | 0o400)

    def _count(self, size: int, what: str) -> None:
        self._left_bytes -= size
        if self._left_bytes < 0:
            raise UnsafeLayerError(f"{what}: the image unpacks to more than is allowed")

    def _remove(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


UNPACKING_ERRORS = (  # with what hostile bytes make tarfile, zlib and paths raise
    UnsafeLayerError, FlowdrillError, OSError, tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError,
    RecursionError,
)  # fmt: skip
