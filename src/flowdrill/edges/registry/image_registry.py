"""The registry port: is the stable image retained, make the broken one, delete it again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from flowdrill.analysis.component_changes import ReadSource
from flowdrill.edges.registry.blob_looks import Sample
from flowdrill.edges.registry.candidate_image import prepare_candidate
from flowdrill.edges.registry.derive import prepare_broken, push_prepared, refuse_drills_own
from flowdrill.edges.registry.examination import ImageExaminer
from flowdrill.edges.registry.find_flow import find_flow
from flowdrill.edges.registry.flow_image import FlowImage, FlowRuntime, make_flow_image, runtime_of
from flowdrill.edges.registry.langflow_version import VersionFinder
from flowdrill.edges.registry.program_image import prepare_program
from flowdrill.edges.registry.pulling import pullable
from flowdrill.errors import (
    ContentDamagedError,
    ImageIncompleteError,
    ImageMissingError,
    PlanError,
    RegistryAwayError,
    RegistryError,
)
from flowdrill.model.image_health import ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, VersionUnknown
from flowdrill.model.scenario import Scenario
from flowdrill.model.surroundings import PullSecret
from flowdrill.oci.client import RegistryClient
from flowdrill.oci.manifests import Index, Manifest
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import StoredImage, stored_image


@dataclass(frozen=True, slots=True)
class ServedFlow:
    """The flow in an image, and what serves it there."""

    text: str
    runtime: FlowRuntime


class ImageRegistry:
    """Images by reference, in whatever registries the references name."""

    def __init__(
        self, connect: Callable[[str], RegistryClient], read_source: ReadSource, platform: str | None = None,
        may_write: Callable[[], None] = lambda: None, versions: VersionFinder | None = None,
    ) -> None:  # fmt: skip
        """`connect` returns a client of a host; `read_source` a file of the scenario's folder; `platform` (such as
        linux/arm64) chooses from an index, None takes this machine's, else linux/amd64; `may_write` raises when nothing
        may be written now; `versions` finds LangFlow in layers, within its own limits."""
        self._connect = connect
        self._clients: dict[str, RegistryClient] = {}
        self._read_source = read_source
        self._platform = platform
        self._may_write = may_write
        self._examiner = ImageExaminer(self._repository)
        self._versions = versions or VersionFinder()

    def retained(self, reference: ImageReference) -> RetainedImage:
        """Return what `reference` (tag or digest) resolves to. Its manifest and configuration were read and every layer
        was found with its size; ImageMissingError naming the digest when one was not."""
        try:
            found = self._examiner.contents(reference, self._platform)
        except (ImageIncompleteError, ContentDamagedError) as error:  # either way a node cannot start it
            raise ImageMissingError(f"{reference}: {error.problem}", error.remedy) from error
        platforms = tuple(digest for _, digest in found.indexed)
        pinned = ImageReference(reference.registry, reference.repository, reference.tag, found.digest)
        return RetainedImage(
            pinned, found.media_type, platforms, found.document_bytes, config_digest=found.config_digest
        )

    def examine(
        self, references: Sequence[ImageReference], tier: Tier, *, sample: float = 1.0, seed: str = "",
        platforms: tuple[str, ...] | None = None, told: Callable[[int, int], None] | None = None,
    ) -> tuple[ImageHealth, ...]:  # fmt: skip
        """Look at many images at once (see the port). Without `platforms` the platform of this registry access."""
        wanted = platforms or (None if self._platform is None else (self._platform,))
        return self._examiner.examine(references, tier, sample=Sample(sample, seed), platforms=wanted, told=told)

    def resolve(self, reference: ImageReference) -> str | None:
        """Return the digest that the tag (or digest) names now, None when the registry has none."""
        asked = reference.tag or reference.digest
        if asked is None:
            raise PlanError(f"{reference}: has neither tag nor digest", "Write repository:tag or repository@sha256:…")
        return self._repository(reference).current_digest(asked)

    def tags(self, reference: ImageReference) -> tuple[str, ...]:
        """Return every tag of the reference's repository."""
        return self._repository(reference).tags()

    def pullable(self, reference: ImageReference, pull_secrets: Sequence[PullSecret]) -> ImageHealth:
        """Look at tier exists with the pull secrets' logins, and never this machine's own."""
        return pullable(reference, pull_secrets, self._client(reference.registry))

    def langflow_version(self, reference: ImageReference) -> FoundVersion | VersionUnknown:
        """Return which LangFlow the image of this platform has: by its configuration, its layers (as many as a few
        seconds allow; each is read once), or its tag. RegistryError when its manifest cannot be had."""
        repository = self._repository(reference)
        return self._versions.find(repository, stored_image(repository, reference, self._platform))

    def prepare_broken(self, stable: ImageReference, scenario: Scenario, run_id: str | None = None) -> PreparedImage:
        """Compute the stable image plus the scenario's one layer, or its candidate with labels; PlanError when a change
        finds nothing to change, or when one is not given by digest. Without `run_id` the same input gives the same
        digest."""
        image = self._pinned(stable)
        candidate = scenario.changes.candidate
        if candidate is not None and candidate.image is not None:
            refuse_drills_own(image)
            return prepare_candidate(image, self._candidate(candidate.image), scenario.scenario, run_id)
        return prepare_broken(self._repository(stable), image, scenario, run_id, self._read_source)

    def prepare_program(self, stable: ImageReference, program: Program, run_id: str) -> PreparedImage:
        """Compute the stable image plus one layer with a program, which it starts; PlanError when `stable` is not given
        by digest."""
        return prepare_program(self._pinned(stable), program, run_id)

    def refuse_drills_own(self, reference: ImageReference) -> None:
        """PlanError when a drill has made this image: nobody means to roll back to it."""
        refuse_drills_own(stored_image(self._repository(reference), reference, self._platform))

    def push(self, prepared: PreparedImage) -> None:
        """Push a prepared image beside the stable one."""
        push_prepared(self._repository(prepared.image.reference), prepared, self._may_write)

    def make_flow_image(
        self, flow: bytes, file_name: str, base: ImageReference, to: ImageReference,
        runtime: FlowRuntime | None = None, note: str | None = None,
    ) -> FlowImage:  # fmt: skip
        """Push `base` with a flow laid on it to the tag `to` (see `flow_image.make_flow_image`)."""
        source = self._repository(base)
        image = stored_image(source, base, self._platform)
        return make_flow_image(flow, file_name, image, source, self._repository(to), to, runtime, note)

    def flow_of(self, reference: ImageReference) -> ServedFlow:
        """Return the flow in an image and what serves it; PlanError when there is none, or no single one."""
        repository = self._repository(reference)
        image = stored_image(repository, reference, self._platform)
        return ServedFlow(find_flow(repository, image, None).text, runtime_of(image.config))

    def delete_flow_image(self, made: FlowImage, base: ImageReference) -> tuple[str, ...]:
        """Delete a flow's image that was pushed into the repository of its `base`, as `delete` does."""
        stable = self.retained(base).reference
        return self.delete(BrokenImage(made.reference, stable, (), made.pushed_bytes, made.blobs))

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        """Delete the broken image's tag, manifest and own blobs; return what is left behind, each with the reason.
        RegistryAwayError when the registry is not there to be asked.
        Nothing that the stable image needs is deleted."""
        repository = self._repository(broken.reference)
        digest, tag = broken.reference.digest, broken.reference.tag
        if digest is None or digest == broken.stable.digest:
            return (f"{broken.reference}: is not the drill's own image",)
        try:
            needed = self._needed_by(repository, broken.stable)
        except RegistryAwayError:
            raise
        except RegistryError as error:
            return (f"{broken.reference}: {error.problem} (so nothing is known to be safe to delete)",)
        if digest in needed:
            return (f"{broken.reference}: belongs to the stable image",)
        self._may_write()
        refusal = _refusal(partial(repository.delete_manifest, digest))
        if tag is not None:
            # most registries drop the tag with its manifest; some keep it, some delete nothing but tags
            refusal = _refusal(partial(_delete_tag, repository, tag)) or refusal
        still_there = [name for name in (tag, digest) if name is not None and _may_be_there(repository, name)]
        if still_there:
            reason = refusal or "the registry said that it was deleted, and still has it"
            return (f"{broken.reference}: {reason}",)
        for blob in set(broken.blobs) - needed:
            # many registries refuse: a blob that nothing refers to is for their garbage collection, and does no harm
            _refusal(partial(repository.delete_blob, blob))
        return ()

    def repository_of(self, reference: ImageReference) -> Repository:
        """Return the repository that a reference names."""
        return self._repository(reference)

    def close(self) -> None:
        """Close idle connections."""
        for client in self._clients.values():
            client.close()

    def _needed_by(self, repository: Repository, stable: ImageReference) -> frozenset[str]:
        found = repository.manifest(stable.digest or "")
        manifests = [found] if isinstance(found, Manifest) else []
        digests = {found.digest}
        if isinstance(found, Index):
            digests.update(entry.manifest.digest for entry in found.platforms)
            manifests.append(repository.platform_manifest(found, self._platform))
        return frozenset(digests.union(blob.digest for manifest in manifests for blob in manifest.blobs))

    def _candidate(self, text: str) -> StoredImage:
        try:
            reference = parse_image_reference(text)
        except ValueError as error:
            raise PlanError(f"candidate {text}: {error}", "Write repository@sha256:…") from error
        return self._pinned(reference)

    def _pinned(self, stable: ImageReference) -> StoredImage:
        if stable.digest is None:
            raise PlanError(
                f"{stable}: the stable image must be named by digest",
                "A tag may move under the drill: write repository@sha256:…",
            )
        return stored_image(self._repository(stable), stable, self._platform)

    def _repository(self, reference: ImageReference) -> Repository:
        return Repository(self._client(reference.registry), reference.repository)

    def _client(self, host: str) -> RegistryClient:
        if host not in self._clients:
            self._clients[host] = self._connect(host)
        return self._clients[host]


def _delete_tag(repository: Repository, tag: str) -> None:
    if repository.has_manifest(tag):
        repository.delete_manifest(tag)


def _may_be_there(repository: Repository, name: str) -> bool:
    try:
        return repository.has_manifest(name)
    except RegistryError:
        return True


def _refusal(delete: Callable[[], None]) -> str | None:
    """Run a deletion; return why the registry refused it, or None."""
    try:
        delete()
    except RegistryError as error:
        return error.problem
    return None
