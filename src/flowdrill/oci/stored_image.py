"""An image as a registry holds it, and a new one made by adding to it."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.errors import PlanError
from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.client import LARGEST_DOCUMENT
from flowdrill.oci.digest import digest_of
from flowdrill.oci.image_config import ConfigEdit, ImageConfig, edited_config, parse_config
from flowdrill.oci.manifests import Descriptor, Index, Manifest
from flowdrill.oci.repository import Repository


@dataclass(frozen=True, slots=True)
class StoredImage:
    """One platform's image in a registry."""

    reference: ImageReference  # as it was asked for
    found: Manifest | Index  # what the reference names
    manifest: Manifest  # the platform's; the same when it is no index
    config: ImageConfig


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image that is not in the registry yet: its manifest and the blobs that no other image has."""

    manifest: Manifest
    blobs: tuple[bytes, ...]


def stored_image(repository: Repository, reference: ImageReference, platform: str | None) -> StoredImage:
    """Return what `reference` names, read and verified; PlanError when it has neither tag nor digest."""
    asked = reference.digest or reference.tag
    if asked is None:
        raise PlanError(f"{reference}: has neither tag nor digest", "Write repository:tag or repository@sha256:…")
    found = repository.manifest(asked)
    manifest = repository.platform_manifest(found, platform)
    config = parse_config(repository.small_blob(manifest.config, LARGEST_DOCUMENT), str(reference))
    return StoredImage(reference, found, manifest, config)


def image_with(base: StoredImage, layer: bytes | None, edit: ConfigEdit) -> NewImage:
    """Return `base` with one more layer (or none) and an edited configuration."""
    layer_digest = digest_of(layer) if layer is not None else None
    config = edited_config(base.config, edit, layer_digest)
    config_descriptor = Descriptor(base.manifest.config.media_type, digest_of(config), len(config))
    if layer is None or layer_digest is None:
        return NewImage(base.manifest.derived(config_descriptor, ()), (config,))
    layer_descriptor = Descriptor(base.manifest.layer_media_type, layer_digest, len(layer))
    return NewImage(base.manifest.derived(config_descriptor, (layer_descriptor,)), (layer, config))


def publish(image: NewImage, repository: Repository, tag: str) -> int:
    """Push the new blobs, then the manifest under `tag`; return the number of bytes sent."""
    sent = sum(repository.push_blob(content) for content in image.blobs)
    repository.put_manifest(image.manifest.document, image.manifest.media_type, tag)
    return sent + len(image.manifest.document)
