"""The volumes of PersistentVolumeClaims: a folder for each, which outlives pods and the cluster's restarts."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import PERSISTENT_VOLUME_CLAIMS
from flowdrill.cluster.node.environment import ConfigError


class ClaimFolders:
    """Folders below one folder, each named by the uid of its claim: another claim of the same name begins empty."""

    def __init__(self, objects: Objects, folder: Path) -> None:
        self._objects, self._folder = objects, folder

    def of(self, namespace: str, name: str) -> Path:
        """Return a claim's folder, made when it is new; ConfigError for a claim that is not there or not bound."""
        claim = self._objects.find(PERSISTENT_VOLUME_CLAIMS, namespace, name)
        if claim is None:
            raise ConfigError(f'persistentvolumeclaim "{name}" not found')
        if (claim.get("status") or {}).get("phase") != "Bound":
            raise ConfigError(f'persistentvolumeclaim "{name}" is not bound')
        if claim["spec"].get("volumeMode") == "Block":
            raise ConfigError(f'persistentvolumeclaim "{name}": the embedded cluster has no block devices')
        place = self._folder / str(claim["metadata"]["uid"])
        if place.parent != self._folder or place.name in ("", ".", ".."):
            raise ConfigError(f'persistentvolumeclaim "{name}": its uid is no name of a folder')
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return place

    def holds(self, path: Path) -> bool:
        """Return whether a path is, or leads, into one of the folders."""
        return path.resolve().is_relative_to(self._folder.resolve())

    def forsaken(self, used: Iterable[Path]) -> list[Path]:
        """Return the folders whose claims are gone, but for those that are still used."""
        if not self._folder.is_dir():
            return []
        claims = self._objects.select(PERSISTENT_VOLUME_CLAIMS)
        kept = {str(claim["metadata"]["uid"]) for claim in claims} | {path.name for path in used if self.holds(path)}
        return [folder for folder in self._folder.iterdir() if folder.name not in kept]
