"""Which image a run has verified: the one that a passing drill rolled back to."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.events import End
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.result import Result, Verdict


@dataclass(frozen=True, slots=True)
class Verified:
    """An image that was rolled back to, and served its users again; as the ledger has it."""

    digest: str
    reference: str  # with the tag it was deployed by, where it had one, and with the digest
    by: str
    note: str


def verified_by(result: Result) -> Verified | None:
    """Return the image that a run has verified, or None. Only a drill that passed, was completed, and had every replica
    on the stable image again says anything of it; a passing control does not: nothing was rolled back."""
    stable, rolled_back = result.images.stable, result.instants.rolled_back
    if result.verdict is not Verdict.PASS or result.end is not End.COMPLETED or stable is None or rolled_back is None:
        return None
    try:
        written = parse_image_reference(stable.reference)
    except ValueError:
        return None  # what ran by such a name cannot be named to anybody else
    tag = f":{written.tag}" if written.tag else ""
    note = f"passed drill {result.run.drill} with scenario {result.run.scenario}"
    return Verified(stable.digest, f"{written.name}{tag}@{stable.digest}", result.run.id, note)
