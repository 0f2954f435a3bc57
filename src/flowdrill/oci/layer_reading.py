"""Reading image layers as a stream: nothing is unpacked, no layer is ever held in memory, names are only compared."""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from flowdrill.errors import PlanError, RegistryError
from flowdrill.oci.layer import OPAQUE, WHITEOUT, image_path

LARGEST_FILE = 16 << 20  # bytes of one file or one tar header that are read at once
_PIECE = 1 << 18
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_DAMAGED = (tarfile.TarError, zlib.error, EOFError, ValueError, OverflowError)  # what hostile bytes make tarfile raise


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer. `content` is read on demand, and only before the next entry is asked for."""

    path: str  # absolute, normalised
    is_folder: bool
    link: str | None  # where a symbolic or hard link points to
    size: int
    hides: str | None  # for a whiteout: the path that lower layers lose
    hides_below: str | None  # for an opaque folder: lower layers lose everything below it
    member: tarfile.TarInfo
    tar: tarfile.TarFile

    def content(self) -> bytes:
        """Return the file's content; PlanError when it is too large to be a flow."""
        if self.size > LARGEST_FILE:
            raise PlanError(
                f"{self.path} in the image has {self.size} bytes, more than the {LARGEST_FILE} a flow may have",
                "Name the flow with `flow_file` in the scenario.",
            )
        try:
            file = self.tar.extractfile(self.member)
            return file.read() if file else b""
        except _DAMAGED as error:
            raise _unreadable(f"{self.path} in the image", error) from error


def layer_entries(pieces: Iterator[bytes], what: str) -> Iterator[Entry]:
    """Yield the entries of a layer that comes in pieces, gzip-compressed or not. `what` names it in errors: PlanError
    when it is compressed with zstd, RegistryError when it is no tar file."""
    try:
        with tarfile.TarFile(fileobj=_Stream(_unpacked(pieces, what)), errorlevel=1) as tar:  # type: ignore[arg-type]
            while (member := tar.next()) is not None:
                tar.members = []  # type: ignore[attr-defined]  # else it keeps every header of a large layer
                yield _entry(member, tar)
    except _DAMAGED as error:
        raise _unreadable(what, error) from error


def _unreadable(what: str, error: Exception) -> RegistryError:
    return RegistryError(f"{what} is not a readable tar file: {error}", "Build and push the image again.")


def _entry(member: tarfile.TarInfo, tar: tarfile.TarFile) -> Entry:
    path = image_path(member.name)
    folder, name = posixpath.split(path)
    opaque = name == OPAQUE
    whiteout = name.startswith(WHITEOUT) and not opaque
    return Entry(
        path,
        member.isdir(),
        member.linkname if member.issym() or member.islnk() else None,
        member.size,
        posixpath.join(folder, name.removeprefix(WHITEOUT)) if whiteout else None,
        folder if opaque else None,
        member,
        tar,
    )


def _unpacked(pieces: Iterator[bytes], what: str) -> Iterator[bytes]:
    """Yield the tar file's bytes. How it is packed is read from its first bytes: media types are not reliable."""
    first = b""
    while len(first) < 4 and (piece := next(pieces, None)) is not None:
        first += piece
    if first.startswith(_ZSTD):
        raise PlanError(
            f"{what} is compressed with zstd, which flowdrill cannot read",
            "Build the image with gzip layers (`docker buildx build --output type=image,compression=gzip`).",
        )
    if first.startswith(_GZIP):
        yield from _inflated(first, pieces)
    else:
        yield first
        yield from pieces


def _inflated(first: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what gzip packed, in bounded pieces. A layer may be several gzip streams in a row (as eStargz)."""
    stream = zlib.decompressobj(wbits=31)
    packed = first
    while True:
        while packed:
            out = stream.decompress(packed, _PIECE)
            if out:
                yield out
            if stream.eof:
                packed = stream.unused_data
                stream = zlib.decompressobj(wbits=31)
            else:
                packed = stream.unconsumed_tail
        following = next(pieces, None)
        if following is None:
            return
        packed = following


class _Stream:
    """The little of a file that tarfile needs, over pieces: read, tell, and seek, forwards only."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._buffer = memoryview(b"")
        self._position = 0

    def read(self, size: int) -> bytes:
        """Return `size` bytes, fewer at the end."""
        if not 0 <= size <= LARGEST_FILE:
            raise tarfile.ReadError(f"a header of {size} bytes")
        parts = []
        while size > 0 and self._fill():
            part = self._buffer[:size]
            self._drop(len(part))
            size -= len(part)
            parts.append(part)
        return b"".join(parts)

    def seek(self, position: int) -> None:
        """Skip forward to `position`, or to the end."""
        if position < self._position:
            raise tarfile.StreamError("a layer cannot be read backwards")
        while self._position < position and self._fill():
            self._drop(min(position - self._position, len(self._buffer)))

    def tell(self) -> int:
        """Return how many bytes were read or skipped."""
        return self._position

    def _fill(self) -> bool:
        while not self._buffer:
            piece = next(self._pieces, None)
            if piece is None:
                return False
            self._buffer = memoryview(piece)
        return True

    def _drop(self, size: int) -> None:
        self._buffer = self._buffer[size:]
        self._position += size
