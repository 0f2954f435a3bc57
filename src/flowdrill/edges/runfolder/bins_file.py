"""`outcomes.bins`: a header, then every frame of the load's workers in the order in which it reached the harness."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from flowdrill.errors import RunFolderError
from flowdrill.model.load_frames import BINS_HEADER, Frame, FrameReader
from flowdrill.regular_file import open_regular

_COPY = "Restore the run folder from a copy."
_PIECE = 1 << 18
_FRAME_HEAD = 5


@dataclass(frozen=True, slots=True)
class BinsRead:
    """The frames of a file in its order. `torn`: something that was not whole is left out at its end."""

    frames: Iterable[Frame]
    torn: bool


class FileFrames(Iterable[Frame]):
    """The frames in the first `size` bytes of a file, read anew each time that somebody goes through them."""

    def __init__(self, path: Path, size: int) -> None:
        """Nothing is read before somebody asks."""
        self._path, self._size = path, size

    def __iter__(self) -> Iterator[Frame]:
        reader, left = FrameReader(), self._size
        try:
            with open_regular(self._path, buffering=0) as file:
                file.seek(len(BINS_HEADER))
                while left > 0 and (data := file.read(min(left, _PIECE))):
                    left -= len(data)
                    yield from (frame for frame, _ in reader.take(data))
        except OSError as error:
            raise RunFolderError(f"{self._path}: cannot be read ({error.strerror})", _COPY) from error
        except ValueError as error:
            raise RunFolderError(f"{self._path}: became another file while it was read ({error})", _COPY) from error
        if left:
            raise RunFolderError(f"{self._path}: became shorter while it was read", _COPY)


def read_bins(path: Path) -> BinsRead:
    """Return what a file of bins holds. What a killed run left unfinished at its end is dropped, and so is what a power
    cut left as NUL bytes. RunFolderError when it cannot be read, is of another format, or is damaged."""
    try:
        with open_regular(path, buffering=0) as file:
            head = file.read(len(BINS_HEADER))
            if head != BINS_HEADER and (BINS_HEADER.startswith(head) or not head.strip(b"\0")):
                return BinsRead((), torn=True)
            if head != BINS_HEADER:
                raise RunFolderError(
                    f"{path}: is no file of bins of this version (it begins with {head[:20]!r})",
                    "Use the flowdrill version that made this run folder.",
                )
            reader, whole = FrameReader(), 0
            try:
                while data := file.read(_PIECE):
                    whole += sum(len(packed) for _, packed in reader.take(data))
            except ValueError as error:
                file.seek(len(BINS_HEADER) + whole)
                whole += _cut_by_nothing(path, file.read(), error)
                return BinsRead(FileFrames(path, whole), torn=True)
    except OSError as error:
        raise RunFolderError(
            f"{path}: cannot be read ({error.strerror})", "Give the folder of a run, as `flowdrill run` printed it."
        ) from error
    return BinsRead(FileFrames(path, whole), torn=bool(reader.torn))


def _cut_by_nothing(path: Path, rest: bytes, error: ValueError) -> int:
    """Return how many bytes of whole frames are left before what NUL bytes at the end have cut; RunFolderError when it
    is not they that have."""
    reader, whole, written = FrameReader(), 0, len(rest.rstrip(b"\0"))
    while whole < written:
        length = _FRAME_HEAD + int.from_bytes(rest[whole : whole + 4], "little") + 4
        try:
            if whole + length > len(rest) or not reader.take(rest[whole : whole + length]):
                return whole
        except ValueError:
            if whole + length > written:
                return whole
            raise RunFolderError(f"{path}: is damaged ({error})", _COPY) from error
        whole += length
    return whole
