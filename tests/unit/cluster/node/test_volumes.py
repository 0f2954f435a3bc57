"""Volumes are folders of the pod, and never lead out of it."""

from __future__ import annotations

import base64
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, PERSISTENT_VOLUME_CLAIMS, SECRETS, SERVICE_ACCOUNTS, Json
from flowdrill.cluster.node.claim_folders import ClaimFolders
from flowdrill.cluster.node.environment import ConfigError
from flowdrill.cluster.node.volumes import UnsupportedVolumeError, Volumes
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named, put_odd

TOKENS = "var/run/secrets/kubernetes.io/serviceaccount"


@pytest.fixture
def objects() -> Objects:
    found = fresh_objects(Clock())
    found.create(CONFIG_MAPS, named(CONFIG_MAPS, "settings", data={"one": "1", "two": "2"}))
    found.create(SECRETS, named(SECRETS, "hidden", data={"key": base64.b64encode(b"\xff\x00").decode()}))
    found.create(SERVICE_ACCOUNTS, named(SERVICE_ACCOUNTS, "default"))
    return found


@pytest.fixture
def volumes(objects: Objects, tmp_path: Path) -> Volumes:
    claims = ClaimFolders(objects, tmp_path / "claims")
    return Volumes(objects, lambda *of: "token of " + of[1], "authority", claims)


def pod(*sources: Json, token: bool = False) -> Json:
    listed = [{"name": f"v{number}", **source} for number, source in enumerate(sources)]
    containers = [{"name": "main", "resources": {"limits": {"memory": "64Mi"}}}]
    spec = {"volumes": listed, "containers": containers, "automountServiceAccountToken": token}
    return {"metadata": {"name": "web-0", "namespace": "shop", "uid": "u1", "labels": {"app": "web"}}, "spec": spec}


def made(volumes: Volumes, folder: Path, *sources: Json) -> Path:
    return volumes.make(pod(*sources), folder, "127.231.64.1")["v0"]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_every_key_is_a_file_with_the_volumes_mode(volumes: Volumes, tmp_path: Path) -> None:
    place = made(volumes, tmp_path, {"configMap": {"name": "settings", "defaultMode": 0o600}})
    assert {one.name: one.read_text() for one in place.iterdir()} == {"one": "1", "two": "2"}
    assert mode(place / "one") == 0o600
    assert (made(volumes, tmp_path, {"secret": {"secretName": "hidden"}}) / "key").read_bytes() == b"\xff\x00"


def test_items_choose_keys_paths_and_modes(volumes: Volumes, tmp_path: Path) -> None:
    items = [{"key": "one", "path": "deep/first", "mode": 0o500}, {"key": "one", "path": "again"}]
    place = made(volumes, tmp_path, {"configMap": {"name": "settings", "items": items}})
    assert sorted(str(one.relative_to(place)) for one in place.rglob("*")) == ["again", "deep", "deep/first"]
    assert (mode(place / "deep/first"), mode(place / "again")) == (0o500, 0o644)


def test_a_projected_volume_has_one_mode_and_a_token_where_it_is_asked_for(volumes: Volumes, tmp_path: Path) -> None:
    field = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    sources = [
        {"configMap": {"name": "settings"}},
        {"serviceAccountToken": {"path": "tokens/mine"}},
        {"downwardAPI": {"items": [field]}},
    ]
    place = made(volumes, tmp_path, {"projected": {"defaultMode": 0o440, "sources": sources}})
    found = sorted(str(one.relative_to(place)) for one in place.rglob("*") if one.is_file())
    assert found == ["labels", "one", "tokens/mine", "two"]
    assert (place / "tokens/mine").read_text() == "token of default"
    assert (mode(place / "one"), mode(place / "labels")) == (0o440, 0o440)


