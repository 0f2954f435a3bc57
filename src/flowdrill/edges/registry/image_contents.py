"""What one image in a registry is made of, read as far as it goes, and the first thing that is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.edges.registry.blob_looks import BlobFinding, BlobLooks, ConfigFacts
from flowdrill.edges.registry.doors import Doors
from flowdrill.errors import (
    ContentDamagedError,
    FlowdrillError,
    ImageIncompleteError,
    ImageMissingError,
    PlanError,
    RegistryError,
)
from flowdrill.oci.manifests import Index, Manifest, choose_platform
from flowdrill.oci.repository import Repository

Platforms = tuple[str | None, ...]  # None: this machine's, else linux/amd64


@dataclass(frozen=True, slots=True)
class ImageContents:
    """A manifest or index that is there and has its digest, and how far the rest of it is."""

    media_type: str
    digest: str
    document_bytes: int
    indexed: tuple[tuple[str, str], ...]  # platform and manifest of each entry of an index; empty for a plain image
    size_bytes: int | None = None  # of all blobs of the wanted platforms; None where not every manifest was read
    config: ConfigFacts | None = None  # of the first wanted platform
    config_digest: str | None = None  # the same one's
    problem: FlowdrillError | None = None  # PlanError: a wanted platform is not in the index

    @property
    def platforms(self) -> tuple[str, ...]:
        """os/architecture[/variant] of what it holds, as far as it is known."""
        if self.indexed:
            return tuple(dict.fromkeys(platform for platform, _ in self.indexed))
        return () if self.config is None else (self.config.platform,)


def read_contents(
    repository: Repository, asked: str, platforms: Platforms, blobs: BlobLooks, doors: Doors
) -> ImageContents:
    """Read the manifest at a tag or digest, and look at what it names for every wanted platform. RegistryError when the
    manifest itself cannot be read; whatever comes after is the contents' `problem`."""
    found = doors.ask(repository, lambda: repository.manifest(asked))
    indexed = tuple((p.platform, p.manifest.digest) for p in found.platforms) if isinstance(found, Index) else ()
    start = (found.media_type, found.digest, len(found.document), indexed)
    try:
        manifests = _wanted_manifests(repository, found, platforms, doors)
    except (RegistryError, PlanError) as error:
        return ImageContents(*start, problem=error.with_traceback(None))
    layers = [layer for manifest in manifests for layer in manifest.layers]
    asked_layers = [blobs.layer(repository, layer) for layer in dict.fromkeys(layers) if layer.in_registry]
    configs = [blobs.config(repository, manifest.config).result() for manifest in manifests]
    findings = (*configs, *(look.result() for look in asked_layers))
    sizes = {blob.digest: blob.size for manifest in manifests for blob in manifest.blobs}
    return ImageContents(
        *start,
        size_bytes=sum(sizes.values()),
        config=configs[0].config if configs else None,
        config_digest=manifests[0].config.digest if manifests else None,
        problem=_worst(findings),
    )


def _wanted_manifests(
    repository: Repository, found: Manifest | Index, platforms: Platforms, doors: Doors
) -> tuple[Manifest, ...]:
    if isinstance(found, Manifest):
        return (found,)
    where = f"{repository.client.host}/{repository.name}@{found.digest}"
    chosen = dict.fromkeys(choose_platform(found, platform, where).digest for platform in platforms)
    return tuple(_platform_manifest(repository, digest, where, doors) for digest in chosen)


def _platform_manifest(repository: Repository, digest: str, where: str, doors: Doors) -> Manifest:
    try:
        manifest = doors.ask(repository, lambda: repository.manifest(digest))
    except ImageMissingError as error:
        raise ImageIncompleteError(
            f"a platform's manifest is not in the registry: {error.problem}",
            "Push the whole index again, and check the registry's retention rules: some delete untagged manifests.",
        ) from error
    if isinstance(manifest, Index):
        raise RegistryError(f"{where}: an index within an index", "Push a plain index.")
    return manifest


def _worst(findings: tuple[BlobFinding, ...]) -> RegistryError | None:
    """Return what is known to be wrong before what is not known."""
    problems = [finding.problem for finding in findings if finding.problem is not None]
    known = [p for p in problems if isinstance(p, ImageIncompleteError | ContentDamagedError)]
    chosen = next(iter((*known, *problems)), None)
    if chosen is None or len(problems) == 1:
        return chosen
    return type(chosen)(
        f"{chosen.problem} (and {len(problems) - 1} more of its blobs are not as they should be)", chosen.remedy
    )
