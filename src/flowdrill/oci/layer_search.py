"""Searching an image's file system, from the top layer down, without unpacking it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    hidden = Hidden()
    for layer in reversed(layers):
        if searcher.done():
            return
        if searcher.wants(layer):
            pieces = repository.blob_pieces(layer)
            hidden = _search_one(pieces, f"layer {layer.digest}", searcher, hidden)
            for _ in pieces:
                pass


def _search_one(pieces: Iterator[bytes], what: str, searcher: Searcher, hidden: Hidden) -> Hidden:
    """Search one layer; return what the layers below it have lost."""
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
                break
    return hidden.with_entries(hidden_from_below)


@dataclass(frozen=True, slots=True)
class Hidden:
    """The paths that lower layers have lost."""

    paths: frozenset[str] = frozenset()  # with everything below them
    emptied: frozenset[str] = frozenset()  # only what is below them

    def with_entries(self, entries: Iterable[Entry]) -> Hidden:
        """Return this with what whiteouts, opaque folders, files and links of one more layer hide."""
        entries = tuple(entries)
        emptied = (entry.hides_below for entry in entries if entry.hides_below is not None)
        paths = (entry.hides or entry.path for entry in entries if entry.hides_below is None)
        return Hidden(self.paths.union(paths), self.emptied.union(emptied))

    def hides(self, path: str) -> bool:
        """Return whether a lower layer's `path` is not in the image."""
        above = ancestors(path)
        return path in self.paths or any(folder in self.paths or folder in self.emptied for folder in above)


def ancestors(path: str) -> Iterator[str]:
    """Yield the folders above an absolute path, the nearest first, `/` last."""
    while path != "/":
        path = path.rpartition("/")[0] or "/"
        yield path
