"""A registry in memory: which images it holds, and which it will not give up."""

from __future__ import annotations

from flowdrill.errors import ImageMissingError, PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource, VersionUnknown
from flowdrill.model.scenario import Scenario

BROKEN_DIGEST = "sha256:" + "b" * 64
RECOVERY_DIGEST = "sha256:" + "d" * 64
PROGRAM_DIGEST = "sha256:" + "e" * 64


class FakeRegistry:
    """The `Registry` port. `tags` maps repository:tag to a digest, `digests` are the manifests it holds."""

    def __init__(self, repository: str, tags: dict[str, str]) -> None:
        self.repository = repository
        self.tags = dict(tags)
        self.digests = set(tags.values())
        self.applies = True
        self.accepts_push = True
        self.deletes = True
        self.version: FoundVersion | VersionUnknown = FoundVersion(
            Product.LFX, "1.13.0", VersionSource.LABEL, "the label dev.flowdrill.langflow-version"
        )

    def retained(self, reference: ImageReference) -> RetainedImage:
        digest = reference.digest or self.tags.get(reference.tag or "")
        if digest is None or digest not in self.digests:
            raise ImageMissingError(f"{reference}: the registry does not hold it", "push it again")
        return RetainedImage(reference.at_digest(digest), "application/vnd.oci.image.manifest.v1+json", (), 400)

    def langflow_version(self, reference: ImageReference) -> FoundVersion | VersionUnknown:
        self.retained(reference)
        return self.version

    def prepare_broken(self, stable: ImageReference, scenario: Scenario, run_id: str) -> PreparedImage:
        if not self.applies:
            raise PlanError(f"scenario {scenario.scenario}: no edge matches", "the flow has: a -> b")
        digest = RECOVERY_DIGEST if scenario.scenario.endswith("-recovery") else BROKEN_DIGEST
        return _prepared(stable, scenario.scenario, digest, "removed edge a -> b")

    def prepare_program(self, stable: ImageReference, program: Program, run_id: str) -> PreparedImage:
        return _prepared(stable, program.name, PROGRAM_DIGEST, f"{program.path}: added")

    def push(self, prepared: PreparedImage) -> None:
        if not self.accepts_push:
            raise RegistryError("push refused", "ask for the push permission")
        digest = str(prepared.image.reference.digest)
        self.digests.add(digest)
        self.tags[str(prepared.image.reference.tag)] = digest

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        if not self.deletes:
            return (f"{broken.reference}: the registry does not allow deletes",)
        self.digests.discard(str(broken.reference.digest))
        self.tags = {tag: digest for tag, digest in self.tags.items() if digest != broken.reference.digest}
        return ()


def _prepared(stable: ImageReference, name: str, digest: str, change: str) -> PreparedImage:
    tag = f"drill-{name}-{digest.partition(':')[2][:12]}"
    reference = ImageReference(stable.registry, stable.repository, tag, digest)
    image = BrokenImage(reference, stable, (change,), 1000, ())
    return PreparedImage(image, "application/vnd.oci.image.manifest.v1+json", b"{}", ())
