"""Where a cluster keeps everything: one folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The paths within. Only its owner can read it."""

    path: Path

    @property
    def database(self) -> Path:
        """The API's objects."""
        return self.path / "objects.sqlite"

    @property
    def kubeconfig(self) -> Path:
        """How to reach the cluster, as its administrator."""
        return self.path / "kubeconfig"

    @property
    def registry(self) -> Path:
        """The registry's blobs and manifests."""
        return self.path / "registry"

    @property
    def images(self) -> Path:
        """The node's unpacked images."""
        return self.path / "images"

    @property
    def pods(self) -> Path:
        """A folder for each pod: its containers' files, volumes and logs."""
        return self.path / "pods"

    @property
    def log(self) -> Path:
        """What the cluster's own process has to say."""
        return self.path / "cluster.log"
