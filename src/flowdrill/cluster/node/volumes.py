"""Volumes as folders: made once a pod, copied or linked to where each container mounts them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

from flowdrill.cluster.api.metadata_rules import DNS_LABEL
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import SERVICE_ACCOUNTS, Json
from flowdrill.cluster.node.claim_folders import ClaimFolders
from flowdrill.cluster.node.environment import (
    ConfigError,
    expanded,
    field_value,
    reference_content,
    resource_value,
)

_MODE = 0o644
_TOKENS = "/var/run/secrets/kubernetes.io/serviceaccount"
Issue = Callable[[str, str, str], str]  # namespace, account, uid -> token


class UnsupportedVolumeError(Exception):
    """A volume that a plain process cannot have."""


class Volumes:
    """Makes the volumes of pods."""

    def __init__(self, objects: Objects, issue: Issue, authority: str, claims: ClaimFolders) -> None:
        self._objects, self._issue, self._authority, self.claims = objects, issue, authority, claims

    def make(self, pod: Json, folder: Path, pod_ip: str) -> Mapping[str, Path]:
        """Make every volume of a pod below a folder; return where each is. ConfigError for what is not there,
        UnsupportedVolumeError."""
        made = {}
        for volume in pod["spec"].get("volumes") or ():
            if volume.get("persistentVolumeClaim"):
                name = str(volume["persistentVolumeClaim"].get("claimName"))
                made[volume["name"]] = self.claims.of(pod["metadata"]["namespace"], name)
                continue
            place = made[volume["name"]] = _place(folder, str(volume["name"]))
            place.mkdir(parents=True, exist_ok=True)
            self._fill(pod, volume, place, pod_ip)
        if pod["spec"].get("automountServiceAccountToken", True):
            place = made[""] = folder / ".serviceaccount"
            place.mkdir(parents=True, exist_ok=True)
            self._fill_token(pod, place)
        return made

    def mount(self, container: Json, volumes: Mapping[str, Path], root: Path, known: Mapping[str, str]) -> None:
        """Put volumes where a container mounts them, as links into the pod's folder; `known` is its environment.
        ConfigError for what is no place."""
        mounts = [
            (one["name"], one["mountPath"], one.get("subPath") or expanded(one.get("subPathExpr") or "", known))
            for one in container.get("volumeMounts") or ()
        ]
        if "" in volumes and not any(os.path.normpath(path) == _TOKENS for _, path, _ in mounts):
            mounts.append(("", _TOKENS, ""))
        mounts.sort(key=lambda mount: os.path.normpath(mount[1]).count("/"))  # what holds others comes before them
        for name, path, below in mounts:
            source = volumes[name] / below if below else volumes[name]
            if below and not os.path.normpath(source).startswith(f"{volumes[name]}{os.sep}"):
                raise ConfigError(f"subPath {below} leads out of the volume {name}")
            target = Path(os.path.normpath(root / path.lstrip("/")))
            if not target.is_relative_to(root) or target == root:
                raise ConfigError(f"mountPath {path} is no place to mount at")
            if self.claims.holds(target.parent):  # a link there would be one for all pods, and stay
                raise ConfigError(f"mountPath {path} is in a persistent volume, where nothing can be mounted")
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
        mode = {"defaultMode": projected.get("defaultMode", _MODE)}  # a source has none of its own
        for source in projected.get("sources") or ():
            if "serviceAccountToken" in source:
                token = self._token(pod)
                if token is None:
                    raise ConfigError(f'serviceaccount "{_account_of(pod)}" not found')
                _put(place, str(source["serviceAccountToken"].get("path")), token.encode(), 0o600)
            for part, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
                if part in source:
                    self._write(pod, kind, source[part].get("name"), {**source[part], **mode}, place)
            if "downwardAPI" in source:
                self._write_fields(pod, {**source["downwardAPI"], **mode}, place, pod_ip)

    def _write(self, pod: Json, kind: str, name: str | None, source: Json, place: Path) -> None:
        content = reference_content(self._objects, kind, pod["metadata"]["namespace"], str(name))
        if content is None:
            if source.get("optional"):
                return
            raise ConfigError(f'{kind.lower()} "{name}" not found')
        for one in source.get("items") or [{"key": key, "path": key} for key in content]:
            if one["key"] in content:
                _put(place, one["path"], content[one["key"]], _mode_of(one, source))
            elif not source.get("optional"):
                raise ConfigError(f"{kind.lower()} references non-existent key: {one['key']}")

    def _write_fields(self, pod: Json, source: Json, place: Path, pod_ip: str) -> None:
        for one in source.get("items") or ():
            if one.get("fieldRef"):
                text = field_value(pod, str(one["fieldRef"].get("fieldPath")), pod_ip)
            else:
                reference = one.get("resourceFieldRef") or {}
                containers = pod["spec"]["containers"]
                chosen = next((c for c in containers if c["name"] == reference.get("containerName")), containers[0])
                text = resource_value(chosen, reference)
            _put(place, one["path"], text.encode(), _mode_of(one, source))

    def _fill_token(self, pod: Json, place: Path) -> None:
        namespace = pod["metadata"]["namespace"]
        account = self._objects.find(SERVICE_ACCOUNTS, namespace, _account_of(pod))
        token = self._token(pod)
        if account is None or token is None or account.get("automountServiceAccountToken") is False:
            return
        for name, text in (("token", token), ("namespace", namespace), ("ca.crt", self._authority)):
            _put(place, name, text.encode(), 0o600)

    def _token(self, pod: Json) -> str | None:
        namespace = pod["metadata"]["namespace"]
        account = self._objects.find(SERVICE_ACCOUNTS, namespace, _account_of(pod))
        if account is None:
            return None
        return self._issue(namespace, account["metadata"]["name"], account["metadata"]["uid"])


def _place(folder: Path, name: str) -> Path:
    """A volume's folder in its pod's. The API refuses names that are no DNS labels; what came in nevertheless, from an
    older or a damaged file, must not lead out of the pod's folder."""
    if not DNS_LABEL.fullmatch(name):
        raise ConfigError(f"the volume name {name!r:.80} is no name of a folder")
    return folder / name


def _account_of(pod: Json) -> str:
    return str(pod["spec"].get("serviceAccountName") or "default")


def _mode_of(item: Json, source: Json) -> int:
    mode = item.get("mode")
    return int(source.get("defaultMode", _MODE) if mode is None else mode)


def _put(place: Path, path: str, content: bytes, mode: int) -> None:
    target = Path(os.path.normpath(place / path))
    if not target.is_relative_to(place) or target == place:
        raise ConfigError(f"the path {path} leads out of its volume")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.write_bytes(content)
    target.chmod(mode & 0o777 | 0o400)
