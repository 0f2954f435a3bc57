"""An image that does nothing, for registries that have none."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import urllib.request

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def push_pause_image(registry: str) -> None:
    """Push `pause:lab`: a process that only waits, as the program of the same name."""
    layer = io.BytesIO()
    with tarfile.open(fileobj=layer, mode="w") as tar:
        tar.addfile(tarfile.TarInfo("pause.txt"))
    config = {
        "architecture": "amd64",
        "os": "linux",
        "config": {"Entrypoint": ["sleep", "86400"]},
        "rootfs": {"type": "layers", "diff_ids": [_digest(layer.getvalue())]},
    }
    blobs = [layer.getvalue(), json.dumps(config).encode()]
    described = [{"digest": _digest(blob), "size": len(blob)} for blob in blobs]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **described[1]},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", **described[0]}],
    }
    for blob in blobs:
        url = f"http://{registry}/v2/pause/blobs/uploads/?digest={_digest(blob)}"
        _send(url, "POST", blob, "application/octet-stream")
    _send(f"http://{registry}/v2/pause/manifests/lab", "PUT", json.dumps(manifest).encode(), _MANIFEST)


def _send(url: str, method: str, body: bytes, media_type: str) -> None:
    request = urllib.request.Request(url, body, {"Content-Type": media_type}, method=method)
    with urllib.request.urlopen(request, timeout=20):
        pass


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
