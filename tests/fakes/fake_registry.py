"""A registry in memory: which images it holds, and which it will not give up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from flowdrill.analysis.docker_auths import pull_logins
from flowdrill.errors import ImageMissingError, PlanError, RegistryAwayError, RegistryError
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource, VersionUnknown
from flowdrill.model.scenario import Scenario
from flowdrill.model.surroundings import PullSecret

BROKEN_DIGEST = "sha256:" + "b" * 64
RECOVERY_DIGEST = "sha256:" + "d" * 64
PROGRAM_DIGEST = "sha256:" + "e" * 64


class FakeRegistry:
    """The `Registry` port. `tagged` maps a tag to a digest, `digests` are the manifests it holds. `found` says of one
    what is wrong with it; `wants_login` lets nobody in but with credentials."""

    def __init__(self, repository: str, tags: dict[str, str]) -> None:
        self.repository = repository
        self.tagged = dict(tags)
        self.digests = set(tags.values())
        self.applies = True
        self.accepts_push = True
        self.deletes = True
        self.away = False
        self.wants_login = False
        self.found: dict[str, Health] = {}
        self.platforms: tuple[str, ...] = ("linux/amd64",)
        self.created: dict[str, str] = {}
        self.examined: list[ImageReference] = []
        self.version: FoundVersion | VersionUnknown = FoundVersion(
            Product.LFX, "1.13.0", VersionSource.LABEL, "the label dev.flowdrill.langflow-version"
        )

    def retained(self, reference: ImageReference) -> RetainedImage:
        digest = reference.digest or self.tagged.get(reference.tag or "")
        if digest is None or digest not in self.digests:
            raise ImageMissingError(f"{reference}: the registry does not hold it", "push it again")
        return RetainedImage(reference.at_digest(digest), "application/vnd.oci.image.manifest.v1+json", (), 400)

    def examine(
        self, references: Sequence[ImageReference], tier: Tier, *, sample: float = 1.0, seed: str = "",
        platforms: tuple[str, ...] | None = None, told: Callable[[int, int], None] | None = None,
    ) -> tuple[ImageHealth, ...]:  # fmt: skip
        self.examined += references
        distinct = list(dict.fromkeys(references))
        for number, _ in enumerate(distinct, 1):
            if told is not None:
                told(number, len(distinct))
        return tuple(self._health(reference, tier, platforms or ()) for reference in references)

    def resolve(self, reference: ImageReference) -> str | None:
        if self.away:
            raise RegistryAwayError(f"{reference.registry} cannot be reached", "check the network")
        digest = self.tagged.get(reference.tag) if reference.tag else reference.digest
        return digest if digest in self.digests else None

    def tags(self, reference: ImageReference) -> tuple[str, ...]:
        return tuple(sorted(self.tagged))

    def pullable(self, reference: ImageReference, pull_secrets: Sequence[PullSecret]) -> ImageHealth:
        if self.wants_login and not pull_logins(pull_secrets, reference).matching:
            problem = f"{reference.registry} wants a login, and no pull secret has one for it"
            return ImageHealth(reference, Tier.EXISTS, Health.REFUSED, problem, "make a secret")
        return self._health(reference, Tier.EXISTS, ())

    def _health(self, reference: ImageReference, tier: Tier, platforms: tuple[str, ...]) -> ImageHealth:
        digest = reference.digest or self.tagged.get(reference.tag or "")
        if self.away:
            return ImageHealth(reference, tier, Health.UNKNOWN, f"{reference.registry} cannot be reached", "check it")
        if digest is None or digest not in self.digests:
            return ImageHealth(reference, tier, Health.GONE, "no such manifest", "push it again")
        pinned = replace(reference, digest=digest)
        health = self.found.get(digest, Health.RETAINED)
        if tier is not Tier.EXISTS and any(platform not in self.platforms for platform in platforms):
            health = Health.INCOMPLETE
        problem, remedy = ("", "") if health is Health.RETAINED else (f"is {health}", "push it again")
        if tier is Tier.EXISTS:
            return ImageHealth(pinned, tier, health, problem, remedy)
        return ImageHealth(pinned, tier, health, problem, remedy, self.platforms, self.created.get(digest), (), 1000)

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
        self.tagged[str(prepared.image.reference.tag)] = digest

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        if not self.deletes:
            return (f"{broken.reference}: the registry does not allow deletes",)
        self.digests.discard(str(broken.reference.digest))
        self.tagged = {tag: digest for tag, digest in self.tagged.items() if digest != broken.reference.digest}
        return ()


def _prepared(stable: ImageReference, name: str, digest: str, change: str) -> PreparedImage:
    tag = f"drill-{name}-{digest.partition(':')[2][:12]}"
    reference = ImageReference(stable.registry, stable.repository, tag, digest)
    image = BrokenImage(reference, stable, (change,), 1000, ())
    return PreparedImage(image, "application/vnd.oci.image.manifest.v1+json", b"{}", ())
