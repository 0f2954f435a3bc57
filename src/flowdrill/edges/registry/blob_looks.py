"""Blobs, each looked at once, however many images share it."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from flowdrill.edges.registry.doors import Doors
from flowdrill.errors import (
    ContentDamagedError,
    ImageIncompleteError,
    ImageMissingError,
    RegistryAwayError,
    RegistryError,
)
from flowdrill.oci.client import LARGEST_DOCUMENT
from flowdrill.oci.image_config import parse_config
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.repository import Repository

_MOST_LABELS = 100
_LONGEST_LABEL = 1000  # characters
_DOWNLOADS = 2  # of one blob, where a connection breaks
_PUSH_AGAIN = (
    "A node that has not cached this image cannot start it: push it again, and check the registry's "
    "garbage collection and retention rules."
)


@dataclass(frozen=True, slots=True)
class Sample:
    """How much of the blobs is downloaded. Which ones, the seed decides: another seed, other blobs."""

    ratio: float
    seed: str = ""

    def holds(self, digest: str) -> bool:
        """Return whether the blob is one of those."""
        place = int.from_bytes(hashlib.sha256(f"{self.seed}/{digest}".encode()).digest()[:8], "big")
        return place < self.ratio * 2.0**64


NOTHING = Sample(0.0)


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What is kept of an image's configuration."""

    platform: str
    created: str | None
    labels: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class BlobFinding:
    """One blob, looked at: what a configuration says, or what is wrong."""

    config: ConfigFacts | None = None
    problem: RegistryError | None = None


_Look = Callable[[Repository, Descriptor, str], BlobFinding]


class BlobLooks:
    """Looks at blobs in the threads of a pool, once at each of a repository."""

    def __init__(self, pool: Executor, doors: Doors, sample: Sample) -> None:
        self._pool = pool
        self._doors = doors
        self._sample = sample
        self._lock = threading.Lock()
        self._looks: dict[tuple[str, str, str, str], Future[BlobFinding]] = {}

    def config(self, repository: Repository, blob: Descriptor) -> Future[BlobFinding]:
        """Read a configuration, which is small."""
        return self._once(self._read_config, "configuration", repository, blob)

    def layer(self, repository: Repository, blob: Descriptor) -> Future[BlobFinding]:
        """Ask for a layer's size, and download it where it is in the sample."""
        return self._once(self._look_at_layer, "layer", repository, blob)

    def _once(self, look: _Look, kind: str, repository: Repository, blob: Descriptor) -> Future[BlobFinding]:
        key = (repository.client.host, repository.name, blob.digest, kind)
        what = f"its {kind} {blob.digest}"
        with self._lock:
            if key not in self._looks:
                self._looks[key] = self._pool.submit(_finding, look, repository, blob, what)
            return self._looks[key]

    def _read_config(self, repository: Repository, blob: Descriptor, what: str) -> BlobFinding:
        document = self._doors.ask(repository, lambda: repository.small_blob(blob, LARGEST_DOCUMENT))
        config = parse_config(document, f"{repository.client.host}/{repository.name}, {what}")
        return BlobFinding(ConfigFacts(config.platform, config.created, _bounded(config.labels)))

    def _look_at_layer(self, repository: Repository, blob: Descriptor, what: str) -> BlobFinding:
        size = self._doors.ask(repository, lambda: repository.blob_size(blob.digest))
        if size is None:
            raise ImageMissingError(f"{what} is not in the registry", _PUSH_AGAIN)
        if size not in (blob.size, -1):
            raise ContentDamagedError(f"{what} has {size} bytes instead of {blob.size}", _PUSH_AGAIN)
        if self._sample.holds(blob.digest):
            self._download(repository, blob)
        return BlobFinding()

    def _download(self, repository: Repository, blob: Descriptor) -> None:
        for left in reversed(range(_DOWNLOADS)):
            try:
                # nothing is kept: the last piece comes only when the digest is right
                self._doors.ask(repository, lambda: deque(repository.blob_pieces(blob), maxlen=0))
            except RegistryAwayError:
                if not left:
                    raise
            else:
                return


def _finding(look: _Look, repository: Repository, blob: Descriptor, what: str) -> BlobFinding:
    try:
        return look(repository, blob, what)
    except ImageMissingError as error:
        problem = error.problem if blob.digest in error.problem else f"{what}: {error.problem}"
        return BlobFinding(problem=ImageIncompleteError(problem, _PUSH_AGAIN))
    except RegistryError as error:
        return BlobFinding(problem=error.with_traceback(None))  # which would keep the answer alive


def _bounded(labels: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    chosen = sorted(labels.items())[:_MOST_LABELS]
    return tuple((name[:_LONGEST_LABEL], value[:_LONGEST_LABEL]) for name, value in chosen)
