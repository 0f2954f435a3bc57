"""Which LangFlow is in an image: what its configuration says, else what its layers hold, else what its tag says.

Preflight must answer in seconds, and a runtime's layer may have a gigabyte: reading layers has a limit, and what was
not found within it is not known. A layer never changes, so what was read of one is remembered.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flowdrill.analysis.advisories import langflow_release, parse_version
from flowdrill.errors import FlowdrillError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.langflow_version import (
    LANGFLOW_VERSION_LABEL,
    FoundVersion,
    Product,
    VersionSource,
    VersionUnknown,
)
from flowdrill.oci.image_config import ImageConfig
from flowdrill.oci.layer_reading import Entry, layer_entries
from flowdrill.oci.layer_search import Hidden
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage

_LIMIT_SECONDS = 5.0
_LIMIT_BYTES = 512 << 20  # of layers as they are stored
_MOST_HIDDEN = 50_000  # paths that one layer takes away from those below
_NAMES = {
    "langflow": Product.LANGFLOW, "langflow_nightly": Product.LANGFLOW,
    "langflow_base": Product.LANGFLOW_BASE, "langflow_base_nightly": Product.LANGFLOW_BASE,
    "lfx": Product.LFX, "lfx_nightly": Product.LFX,
}  # fmt: skip
_INSTALLED = re.compile(r".*/(?:site|dist)-packages/([a-z_]+)-([^/-]+)\.dist-info(?:/.*)?")
_OCI = "org.opencontainers.image"
_SOURCE = re.compile(r"(?:https?://|git@)[^/:]+[/:]langflow-ai/(?:langflow|lfx)(?:\.git)?/?")
# repositories that are called like LangFlow's own; a team's own repository may count its own versions
_REPOSITORIES = {
    "langflow": Product.LANGFLOW, "langflow-all": Product.LANGFLOW, "langflow-backend": Product.LANGFLOW,
    "langflow-base": Product.LANGFLOW_BASE, "lfx": Product.LFX,
}  # fmt: skip


class VersionFinder:
    """Finds versions in images, and remembers the layers that it has read."""

    def __init__(
        self, now_seconds: Callable[[], float] = time.monotonic,
        limit_seconds: float = _LIMIT_SECONDS, limit_bytes: int = _LIMIT_BYTES,
    ) -> None:  # fmt: skip
        self._now_seconds = now_seconds
        self._limit_seconds = limit_seconds
        self._limit_bytes = limit_bytes
        self._read: dict[tuple[str, Hidden], _LayerFacts] = {}

    def find(self, repository: Repository, image: StoredImage) -> FoundVersion | VersionUnknown:
        """Return the version, from the most telling place that has one. Never raises for what layers hold."""
        found = _configured(image.config)
        if found is not None:
            return found
        budget = _Budget(self._now_seconds, self._limit_seconds, self._limit_bytes)
        installed = self._installed(repository, image.manifest.layers, budget)
        if isinstance(installed, FoundVersion):
            return installed
        return _tagged(image.reference) or installed

    def _installed(
        self, repository: Repository, layers: tuple[Descriptor, ...], budget: _Budget
    ) -> FoundVersion | VersionUnknown:
        hidden, best = Hidden(), None
        for layer in reversed(layers):
            if not layer.in_registry:
                return best or VersionUnknown(f"layer {layer.digest[:19]} is not in the registry, by design")
            try:
                facts = self._facts(repository, layer, hidden, budget)
            except _LimitReachedError as limit:
                return best or VersionUnknown(f"nothing was found until {limit}")
            except FlowdrillError as error:
                return best or VersionUnknown(error.problem)
            best = best or facts.found
            if best is not None and langflow_release(best).exact:
                return best
            hidden = facts.below
        nothing = "neither its labels nor its environment say it, and no layer has langflow or lfx installed"
        return best or VersionUnknown(nothing)

    def _facts(self, repository: Repository, layer: Descriptor, hidden: Hidden, budget: _Budget) -> _LayerFacts:
        known = self._read.get((layer.digest, hidden))
        if known is not None:
            return known
        pieces = budget.spent_on(repository.blob_pieces(layer))
        facts = _layer_facts(pieces, layer, hidden)
        try:
            for _ in pieces:
                pass  # only a layer that was read to its last byte is known to be the one that its digest names
        except _LimitReachedError:
            if facts.found is None:
                raise
        self._read[layer.digest, hidden] = facts
        return facts


@dataclass(frozen=True, slots=True)
class _LayerFacts:
    """What one layer, below others, says."""

    found: FoundVersion | None
    below: Hidden  # what the layers under it have lost


class _LimitReachedError(Exception):
    """More was to be read than a preflight has time for; the message says where it stopped."""


class _Budget:
    """What may still be read of one image."""

    def __init__(self, now_seconds: Callable[[], float], seconds: float, most_bytes: int) -> None:
        self._now_seconds = now_seconds
        self._seconds, self._left_bytes = seconds, most_bytes
        self._deadline = now_seconds() + seconds

    def spent_on(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces; _LimitReachedError when too much, or for too long, was read."""
        for piece in pieces:
            self._left_bytes -= len(piece)
            if self._left_bytes < 0:
                raise _LimitReachedError("so many bytes of its layers were read that a preflight has no time for more")
            if self._now_seconds() > self._deadline:
                raise _LimitReachedError(f"the {self._seconds:g} s that reading its layers may take were over")
            yield piece


