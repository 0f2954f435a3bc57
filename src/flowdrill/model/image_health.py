"""Whether an image could still be pulled: how far it was looked at, and what was found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from flowdrill.model.image_reference import ImageReference


class Tier(StrEnum):
    """How thoroughly a retained image is looked at. Each includes those before it."""

    EXISTS = "exists"  # its manifest is there, under its digest
    COMPLETE = "complete"  # the manifest has its digest, and every blob is there with its size
    BYTES = "bytes"  # blobs are downloaded, and have the digests they are named by


class Health(StrEnum):
    """What became of an image. `unknown` is never a pass."""

    RETAINED = "retained"
    GONE = "gone"  # the registry says that there is no such manifest
    INCOMPLETE = "incomplete"  # the manifest is there, and a blob, or the wanted platform, is not
    DAMAGED = "damaged"  # the content is not what the digest says
    REFUSED = "refused"  # the registry does not let these credentials pull
    UNKNOWN = "unknown"  # no answer, no login, or an answer that does not say


@dataclass(frozen=True, slots=True)
class ImageHealth:
    """One image, looked at."""

    reference: ImageReference  # with digest, where one is known
    tier: Tier  # that was asked for
    health: Health
    problem: str = ""  # what is wrong, or why it is not known; "" when retained
    remedy: str = ""
    platforms: tuple[str, ...] = ()  # os/architecture of what it holds; empty where it was not read
    created: str | None = None  # UTC, ISO 8601, from its configuration; None where it was not read, or does not say
    labels: tuple[tuple[str, str], ...] = ()  # of its configuration, where it was read
    size_bytes: int | None = None  # of all blobs of the wanted platform; None where the manifest was not read
