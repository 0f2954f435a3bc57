"""Volumes for claims: most clusters make them, and one that has no provisioner gets them from here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kubernetes.client.exceptions import ApiException

from tests.contract.playground import Playground

Json = dict[str, Any]
CLAIM_SPEC: Json = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "8Mi"}}}
_CLASSES = "/apis/storage.k8s.io/v1/storageclasses"


@contextmanager
def claims(play: Playground, *names: str, make: bool = True) -> Iterator[None]:
    """Claims that can be bound, made unless somebody else will; deleted afterwards, with their volumes. What uses them
    must be gone by then."""
    if not _provisions(play):
        for name in names:
            play.raw("POST", "/api/v1/persistentvolumes", _host_volume(play, name))
    try:
        for name in names if make else ():
            make_claim(play, name)
        yield
    finally:
        for name in names:
            _delete(play, play.core_path("persistentvolumeclaims", name))
        for name in names:
            play.until(lambda name=name: claim(play, name) is None, f"claim {name} is gone")  # type: ignore[misc]
            play.until(lambda name=name: _find(play, _volume_path(play, name)) is None, name)  # type: ignore[misc]


def make_claim(play: Playground, name: str, **spec: Any) -> Json:
    meta = {"name": name, "namespace": play.namespace}
    body = {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": meta, "spec": {**CLAIM_SPEC, **spec}}
    return play.raw("POST", play.core_path("persistentvolumeclaims"), body)


def claim(play: Playground, name: str) -> Json | None:
    return _find(play, play.core_path("persistentvolumeclaims", name))


def is_bound(play: Playground, name: str) -> bool:
    found = claim(play, name)
    return found is not None and found["status"].get("phase") == "Bound"


def _provisions(play: Playground) -> bool:
    """Whether a claim gets a volume by itself; a cluster without PersistentVolumes could not be given one either."""
    if _find(play, "/api/v1/persistentvolumes") is None:
        return True
    classes = (_find(play, _CLASSES) or {}).get("items") or []
    mark = "storageclass.kubernetes.io/is-default-class"
    return any((one["metadata"].get("annotations") or {}).get(mark) == "true" for one in classes)


def _host_volume(play: Playground, name: str) -> Json:
    """For one claim only. Below /tmp, since only there Kubernetes deletes such a volume's folder with it."""
    reference = {"namespace": play.namespace, "name": name}
    called = f"{play.namespace}-{name}"
    spec = {
        "capacity": {"storage": "8Mi"}, "accessModes": ["ReadWriteOnce"], "persistentVolumeReclaimPolicy": "Delete",
        "claimRef": reference, "hostPath": {"path": f"/tmp/{called}", "type": "DirectoryOrCreate"},
    }  # fmt: skip
    return {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": called}, "spec": spec}


def _volume_path(play: Playground, name: str) -> str:
    return f"/api/v1/persistentvolumes/{play.namespace}-{name}"


def _find(play: Playground, path: str) -> Json | None:
    try:
        return play.raw("GET", path)
    except ApiException as error:
        if error.status != 404:
            raise
    return None


def _delete(play: Playground, path: str) -> None:
    try:
        play.raw("DELETE", path)
    except ApiException as error:
        if error.status != 404:
            raise
