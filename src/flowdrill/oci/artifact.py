"""Artifacts of the OCI image specification 1.1: files beside an image, which they name as their subject."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowdrill.oci.digest import digest_of, hash_for
from flowdrill.oci.manifests import OCI_MANIFEST, Descriptor

EMPTY = b"{}"
EMPTY_TYPE = "application/vnd.oci.empty.v1+json"
TITLE = "org.opencontainers.image.title"  # a file's name, for whoever pulls it
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A file on this machine that becomes a layer."""

    path: Path
    title: str
    media_type: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """A manifest, and the files that it names."""

    document: bytes
    files: tuple[tuple[ArtifactFile, Descriptor], ...]
    artifact_type: str
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The manifest's."""
        return digest_of(self.document)

    @property
    def descriptor(self) -> dict[str, Any]:
        """What a list of referrers says of it."""
        return {
            "mediaType": OCI_MANIFEST,
            "digest": self.digest,
            "size": len(self.document),
            "artifactType": self.artifact_type,
            "annotations": dict(self.annotations),
        }


def artifact_of(
    files: tuple[ArtifactFile, ...], artifact_type: str, subject: Descriptor, annotations: Mapping[str, str]
) -> Artifact:
    """Return the artifact: the same bytes for the same files, annotations and subject. OSError when a file cannot be
    read."""
    described = tuple((one, _described(one)) for one in files)
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": EMPTY_TYPE, "digest": digest_of(EMPTY), "size": len(EMPTY)},
        "layers": [{**_as_json(found), "annotations": {TITLE: one.title}} for one, found in described],
        "subject": _as_json(subject),
        "annotations": dict(sorted(annotations.items())),
    }
    text = json.dumps(document, separators=(",", ":")).encode()
    return Artifact(text, described, artifact_type, dict(sorted(annotations.items())))


def _described(file: ArtifactFile) -> Descriptor:
    found, size = hash_for("sha256:"), 0
    with file.path.open("rb") as source:
        while chunk := source.read(_CHUNK_BYTES):
            found.update(chunk)
            size += len(chunk)
    return Descriptor(file.media_type, f"sha256:{found.hexdigest()}", size)


def _as_json(one: Descriptor) -> dict[str, Any]:
    return {"mediaType": one.media_type, "digest": one.digest, "size": one.size}
