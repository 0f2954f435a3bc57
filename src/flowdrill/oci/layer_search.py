"""Searching an image's file system, from the top layer down, without unpacking it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from flowdrill.oci.layer_reading import Entry, layer_entries
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.repository import Repository


class Searcher(Protocol):
    """Says what it looks for, and is shown what the image has of it."""

    def concerns(self, path: str) -> bool:
        """Return whether what is at `path` matters."""
        ...

    def wants(self, layer: Descriptor) -> bool:
        """Return whether a layer is worth reading, given what was seen above it."""
        ...

    def see(self, entry: Entry) -> None:
        """Take one entry that concerns it and that no upper layer hides."""
        ...

    def done(self) -> bool:
        """Return whether nothing below can change the answer."""
        ...


def search_layers(repository: Repository, layers: tuple[Descriptor, ...], searcher: Searcher) -> None:
    """Show the searcher the entries that concern it, the top layer's first, without what upper layers removed or
    covered. Once it is done, the rest of that layer is only hashed: what does not match its digest is never used."""
    hidden = _Hidden()
    for layer in reversed(layers):
        if searcher.done():
            return
        if searcher.wants(layer):
            pieces = repository.blob_pieces(layer)
            _search_one(pieces, f"layer {layer.digest}", searcher, hidden)
            for _ in pieces:
                pass


def _search_one(pieces: Iterator[bytes], what: str, searcher: Searcher, hidden: _Hidden) -> None:
    hidden_from_below: list[Entry] = []
    for entry in layer_entries(pieces, what):
        subject = entry.hides or entry.hides_below or entry.path
        if not searcher.concerns(subject):
            continue
        # a whiteout counts for the layers below only, and so does a file or link where they have a folder
        if not entry.is_folder:
            hidden_from_below.append(entry)
        if entry.hides is None and entry.hides_below is None and not hidden.hides(entry.path):
            searcher.see(entry)
            if searcher.done():
                return
    for entry in hidden_from_below:
        hidden.add(entry)


class _Hidden:
    """The paths that lower layers have lost."""

    def __init__(self) -> None:
        self._paths: set[str] = set()  # with everything below them
        self._emptied: set[str] = set()  # only what is below them

    def add(self, entry: Entry) -> None:
        if entry.hides_below is not None:
            self._emptied.add(entry.hides_below)
        else:
            self._paths.add(entry.hides or entry.path)

    def hides(self, path: str) -> bool:
        above = ancestors(path)
        return path in self._paths or any(folder in self._paths or folder in self._emptied for folder in above)


def ancestors(path: str) -> Iterator[str]:
    """Yield the folders above an absolute path, the nearest first, `/` last."""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path
