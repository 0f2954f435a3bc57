"""Image manifests and indexes, of the OCI image specification and of Docker's schema 2, which name the same things."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass

from flowdrill.errors import PlanError, RegistryError
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.digest import digest_of, is_digest

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX)
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
_MOST_ENTRIES = 1000
_WORD = re.compile(r"[\w.-]{1,60}", re.ASCII)
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}


@dataclass(frozen=True, slots=True)
class Descriptor:
    """A blob or manifest by digest and size."""

    media_type: str
    digest: str
    size: int

    @property
    def in_registry(self) -> bool:
        """Foreign (non-distributable) layers lie somewhere else by design."""
        return "foreign" not in self.media_type and "nondistributable" not in self.media_type


@dataclass(frozen=True, slots=True)
class Manifest:
    """One platform's image."""

    document: bytes  # as received: its digest is the image's
    media_type: str
    digest: str
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The configuration and the layers."""
        return (self.config, *self.layers)

    @property
    def layer_media_type(self) -> str:
        """The media type of a plain tar layer in an image of this kind."""
        return DOCKER_LAYER if self.media_type == DOCKER_MANIFEST else OCI_LAYER

    def derived(self, config: Descriptor, new_layers: tuple[Descriptor, ...]) -> Manifest:
        """Return this manifest with another configuration and more layers on top; unknown fields are kept."""
        document = json.loads(self.document)
        document.pop("subject", None)  # it says what the stable image refers to; the derived one refers to nothing
        document["config"] = {**document["config"], "digest": config.digest, "size": config.size}
        document["layers"] = [
            *document["layers"],
            *({"mediaType": new.media_type, "digest": new.digest, "size": new.size} for new in new_layers),
        ]
        text = json.dumps(document, separators=(",", ":")).encode()
        return Manifest(text, self.media_type, digest_of(text), config, (*self.layers, *new_layers))


@dataclass(frozen=True, slots=True)
class PlatformManifest:
    """An index's pointer to one platform's manifest."""

    platform: str  # os/architecture[/variant]
    manifest: Descriptor


@dataclass(frozen=True, slots=True)
class Index:
    """An image for several platforms."""

    document: bytes
    media_type: str
    digest: str
    platforms: tuple[PlatformManifest, ...]


def parse_manifest(document: bytes, content_type: str, digest: str, where: str) -> Manifest | Index:
    """Return the parsed manifest or index; RegistryError naming `where` when it is none that can be used."""
    try:
        fields = parsed_json(document)
        media_type = str(fields.get("mediaType") or content_type.partition(";")[0].strip())
        if media_type in (OCI_INDEX, DOCKER_INDEX):
            platforms = tuple(_platform(entry) for entry in _entries(fields["manifests"]))
            # build attestations are listed as os "unknown"; they are no images
            return Index(document, media_type, digest, tuple(p for p in platforms if "unknown" not in p.platform))
        if media_type in (OCI_MANIFEST, DOCKER_MANIFEST):
            layers = tuple(_descriptor(entry) for entry in _entries(fields["layers"]))
            return Manifest(document, media_type, digest, _descriptor(fields["config"]), layers)
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise RegistryError(f"{where}: its manifest is damaged: {error}", "Push the image again.") from error
    raise RegistryError(
        f"{where}: manifest of type {media_type!r}, which flowdrill cannot read",
        "Push the image again as an OCI or Docker schema 2 image, as every current builder does.",
    )


def choose_platform(index: Index, wanted: str | None, where: str) -> Descriptor:
    """Return the manifest for `wanted` (`linux/arm64`); with None for this machine's architecture, else linux/amd64,
    else the only one. PlanError naming the platforms when there is no choice."""
    machine = platform.machine()
    preferred = (wanted,) if wanted else (f"linux/{_ARCHITECTURES.get(machine, machine)}", "linux/amd64")
    for name in preferred:
        for entry in index.platforms:
            if entry.platform == name or entry.platform.startswith(f"{name}/"):
                return entry.manifest
    if wanted is None and len(index.platforms) == 1:
        return index.platforms[0].manifest
    have = ", ".join(entry.platform for entry in index.platforms) or "none"
    raise PlanError(
        f"{where}: has no image for {' or '.join(preferred)}; it has: {have}",
        "Name one of them: `registry.platform` in the drill, --platform on the command line.",
    )


def _entries(value: object) -> list[Mapping[str, object]]:
    if not isinstance(value, list) or len(value) > _MOST_ENTRIES:
        raise TypeError("layers or manifests are not a list of a sensible length")
    return value


def _descriptor(entry: object) -> Descriptor:
    if not isinstance(entry, dict):
        raise TypeError("a descriptor is not an object")
    digest, size = entry["digest"], entry["size"]
    if not is_digest(digest):
        raise ValueError(f"{str(digest)[:100]!r} is no digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise ValueError(f"{str(size)[:100]!r} is no size")
    return Descriptor(str(entry["mediaType"]), digest, size)


def _platform(entry: Mapping[str, object]) -> PlatformManifest:
    described = entry.get("platform")
    fields = described if isinstance(described, dict) else {}
    return PlatformManifest(platform_of(fields), _descriptor(entry))


def platform_of(fields: Mapping[str, object]) -> str:
    """Return os/architecture[/variant] as an index or a configuration has them; `unknown` for what is no such word."""
    parts = [fields.get(name) or "" for name in ("os", "architecture", "variant")]
    words = [part if isinstance(part, str) and _WORD.fullmatch(part) else "unknown" for part in parts if part != ""]
    return "/".join((*words, *("unknown",) * (2 - len(words))))