def _layer_facts(pieces: Iterator[bytes], layer: Descriptor, hidden: Hidden) -> _LayerFacts:
    """Read a layer up to the first package whose LangFlow is known for sure, else to its end."""
    best: FoundVersion | None = None
    hiding: list[Entry] = []
    for entry in layer_entries(pieces, f"layer {layer.digest}"):
        if entry.hides is not None or entry.hides_below is not None or entry.member.issym():
            hiding.append(entry)
            if len(hiding) > _MOST_HIDDEN:
                raise _LimitReachedError(
                    f"layer {layer.digest[:19]} was seen to replace more than {_MOST_HIDDEN} paths"
                )
        elif (found := _package(entry.path, layer)) is not None and not hidden.hides(entry.path):
            if langflow_release(found).exact:
                return _LayerFacts(found, hidden)
            best = best or found
    return _LayerFacts(best, hidden.with_entries(hiding))


def _package(path: str, layer: Descriptor) -> FoundVersion | None:
    """The package whose metadata is at `path`."""
    match = _INSTALLED.fullmatch(path) if ".dist-info" in path and len(path) < 1000 else None
    product = _NAMES.get(match[1]) if match else None
    if match is None or product is None or parse_version(match[2]) is None:
        return None
    folder = path[: path.index(".dist-info") + len(".dist-info")]
    return FoundVersion(product, match[2], VersionSource.LAYER, f"{folder} in layer {layer.digest[:19]}")


def _configured(config: ImageConfig) -> FoundVersion | None:
    """What the image's configuration says. A label of an image's own title is about that image, not about LangFlow."""
    own = config.labels.get(LANGFLOW_VERSION_LABEL, "")
    name, _, version = own.rpartition(" ")
    product = _REPOSITORIES.get((name or "langflow").strip())
    if product is not None and parse_version(version) is not None:
        return FoundVersion(product, version, VersionSource.LABEL, f"the label {LANGFLOW_VERSION_LABEL}")
    title = config.labels.get(f"{_OCI}.title", "").strip().lower()
    named = _REPOSITORIES.get(title)
    if named is None and not title and _SOURCE.fullmatch(config.labels.get(f"{_OCI}.source", "")[:200].strip()):
        named = Product.LANGFLOW
    version = config.labels.get(f"{_OCI}.version", "")
    if named is not None and parse_version(version) is not None:
        return FoundVersion(named, version, VersionSource.LABEL, f"the label {_OCI}.version")
    version = config.env.get("LANGFLOW_VERSION", "")
    if parse_version(version) is not None:
        where = "LANGFLOW_VERSION of its environment"
        return FoundVersion(Product.LANGFLOW, version, VersionSource.ENVIRONMENT, where)
    return None


def _tagged(reference: ImageReference) -> FoundVersion | None:
    product = _REPOSITORIES.get(reference.repository.rpartition("/")[2])
    if product is None or reference.tag is None or parse_version(reference.tag) is None:
        return None
    return FoundVersion(product, reference.tag, VersionSource.TAG, f"the tag {reference.tag} alone")
