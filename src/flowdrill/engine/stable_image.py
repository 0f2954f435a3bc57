"""What the rollback must bring back: named so that it cannot move, held by the registry, and what runs now."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.analysis.rollout import running_digests
from flowdrill.engine.findings import Findings
from flowdrill.engine.ports import LookPorts
from flowdrill.model.events import StableImageSeen
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.images import RetainedImage
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class Stable:
    """What the rollback must bring back."""

    written: str  # as in the workload's template
    pinned: ImageReference  # by digest, without a tag
    digests: frozenset[str]  # the digest, and the platforms' manifests when it is an index's
    change_cause: str | None
    retained: RetainedImage  # as the registry has it

    @property
    def rollback_image(self) -> str:
        """The image the rollback sets: as the template has it when that pins the digest, else the bare digest."""
        return self.written if "@" in self.written else str(self.pinned)

    @property
    def spellings(self) -> tuple[str, ...]:
        """The image as the rollback sets it, and as it was written before where that is another text."""
        return tuple(sorted({self.rollback_image, self.written}))

    def is_stable(self, image: str) -> bool:
        """Return whether `image` is the stable one: as it was written before, or pinned to its digest."""
        if image == self.written:
            return True
        try:
            return parse_image_reference(image).digest in self.digests
        except ValueError:
            return False


def find_stable(before: WorkloadSnapshot, named: ImageReference, ports: LookPorts, findings: Findings) -> Stable:
    """Return the stable image, which the template names `named`; DrillRefusedError when that is not what runs; the
    registry's error when it does not answer."""
    stable = _running_stable(before, ports.registry.retained(named), findings)
    digest = str(stable.pinned.digest)
    findings.emit(
        StableImageSeen(
            at_ns=ports.clock.now_ns(),
            reference=stable.written,
            pinned=str(stable.pinned),
            digest=digest,
            other_digests=tuple(sorted(stable.digests - {digest})),
        )
    )
    return stable


def _running_stable(seen: WorkloadSnapshot, retained: RetainedImage, findings: Findings) -> Stable:
    """The digest that the registry has must be the one that runs: else the tag has moved."""
    name, required = "stable_image_runs", "every pod runs the digest that its reference has in the registry now"
    digest = str(retained.reference.digest)
    digests = frozenset({digest, *retained.platform_digests})
    running = running_digests(seen)
    if not running or not running <= digests:
        observed = f"the registry says {digest}, the pods run {', '.join(sorted(running)) or 'nothing known'}"
        remedy = "the tag has moved since the pods started: deploy the wanted image by digest"
        raise findings.refused(name, required=required, observed=observed, remedy=remedy)
    findings.check(name, Status.PASS, required=required, observed=digest)
    return Stable(seen.image, retained.reference.at_digest(digest), digests, seen.change_cause, retained)
