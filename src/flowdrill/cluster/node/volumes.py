"""Volumes as folders: made once a pod, copied or linked to where each container mounts them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import SERVICE_ACCOUNTS, Json
from flowdrill.cluster.node.environment import ConfigError, field_value, reference_content, resource_value

_TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
Issue = Callable[[str, str, str], str]  # namespace, account, uid -> token


class UnsupportedVolumeError(Exception):
    """A volume that a plain process cannot have."""


class Volumes:
    """Makes the volumes of pods."""

    def __init__(self, objects: Objects, issue: Issue, authority: str) -> None:
        self._objects, self._issue, self._authority = objects, issue, authority

    def make(self, pod: Json, folder: Path, pod_ip: str) -> Mapping[str, Path]:
        """Make every volume of a pod below a folder; return where each is. ConfigError for what is not there,
        UnsupportedVolumeError."""
        made = {}
        for volume in pod["spec"].get("volumes") or ():
            place = made[volume["name"]] = folder / volume["name"]
            place.mkdir(parents=True, exist_ok=True)
            self._fill(pod, volume, place, pod_ip)
        if pod["spec"].get("automountServiceAccountToken", True):
            place = made[""] = folder / ".serviceaccount"
            place.mkdir(parents=True, exist_ok=True)
            self._fill_token(pod, place)
        return made

    def mount(self, container: Json, volumes: Mapping[str, Path], root: Path) -> None:
        """Put volumes where a container mounts them, as links into the pod's folder."""
        mounts = [(one["name"], one["mountPath"], one.get("subPath")) for one in container.get("volumeMounts") or ()]
        if "" in volumes:
            mounts.append(("", _TOKENS, None))
        for name, path, below in mounts:
            source = volumes[name] / below if below else volumes[name]
            if below and not os.path.normpath(source).startswith(f"{volumes[name]}{os.sep}"):
                raise ConfigError(f"subPath {below} leads out of the volume {name}")
            target = Path(os.path.normpath(root / path.lstrip("/")))
            if not target.is_relative_to(root) or target == root:
                raise ConfigError(f"mountPath {path} is no place to mount at")
            if not os.path.lexists(source):
                source.mkdir(parents=True)
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir() and not target.is_symlink():
                shutil.rmtree(target)
            elif os.path.lexists(target):
                target.unlink()
            target.symlink_to(source)

    def _fill(self, pod: Json, volume: Json, place: Path, pod_ip: str) -> None:
        if "configMap" in volume:
            self._write(pod, "ConfigMap", volume["configMap"].get("name"), volume["configMap"], place)
        elif "secret" in volume:
            self._write(pod, "Secret", volume["secret"].get("secretName"), volume["secret"], place)
        elif "downwardAPI" in volume:
            self._write_fields(pod, volume["downwardAPI"], place, pod_ip)
        elif isinstance(volume.get("projected"), dict):
            self._fill_projected(pod, volume["projected"], place, pod_ip)
        elif "emptyDir" not in volume:
            kind = next((one for one in volume if one != "name"), "none")
            raise UnsupportedVolumeError(f'volume "{volume["name"]}": the embedded cluster has no {kind} volumes')

    def _fill_projected(self, pod: Json, projected: Json, place: Path, pod_ip: str) -> None:
        for source in projected.get("sources") or ():
            if "serviceAccountToken" in source:
                self._fill_token(pod, place)
            for part, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if part in source:
                    self._write(pod, kind, source[part].get("name"), source[part], place)
            if "downwardAPI" in source:
                self._write_fields(pod, source["downwardAPI"], place, pod_ip)

    def _write(self, pod: Json, kind: str, name: str | None, source: Json, place: Path) -> None:
        content = reference_content(self._objects, kind, pod["metadata"]["namespace"], str(name))
        if content is None:
            if source.get("optional"):
                return
            raise ConfigError(f'{kind.lower()} "{name}" not found')
        items = source.get("items")
        chosen = {one["path"]: one["key"] for one in items} if items else {key: key for key in content}
        for path, key in chosen.items():
            if key in content:
                _put(place, path, content[key], source.get("defaultMode", 0o644))
            elif not source.get("optional"):
                raise ConfigError(f"{kind.lower()} references non-existent key: {key}")

    def _write_fields(self, pod: Json, source: Json, place: Path, pod_ip: str) -> None:
        for one in source.get("items") or ():
            if one.get("fieldRef"):
                text = field_value(pod, str(one["fieldRef"].get("fieldPath")), pod_ip)
            else:
                reference = one.get("resourceFieldRef") or {}
                containers = pod["spec"]["containers"]
                chosen = next((c for c in containers if c["name"] == reference.get("containerName")), containers[0])
                text = resource_value(chosen, reference)
            _put(place, one["path"], text.encode(), source.get("defaultMode", 0o644))

    def _fill_token(self, pod: Json, place: Path) -> None:
        namespace = pod["metadata"]["namespace"]
        account = self._objects.find(SERVICE_ACCOUNTS, namespace, pod["spec"].get("serviceAccountName", "default"))
        if account is None or account.get("automountServiceAccountToken") is False:
            return
        token = self._issue(namespace, account["metadata"]["name"], account["metadata"]["uid"])
        for name, text in (("token", token), ("namespace", namespace), ("ca.crt", self._authority)):
            _put(place, name, text.encode(), 0o600)


def _put(place: Path, path: str, content: bytes, mode: int) -> None:
    target = Path(os.path.normpath(place / path))
    if not target.is_relative_to(place) or target == place:
        raise ConfigError(f"the path {path} leads out of its volume")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(content)
    target.chmod(mode & 0o777 | 0o400)