def test_resources_of_a_container_are_files_too(volumes: Volumes, tmp_path: Path) -> None:
    item = {"path": "memory", "resourceFieldRef": {"containerName": "main", "resource": "limits.memory"}}
    place = made(volumes, tmp_path, {"downwardAPI": {"items": [item]}})
    assert (place / "memory").read_text() == str(64 << 20)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"configMap": {"name": "gone"}}, 'configmap "gone" not found'),
        ({"secret": {"secretName": "gone"}}, 'secret "gone" not found'),
        ({"configMap": {"name": "settings", "items": [{"key": "three", "path": "x"}]}}, "non-existent key: three"),
        ({"configMap": {"name": "settings", "items": [{"key": "one", "path": "../x"}]}}, "leads out of its volume"),
        ({"configMap": {"name": "settings", "items": [{"key": "one", "path": "/x"}]}}, "leads out of its volume"),
    ],
)
def test_what_cannot_be_had_is_named(volumes: Volumes, tmp_path: Path, source: Json, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        made(volumes, tmp_path / "pod", source)
    assert not (tmp_path / "pod/x").exists()


def test_what_is_optional_may_be_missing(volumes: Volumes, tmp_path: Path) -> None:
    place = made(volumes, tmp_path, {"secret": {"secretName": "gone", "optional": True}})
    assert list(place.iterdir()) == []
    items = [{"key": "three", "path": "x"}]
    assert (
        list(made(volumes, tmp_path, {"configMap": {"name": "settings", "items": items, "optional": True}}).iterdir())
        == []
    )


def test_a_volume_that_a_process_cannot_have_is_refused_by_its_kind(volumes: Volumes, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedVolumeError, match="no hostPath volumes"):
        made(volumes, tmp_path, {"hostPath": {"path": "/"}})


def mounted(volumes: Volumes, tmp_path: Path, *mounts: Json, token: bool = False, **known: str) -> Path:
    sources: list[Mapping[str, Any]] = [{"configMap": {"name": "settings"}}, {"emptyDir": {}}]
    made_ones = volumes.make(pod(*sources, token=token), tmp_path / "volumes", "127.231.64.1")
    root = tmp_path / "root"
    (root / "etc/app").mkdir(parents=True)
    (root / "etc/app/of-image").touch()
    volumes.mount({"volumeMounts": list(mounts)}, made_ones, root, known)
    return root


def test_a_mount_hides_what_the_image_has_there(volumes: Volumes, tmp_path: Path) -> None:
    root = mounted(volumes, tmp_path, {"name": "v0", "mountPath": "/etc/app"})
    assert sorted(one.name for one in (root / "etc/app").iterdir()) == ["one", "two"]


def test_a_single_file_is_mounted_beside_the_images(volumes: Volumes, tmp_path: Path) -> None:
    root = mounted(volumes, tmp_path, {"name": "v0", "mountPath": "/etc/app/one", "subPath": "one"})
    assert sorted(one.name for one in (root / "etc/app").iterdir()) == ["of-image", "one"]
    assert (root / "etc/app/one").read_text() == "1"


def test_a_sub_path_may_be_named_by_the_environment(volumes: Volumes, tmp_path: Path) -> None:
    root = mounted(volumes, tmp_path, {"name": "v1", "mountPath": "/data", "subPathExpr": "of/$(NAME)"}, NAME="web-0")
    (root / "data/file").touch()
    assert (tmp_path / "volumes/v1/of/web-0/file").exists()


def test_a_mount_within_a_mount_is_there_in_whatever_order_they_are_listed(volumes: Volumes, tmp_path: Path) -> None:
    inner, outer = {"name": "v0", "mountPath": "/data/settings"}, {"name": "v1", "mountPath": "/data/"}
    root = mounted(volumes, tmp_path, inner, outer)
    assert (root / "data/settings/one").read_text() == "1"


def test_the_token_is_mounted_unless_something_else_is(volumes: Volumes, tmp_path: Path) -> None:
    root = mounted(volumes, tmp_path / "a", token=True)
    assert (root / TOKENS / "token").read_text() == "token of default"
    root = mounted(volumes, tmp_path / "b", {"name": "v0", "mountPath": f"/{TOKENS}/"}, token=True)
    assert sorted(one.name for one in (root / TOKENS).iterdir()) == ["one", "two"]


@pytest.mark.parametrize(
    "mount",
    [
        {"mountPath": "/data", "subPath": "../v1"},
        {"mountPath": "/data", "subPath": "/etc"},
        {"mountPath": "/data", "subPathExpr": "$(UP)/x"},
        {"mountPath": "/"},
        {"mountPath": "/../outside"},
    ],
)
def test_a_mount_never_leads_out(volumes: Volumes, tmp_path: Path, mount: Json) -> None:
    with pytest.raises(ConfigError):
        mounted(volumes, tmp_path, {"name": "v0", **mount}, UP="..")
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("name", ["../x", "", ".", "..", "a/b", "/abs", ".serviceaccount", "UP"])
def test_a_volume_whose_name_leads_elsewhere_is_refused_by_the_node_too(
    volumes: Volumes, tmp_path: Path, name: str
) -> None:
    odd = pod({"emptyDir": {}})
    odd["spec"]["volumes"][0]["name"] = name
    folder = tmp_path / "pods" / "u1"
    folder.mkdir(parents=True)
    with pytest.raises(ConfigError, match="is no name of a folder"):
        volumes.make(odd, folder, "127.231.64.1")
    assert [*tmp_path.rglob("*")] == [tmp_path / "pods", folder]


@pytest.mark.parametrize("uid", ["../x", "..", "", "/abs"])
def test_a_claim_whose_uid_leads_elsewhere_is_refused(objects: Objects, tmp_path: Path, uid: str) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    objects.create(PERSISTENT_VOLUME_CLAIMS, named(PERSISTENT_VOLUME_CLAIMS, "data", spec=spec))
    put_odd(objects, PERSISTENT_VOLUME_CLAIMS, "data", uid=uid)
    bound = objects.get(PERSISTENT_VOLUME_CLAIMS, "shop", "data")
    objects.store.put(PERSISTENT_VOLUME_CLAIMS, {**bound, "status": {"phase": "Bound"}})
    with pytest.raises(ConfigError, match="is no name of a folder"):
        ClaimFolders(objects, tmp_path / "claims").of("shop", "data")
    assert [*tmp_path.iterdir()] == []
