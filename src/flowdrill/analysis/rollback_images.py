"""Which images somebody may want to roll back to: what runs now, what earlier revisions ran, what was verified last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flowdrill.analysis.printable import printable
from flowdrill.model.image_health import ImageHealth
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.ledger import Ledger
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.surroundings import Revision


@dataclass(frozen=True, slots=True)
class NamedImage:
    """An image with the reason why it is wanted."""

    why: str  # `revision 4, replicaset/app-1`, `verified 2026-01-02T03:04:05Z by run-1`
    written: ImageReference  # as the revision or the ledger has it, which may be with a tag alone

    @property
    def reference(self) -> ImageReference:
        """The image by digest where that is known: tags may have moved."""
        return self.written if self.written.digest is None else self.written.at_digest(self.written.digest)


@dataclass(frozen=True, slots=True)
class RollbackImages:
    """The images of one workload that must be retained."""

    stable: NamedImage
    verified: tuple[NamedImage, ...]  # the last ones of the ledger, newest first
    revisions: tuple[NamedImage, ...]  # the earlier ones, newest first
    unreadable: tuple[str, ...] = ()  # of the revisions: what is written there is no image reference

    @property
    def all(self) -> tuple[NamedImage, ...]:
        """Every one, the stable one first; an image may be wanted for several reasons."""
        return (self.stable, *self.verified, *self.revisions)


@dataclass(frozen=True, slots=True)
class LookedAt:
    """A wanted image, and what the registry says of it."""

    image: NamedImage
    health: ImageHealth


def rollback_images(
    stable: ImageReference, revisions: Sequence[Revision], ledger: Ledger | None, policy: PolicyPlan
) -> RollbackImages:
    """Return what the policy wants retained: the stable image, the last `policy.verified_versions` of the ledger, and
    `policy.revisions` earlier revisions (newest first, as they are given)."""
    earlier = [revision for revision in revisions if not revision.current][: policy.revisions]
    named, unreadable = [], []
    for revision in earlier:
        number = "" if revision.number is None else f"revision {revision.number}, "
        try:
            named.append(NamedImage(f"{number}{revision.name}", parse_image_reference(revision.image)))
        except ValueError as error:
            unreadable.append(printable(f"{number}{revision.name}: {error}"))
    verified = []
    for entry in ledger.last_verified(policy.verified_versions) if ledger is not None else ():
        why = printable(f"verified {entry.verified_at} by {entry.by}")
        try:
            written = parse_image_reference(entry.reference)
        except ValueError as error:
            unreadable.append(printable(f"{why}: {error}"))
        else:
            pinned = ImageReference(written.registry, written.repository, written.tag, entry.digest)
            verified.append(NamedImage(why, pinned))
    return RollbackImages(NamedImage("the stable image", stable), tuple(verified), tuple(named), tuple(unreadable))
