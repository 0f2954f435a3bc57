"""A registry in memory: which images it holds, and which it will not give up."""

from __future__ import annotations

from flowdrill.errors import ImageMissingError, PlanError, RegistryError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, RetainedImage
from flowdrill.model.scenario import Scenario

BROKEN_DIGEST = "sha256:" + "b" * 64


class FakeRegistry:
    """The `Registry` port. `tags` maps repository:tag to a digest, `digests` are the manifests it holds."""

    def __init__(self, repository: str, tags: dict[str, str]) -> None:
        self.repository = repository
        self.tags = dict(tags)
        self.digests = set(tags.values())
        self.applies = True
        self.accepts_push = True
        self.deletes = True

    def retained(self, reference: ImageReference) -> RetainedImage:
        digest = reference.digest or self.tags.get(reference.tag or "")
        if digest is None or digest not in self.digests:
            raise ImageMissingError(f"{reference}: the registry does not hold it", "push it again")
        return RetainedImage(reference.at_digest(digest), "application/vnd.oci.image.manifest.v1+json", (), 400)

    def prepare_broken(self, stable: ImageReference, scenario: Scenario, run_id: str) -> PreparedImage:
        if not self.applies:
            raise PlanError(f"scenario {scenario.scenario}: no edge matches", "the flow has: a -> b")
        tag = f"drill-{scenario.scenario}-{'b' * 12}"
        reference = ImageReference(stable.registry, stable.repository, tag, BROKEN_DIGEST)
        image = BrokenImage(reference, stable, ("removed edge a -> b",), 1000, ())
        return PreparedImage(image, "application/vnd.oci.image.manifest.v1+json", b"{}", ())

    def push(self, prepared: PreparedImage) -> None:
        if not self.accepts_push:
            raise RegistryError("push refused", "ask for the push permission")
        self.digests.add(BROKEN_DIGEST)
        self.tags[str(prepared.image.reference.tag)] = BROKEN_DIGEST

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        if not self.deletes:
            return (f"{broken.reference}: the registry does not allow deletes",)
        self.digests.discard(BROKEN_DIGEST)
        self.tags = {tag: digest for tag, digest in self.tags.items() if digest != BROKEN_DIGEST}
        return ()
