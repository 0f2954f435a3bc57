"""The image that stands for this machine's own LangFlow runtime, and where that runtime is."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path

from flowdrill.errors import PlanError
from flowdrill.model.langflow_version import LANGFLOW_VERSION_LABEL
from flowdrill.oci.client import open_registry
from flowdrill.oci.layer import make_layer
from flowdrill.oci.repository import Repository

RUNTIME_LABEL = "dev.flowdrill.host-runtime"
_REPOSITORY = "langflow-base"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar"
_README = b"This image holds no program: it stands for the LangFlow runtime of the machine it runs on.\n"
_PACKAGES = ("lfx", "langflow", "langflow-base")


@dataclass(frozen=True, slots=True)
class Runtime:
    """A LangFlow runtime on this machine."""

    bin_folder: Path
    version: str


def find_runtime(environ: Mapping[str, str], near: Path, wanted: Path | None = None) -> Runtime | None:
    """Return the runtime in `wanted` (a bin folder), else beside $FLOWDRILL_LFX_PYTHON, else of `lfx` on the PATH, else
    in `.venv-lfx` under `near`; None when there is none. PlanError when a folder that was named has none."""
    named = environ.get("FLOWDRILL_LFX_PYTHON")
    if wanted is not None or named:
        folder = (wanted or Path(str(named)).parent).absolute()
        version = _version(folder)
        if version is None:
            option = "--runtime" if wanted is not None else "FLOWDRILL_LFX_PYTHON"
            raise PlanError(
                f"{option}: there is no lfx in {folder}",
                "install it: `uv venv .venv-lfx && uv pip install --python .venv-lfx lfx`, then name .venv-lfx/bin",
            )
        return Runtime(folder, version)
    on_path = shutil.which("lfx", path=environ.get("PATH", os.defpath))
    candidates = [Path(on_path).parent] if on_path else []
    for folder in (*candidates, near / ".venv-lfx" / "bin"):
        version = _version(folder.absolute())
        if version is not None:
            return Runtime(folder.absolute(), version)
    return None


def push_base_image(registry: str, version: str) -> str:
    """Push `langflow-base:VERSION`, the same bytes on every machine; return its reference. RegistryError."""
    layer = make_layer({"/app/flows/README": _README})
    config = json.dumps(
        {
            "architecture": "amd64", "os": "linux", "created": "1970-01-01T00:00:00Z",
            "config": {
                "WorkingDir": "/app", "Cmd": ["lfx"],
                "Labels": {RUNTIME_LABEL: f"lfx {version}", LANGFLOW_VERSION_LABEL: f"lfx {version}"},
            },
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "flowdrill cluster up"}],
        }
    ).encode()  # fmt: skip
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
        "layers": [{"mediaType": _LAYER, "digest": _digest(layer), "size": len(layer)}],
    }
    with closing(open_registry(registry)) as client:
        repository = Repository(client, _REPOSITORY)
        for blob in (layer, config):
            repository.push_blob(blob)
        repository.put_manifest(json.dumps(manifest).encode(), _MANIFEST, version)
    return f"{registry}/{_REPOSITORY}:{version}"


def _version(folder: Path) -> str | None:
    """The runtime's version, from its installed metadata: starting it would take seconds."""
    if not any((folder / name).exists() for name in ("lfx", "langflow")):
        return None
    packages = [str(one) for one in folder.parent.glob("lib*/python3*/site-packages")]
    found = {one.metadata["Name"].lower(): one.version for one in distributions(path=packages) if one.metadata["Name"]}
    return next((found[name] for name in _PACKAGES if name in found), None)


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
