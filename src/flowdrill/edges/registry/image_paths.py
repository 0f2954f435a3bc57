"""Whether paths are in an image, so that a scenario cannot remove what is not there."""

from __future__ import annotations

import difflib
import posixpath

from flowdrill.errors import PlanError
from flowdrill.oci.layer_reading import Entry
from flowdrill.oci.layer_search import ancestors, search_layers
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage

_MOST_NAMES = 5000


def require_paths(repository: Repository, image: StoredImage, paths: tuple[str, ...]) -> None:
    """Return when the image has every path; PlanError naming the first that it has not, and names like it."""
    if not paths:
        return
    search = _PathSearch(frozenset(paths))
    search_layers(repository, image.manifest.layers, search)
    for path in paths:
        if path not in search.found:
            raise PlanError(
                f"{image.reference}: {path} is to be removed, and is not in the image{search.instead_of(path)}",
                "Mend `files.remove` in the scenario, or drop it where an image has no such file.",
            )


class _PathSearch:
    """Looks for the paths, and remembers the names beside them."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: set[str] = set()
        self._wanted = wanted
        self._folders = {posixpath.dirname(path) for path in wanted}
        self._ancestors = {folder for path in wanted for folder in ancestors(path)}
        self._names: set[str] = set()

    def concerns(self, path: str) -> bool:
        """Return whether `path` is wanted, above or below a wanted one, or beside one."""
        return (
            path in self._wanted
            or path in self._ancestors
            or posixpath.dirname(path) in self._folders
            or not self._wanted.isdisjoint(ancestors(path))
        )

    def wants(self, layer: Descriptor) -> bool:  # noqa: ARG002 - every layer may hold the path
        """Return True."""
        return True

    def see(self, entry: Entry) -> None:
        """Take note of a wanted path, or of a name beside one. What lies below a folder proves the folder."""
        self.found.update(self._wanted.intersection((entry.path, *ancestors(entry.path))))
        if posixpath.dirname(entry.path) in self._folders and len(self._names) < _MOST_NAMES:
            self._names.add(entry.path)

    def done(self) -> bool:
        """Return whether all were found."""
        return self.found >= self._wanted

    def instead_of(self, path: str) -> str:
        """Return `; there is: …` with up to five names like `path`'s beside it, or that its folder is empty."""
        folder = posixpath.dirname(path)
        beside = sorted(name for name in self._names if posixpath.dirname(name) == folder)
        like = difflib.get_close_matches(path, beside, n=5, cutoff=0.0)
        return f"; there is: {', '.join(repr(name)[1:-1] for name in like)}" if like else f"; {folder} has no files"
