"""What the registry says of an image, and what making a broken one produced."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.image_reference import ImageReference


@dataclass(frozen=True, slots=True)
class RetainedImage:
    """An image that the registry still holds."""

    reference: ImageReference  # with digest
    media_type: str
    platform_digests: tuple[str, ...]  # manifests an index points to; empty for a plain manifest
    manifest_bytes: int
    config_digest: str | None = None  # of the wanted platform's image; scanners know images by it


@dataclass(frozen=True, slots=True)
class BrokenImage:
    """A broken image: its digest is known before it is pushed."""

    reference: ImageReference  # with tag and digest
    stable: ImageReference  # with digest
    changes: tuple[str, ...]  # one line a change: what it did to the image
    new_bytes: int  # of its manifest and the blobs that the stable image does not have
    blobs: tuple[str, ...]  # digests that only this image needs; deleted with it


@dataclass(frozen=True, slots=True)
class Program:
    """A program that is run on the stable image in place of what that image runs."""

    name: str  # names the tag: drill-<name>-<short digest>
    path: str  # of its file in the image
    content: bytes
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PreparedImage:
    """A broken image, or another one of the drill's own, with what has to be pushed for it."""

    image: BrokenImage
    media_type: str
    manifest: bytes
    new_blobs: tuple[bytes, ...]
