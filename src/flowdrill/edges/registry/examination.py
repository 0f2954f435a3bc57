"""Looking at many images at once: are they still there, complete, and what their digests say?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from flowdrill.analysis.printable import printable
from flowdrill.edges.registry.blob_looks import NOTHING, BlobLooks, Sample
from flowdrill.edges.registry.doors import Doors
from flowdrill.edges.registry.image_contents import ImageContents, Platforms, read_contents
from flowdrill.errors import (
    ContentDamagedError,
    FlowdrillError,
    ImageIncompleteError,
    ImageMissingError,
    PlanError,
    RegistryError,
)
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.repository import Repository
from flowdrill.oci.transport import CONNECTIONS

Told = Callable[[int, int], None]  # how many of how many images were looked at
EVERYTHING = Sample(1.0)
_GONE = "Check the reference, and whether a retention rule deleted the image; push it again where you still have it."


class ImageExaminer:
    """Looks at images in whatever registries their references name."""

    def __init__(self, open_repository: Callable[[ImageReference], Repository]) -> None:
        self._open_repository = open_repository

    def examine(
        self, references: Sequence[ImageReference], tier: Tier, *,
        sample: Sample = EVERYTHING, platforms: tuple[str, ...] | None = None, told: Told | None = None,
    ) -> tuple[ImageHealth, ...]:  # fmt: skip
        """Return every image's health, in the order given. `platforms` are those wanted of an index, None this
        machine's, else linux/amd64; `sample` is for tier bytes; `told` hears of progress over the distinct images. What
        a registry does not answer is a health, too: nothing is raised for it."""
        repositories = {reference: self._open_repository(reference) for reference in dict.fromkeys(references)}
        done: dict[ImageReference, ImageHealth] = {}
        workers = CONNECTIONS if tier is Tier.EXISTS else CONNECTIONS // 2
        with _threads(CONNECTIONS // 2) as blob_pool, _threads(min(workers, len(repositories) or 1)) as pool:
            doors = Doors()
            blobs = BlobLooks(blob_pool, doors, sample if tier is Tier.BYTES else NOTHING)
            wanted: Platforms = platforms or (None,)
            looks = {
                pool.submit(_examined, reference, repository, tier, wanted, blobs, doors): reference
                for reference, repository in repositories.items()
            }
            for look in as_completed(looks):
                done[looks[look]] = look.result()
                if told is not None:
                    told(len(done), len(repositories))
        return tuple(done[reference] for reference in references)

    def contents(self, reference: ImageReference, platform: str | None) -> ImageContents:
        """Return what one image is made of, looked at as tier complete does; RegistryError when it cannot be read, and
        for its first problem. PlanError when it has no image for `platform`."""
        asked = reference.digest or reference.tag
        if asked is None:
            raise PlanError(f"{reference}: has neither tag nor digest", "Write repository:tag or repository@sha256:…")
        repository, doors = self._open_repository(reference), Doors()
        with _threads(CONNECTIONS // 2) as pool:
            contents = read_contents(repository, asked, (platform,), BlobLooks(pool, doors, NOTHING), doors)
        if contents.problem is not None:
            raise contents.problem
        return contents


def health_of(reference: ImageReference, tier: Tier, error: FlowdrillError) -> ImageHealth:
    """Return the health of an image that could not be read to its end."""
    health = Health.UNKNOWN
    if isinstance(error, ImageIncompleteError | PlanError):  # a wanted platform that an index has not, is a PlanError
        health = Health.INCOMPLETE
    elif isinstance(error, ImageMissingError):
        health = Health.GONE
    elif isinstance(error, ContentDamagedError):
        health = Health.DAMAGED
    return ImageHealth(reference, tier, health, printable(error.problem), printable(error.remedy))


def exists(reference: ImageReference, repository: Repository) -> ImageHealth:
    """Return the health of tier exists; RegistryError when the registry does not say, or something else."""
    asked = reference.digest or reference.tag or ""
    digest = repository.current_digest(asked)
    if digest is None:
        problem = f"{repository.client.host} has no manifest {asked} in {repository.name}"
        return ImageHealth(reference, Tier.EXISTS, Health.GONE, problem, _GONE)
    return ImageHealth(_at(reference, digest), Tier.EXISTS, Health.RETAINED)


def _examined(
    reference: ImageReference, repository: Repository, tier: Tier, platforms: Platforms, blobs: BlobLooks, doors: Doors
) -> ImageHealth:
    asked = reference.digest or reference.tag
    if asked is None:
        problem, remedy = "has neither tag nor digest", "Write repository:tag or repository@sha256:…"
        return ImageHealth(reference, tier, Health.UNKNOWN, problem, remedy)
    try:
        if tier is Tier.EXISTS:
            return doors.ask(repository, lambda: exists(reference, repository))
        contents = read_contents(repository, asked, platforms, blobs, doors)
    except RegistryError as error:
        return health_of(reference, tier, error)
    return _health(reference, tier, contents)


def _health(reference: ImageReference, tier: Tier, contents: ImageContents) -> ImageHealth:
    pinned, config = _at(reference, contents.digest), contents.config
    health = Health.RETAINED
    problem = remedy = ""
    if contents.problem is not None:
        bad = health_of(pinned, tier, contents.problem)
        health, problem, remedy = bad.health, bad.problem, bad.remedy
    return ImageHealth(
        pinned, tier, health, problem, remedy, contents.platforms,
        config.created if config else None, config.labels if config else (), contents.size_bytes,
    )  # fmt: skip


def _at(reference: ImageReference, digest: str) -> ImageReference:
    return ImageReference(reference.registry, reference.repository, reference.tag, digest)


@contextmanager
def _threads(count: int) -> Iterator[ThreadPoolExecutor]:
    """A pool; what waits in it when the block is left by an exception is not begun."""
    pool = ThreadPoolExecutor(count, thread_name_prefix="registry")
    try:
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)
