"""Small images for the tests, put straight into the loopback registry."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Mapping
from typing import Any

from flowdrill.model.image_reference import ImageReference
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from tests.unit.oci.loopback_registry import LoopbackRegistry

FLOW = json.dumps(
    {
        "name": "greeting",
        "data": {
            "nodes": [
                {"id": "In-1", "data": {"id": "In-1", "type": "ChatInput", "node": {"template": {}}}},
                {"id": "Out-1", "data": {"id": "Out-1", "type": "ChatOutput", "node": {"template": {}}}},
            ],
            "edges": [{"id": "e", "source": "In-1", "target": "Out-1"}],
        },
    }
).encode()
FOLDER = b"<folder>"


def tar_of(files: Mapping[str, bytes | tuple[str, str]]) -> bytes:
    """A layer as other builders make it: a content, FOLDER, or ("link", target)."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, what in files.items():
            member, content = tarfile.TarInfo(name), b""
            if isinstance(what, tuple):
                member.type, member.linkname = tarfile.SYMTYPE, what[1]
            elif what == FOLDER:
                member.type = tarfile.DIRTYPE
            else:
                content = what
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def push_image(
    registry: LoopbackRegistry,
    *layers: Mapping[str, bytes | tuple[str, str]] | bytes,
    config: Mapping[str, Any] | None = None,
    repository: str = "app",
    tag: str = "1",
    docker: bool = False,
) -> ImageReference:
    """Put an image of these layers, the lowest first; bytes are a layer's blob as it is. Returns it by digest."""
    blobs = [layer if isinstance(layer, bytes) else gzip.compress(tar_of(layer), mtime=0) for layer in layers]
    document = {
        "created": "2026-01-02T03:04:05Z",
        "architecture": "amd64",
        "os": "linux",
        "config": dict(config or {}),
        "rootfs": {"type": "layers", "diff_ids": [digest_of(blob) for blob in blobs]},
        "history": [{"created_by": f"layer {number}"} for number, _ in enumerate(blobs)],
        "x-of-the-builder": {"kept": True},
    }
    config_blob = json.dumps(document).encode()
    kind = "vnd.docker.image.rootfs.diff.tar.gzip" if docker else "vnd.oci.image.layer.v1.tar+gzip"
    manifest = {
        "schemaVersion": 2,
        "mediaType": DOCKER_MANIFEST if docker else OCI_MANIFEST,
        "config": _descriptor(registry, repository, "vnd.oci.image.config.v1+json", config_blob),
        "layers": [_descriptor(registry, repository, kind, blob) for blob in blobs],
        "annotations": {"by": "test"},
    }
    digest = registry.put_manifest(repository, str(manifest["mediaType"]), json.dumps(manifest).encode(), tag)
    return ImageReference(registry.address, repository, None, digest)


def push_index(
    registry: LoopbackRegistry, *layers: Mapping[str, bytes], config: Mapping[str, Any] | None = None
) -> ImageReference:
    """Put an image for linux/amd64 and linux/arm64, each tagged with its architecture. Returns the index by digest."""
    entries = []
    for architecture in ("amd64", "arm64"):
        pushed = push_image(registry, {"arch": architecture.encode()}, *layers, config=config, tag=architecture)
        media_type, document = registry.manifests["app", architecture]
        platform = {"os": "linux", "architecture": architecture}
        entries.append({"mediaType": media_type, "digest": pushed.digest, "size": len(document), "platform": platform})
    document = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
    return ImageReference(registry.address, "app", None, registry.put_manifest("app", OCI_INDEX, document, "multi"))


def _descriptor(registry: LoopbackRegistry, repository: str, kind: str, blob: bytes) -> dict[str, object]:
    return {
        "mediaType": f"application/{kind}",
        "digest": registry.put_blob(repository, blob),
        "size": len(blob),
    }
