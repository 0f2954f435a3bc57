"""May an undo be believed that was found on a cluster? Whoever may write the Lease may have written anything there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from flowdrill.analysis.printable import printable
from flowdrill.model.container_fields import has_fields
from flowdrill.model.drill import Target
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage
from flowdrill.model.ledger import Ledger
from flowdrill.model.undo import Undo

_DRILLS_TAG = re.compile(r"drill-.+-([0-9a-f]{12})")  # edges/registry/derive.py


def is_about(undo: Undo, target: Target, run_id: str) -> bool:
    """Return whether an undo is the one of this run on this workload."""
    return (undo.namespace, undo.workload, undo.run_id) == (target.namespace, target.workload, run_id)


def unwitnessed_because(undo: Undo, kept: Iterable[Mapping[str, Any]], ledger: Ledger | None) -> str | None:
    """Return why nothing but the undo itself speaks for what it would put back, or None. Witnesses are the ledger,
    which knows verified digests, and the revisions that the workload `kept`: their containers of the undo's name."""
    if undo.recovery is not None or undo.beside:
        what = "an image that puts data back" if undo.recovery is not None else f"values of {', '.join(undo.beside)}"
        return printable(f"it would set {what}, which no revision and no ledger knows")
    foreign = [one for one in (undo.broken, undo.provider_image) if one is not None and not _is_own(one, undo)]
    if foreign:
        return printable(f"it would delete {foreign[0].reference}, which does not look like a drill's image")
    holding = [one for one in kept if one.get("image") == undo.image]
    if any(has_fields(one, undo.fields) for one in holding):
        return None
    if holding:
        return "the kept revisions with its image have other values of " + printable(", ".join(sorted(undo.fields)))
    if undo.fields or ledger is None or not _is_verified(undo, ledger):
        return printable(f"no kept revision of the workload has {undo.image}, and no ledger has its digest")
    return None


def _is_own(image: BrokenImage, undo: Undo) -> bool:
    """Whether it is one of a drill's: in the stable image's repository, with a tag that has its digest, as drills have
    them. What the undo names is deleted."""
    try:
        stable = parse_image_reference(undo.pinned or undo.image)
    except ValueError:
        return False
    reference, tagged = image.reference, _DRILLS_TAG.fullmatch(image.reference.tag or "")
    digest = (reference.digest or "").partition(":")[2]
    return reference.name == stable.name and tagged is not None and digest.startswith(tagged[1])


def _is_verified(undo: Undo, ledger: Ledger) -> bool:
    """The image itself must name the digest: what a tag has now, nobody has verified."""
    try:
        digest = parse_image_reference(undo.image).digest
    except ValueError:
        return False
    return digest is not None and ledger.verified(digest) is not None
