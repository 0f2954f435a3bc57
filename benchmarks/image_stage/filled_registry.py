"""Debian's docker-registry on loopback, over TLS, with many small images that are written into its storage directly."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from proof.processes import free_ports

from flowdrill.cluster.certificates import make_certificates
from image_stage.server import served

PROGRAM = "docker-registry"
_OCI = "application/vnd.oci.image"


def fill(storage: Path, images: int, repositories: int) -> list[tuple[str, str]]:
    """Write the images into the registry's storage; return each one's repository and digest."""
    root = storage / "docker/registry/v2"
    layer = b"\0" * 1024
    made = []
    for number in range(images):
        repository = f"team/app-{number % repositories}"
        config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": []}, "n": number}).encode()
        blobs = [_blob(root, content) for content in (config, layer)]
        manifest = {
            "schemaVersion": 2,
            "mediaType": f"{_OCI}.manifest.v1+json",
            "config": {"mediaType": f"{_OCI}.config.v1+json", "digest": blobs[0], "size": len(config)},
            "layers": [{"mediaType": f"{_OCI}.layer.v1.tar", "digest": blobs[1], "size": len(layer)}],
        }
        digest = _blob(root, json.dumps(manifest).encode())
        links = [("_layers", blob) for blob in blobs] + [("_manifests/revisions", digest)]
        for folder, linked in links:
            place = root / "repositories" / repository / folder / "sha256" / linked.partition(":")[2]
            place.mkdir(parents=True, exist_ok=True)
            (place / "link").write_text(linked)
        made.append((repository, digest))
    return made


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Serve `folder/storage` until the block ends, set up as Debian's package does; yields its address. The authority
    of its certificate is `folder/ca.crt`."""
    make_certificates(folder)
    (port,) = free_ports(1)
    tls = {"certificate": str(folder / "server.crt"), "key": str(folder / "server.key")}
    config = {
        "version": "0.1",
        "log": {"level": "error", "accesslog": {"disabled": True}},
        "storage": {"cache": {"blobdescriptor": "inmemory"}, "filesystem": {"rootdirectory": str(folder / "storage")}},
        "http": {"addr": f"127.0.0.1:{port}", "tls": tls},
    }
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with served([PROGRAM, "serve", str(folder / "config.yml")], port) as address:
        yield address


def _blob(root: Path, content: bytes) -> str:
    name = hashlib.sha256(content).hexdigest()
    place = root / "blobs/sha256" / name[:2] / name
    place.mkdir(parents=True, exist_ok=True)
    (place / "data").write_bytes(content)
    return f"sha256:{name}"
