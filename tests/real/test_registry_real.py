"""The image edge against a real registry: Debian's docker-registry, and the lab's with its large base image."""

from __future__ import annotations

import gzip
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flowdrill.edges.planfiles.reading import ScenarioFolder, find_scenario
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.registry.langflow_version import VersionFinder
from flowdrill.errors import ImageMissingError, RegistryError
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.langflow_version import FoundVersion, Product, VersionSource
from flowdrill.oci.client import RegistryClient, open_registry
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import OCI_MANIFEST, Index
from flowdrill.oci.repository import Repository
from tests.real.registry_server import PROGRAM, registry_is_installed, registry_server
from tests.unit.oci.image_building import tar_of
from tests.unit.oci.pushed_runs import pushes_and_lists

pytestmark = pytest.mark.registry
FLOW = (Path(__file__).parents[2] / "scenarios" / "flows" / "greeting.json").read_bytes()
HTPASSWD = "drill:$2y$05$abcdefghijklmnopqrstuuGzk/I7s4H/S45FbBmhmZKxv0zCqxwIW\n"
PASSWORD = "drill-password"


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    if not registry_is_installed():
        pytest.skip(f"no {PROGRAM} program on PATH")
    return tmp_path


@pytest.fixture
def repository(registry_address: str) -> Iterator[Repository]:
    client = open_registry(registry_address)
    yield Repository(client, f"team/{secrets.token_hex(4)}")
    client.close()


def _images(scenario: ScenarioFolder | None = None, docker_config: str = "/nonexistent") -> ImageRegistry:
    def connect(host: str) -> RegistryClient:
        return open_registry(host, plain_http=True, environ={"DOCKER_CONFIG": docker_config})

    patient = VersionFinder(limit_seconds=120.0)  # on a busy machine, too
    return ImageRegistry(connect, scenario.read_source if scenario else {}.__getitem__, versions=patient)


def _push_base(repository: Repository, tag: str = "base") -> ImageReference:
    """A runtime image of one small layer, pushed through the client under test."""
    layer = gzip.compress(tar_of({"usr/bin/lfx": b"#!/bin/sh\n"}), mtime=0)
    config = json.dumps({"os": "linux", "architecture": "amd64", "rootfs": {"diff_ids": [digest_of(layer)]}}).encode()
    for blob in (layer, config):
        assert repository.push_blob(blob) == len(blob)
        assert repository.push_blob(blob) == 0
    described = [{"digest": digest_of(blob), "size": len(blob)} for blob in (config, layer)]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **described[0]},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **described[1]}],
    }
    repository.put_manifest(json.dumps(document).encode(), OCI_MANIFEST, tag)
    return ImageReference(repository.client.host, repository.name, tag, None)


def _stable(repository: Repository) -> ImageReference:
    base = _push_base(repository)
    made = _images().make_flow_image(FLOW, "greeting.json", base, replace(base, tag="1.0.0"))
    return made.reference


def test_a_broken_image_comes_and_goes_and_leaves_nothing(repository: Repository) -> None:
    stable = _stable(repository)
    scenario = find_scenario("edge-missing")
    images = _images(scenario)
    prepared = images.prepare_broken(stable, scenario.scenario, "run-1")
    assert repository.tags() == ("1.0.0", "base")
    images.push(prepared)
    broken = prepared.image
    assert images.retained(broken.reference).reference.digest == broken.reference.digest
    assert repository.tags() == ("1.0.0", "base", broken.reference.tag)
    assert images.delete(broken) == ()
    assert repository.tags() == ("1.0.0", "base")
    assert not repository.has_manifest(str(broken.reference.digest))
    assert [repository.blob_size(blob) for blob in broken.blobs] == [None, None]
    assert images.retained(stable).reference.digest == stable.digest
    assert images.delete(broken) == ()
    images.close()


def test_the_base_is_mounted_from_another_repository(repository: Repository) -> None:
    base = _push_base(repository)
    target = Repository(repository.client, f"{repository.name}-flows")
    made = _images().make_flow_image(FLOW, "greeting.json", base, replace(base, repository=target.name, tag="1"))
    found = target.manifest("1")
    assert not isinstance(found, Index)
    assert made.pushed_bytes == len(found.document) + found.config.size + found.layers[-1].size
    assert _images().retained(made.reference).manifest_bytes == len(found.document)


def test_a_missing_layer_is_noticed(repository: Repository) -> None:
    stable = _stable(repository)
    found = repository.manifest(str(stable.digest))
    assert not isinstance(found, Index)
    repository.delete_blob(found.layers[0].digest)
    with pytest.raises(ImageMissingError, match=found.layers[0].digest):
        _images().retained(stable)


def test_a_deleted_manifest_is_noticed(repository: Repository) -> None:
    stable = _stable(repository)
    repository.delete_manifest(str(stable.digest))
    with pytest.raises(ImageMissingError, match="MANIFEST_UNKNOWN"):
        _images().retained(stable)


def test_a_password_is_taken_from_the_docker_configuration(own_folder: Path) -> None:
    with registry_server(own_folder, htpasswd=HTPASSWD) as address:
        anonymous = open_registry(address, environ={"DOCKER_CONFIG": "/nonexistent"})
        with pytest.raises(RegistryError, match="wants a login"):
            Repository(anonymous, "app").tags()
        auths = {address: {"username": "drill", "password": PASSWORD}}
        (own_folder / "config.json").write_text(json.dumps({"auths": auths}))
        client = open_registry(address, environ={"DOCKER_CONFIG": str(own_folder)})
        base = _push_base(Repository(client, "app"))
        assert _images(docker_config=str(own_folder)).retained(base).reference.digest
        auths[address]["password"] = "wrong"
        (own_folder / "config.json").write_text(json.dumps({"auths": auths}))
        with pytest.raises(RegistryError, match="HTTP 401"):
            Repository(open_registry(address, environ={"DOCKER_CONFIG": str(own_folder)}), "app").tags()


def test_a_registry_without_deletes_says_so(own_folder: Path) -> None:
    with registry_server(own_folder, deletes=False) as address:
        stable = _stable(Repository(open_registry(address), "app"))
        scenario = find_scenario("component-raises")
        images = _images(scenario)
        prepared = images.prepare_broken(stable, scenario.scenario, None)
        images.push(prepared)
        (left,) = images.delete(prepared.image)
        assert "405" in left
        assert str(prepared.image.reference) in left
        images.close()


def test_a_flow_on_a_real_runtime_image_moves_kilobytes() -> None:
    name = os.environ.get("FLOWDRILL_TEST_BASE_IMAGE")
    if not name:
        pytest.skip("no image with LangFlow's runtime: FLOWDRILL_TEST_BASE_IMAGE is not set")
    base = parse_image_reference(name)
    to = ImageReference(base.registry, f"flowdrill-registry-test-{secrets.token_hex(4)}", "1.0.0", None)
    scenario = find_scenario("edge-missing")
    images = _images(scenario)
    assert images.retained(base).reference.digest
    made = images.make_flow_image(FLOW, "greeting.json", base, to)
    repository = Repository(open_registry(to.registry, plain_http=True), to.repository)
    try:
        prepared = images.prepare_broken(made.reference, scenario.scenario, "run-1")
        images.push(prepared)
        assert made.pushed_bytes < 100_000
        assert prepared.image.new_bytes < 100_000
        assert images.delete(prepared.image) == ()
    finally:
        repository.delete_manifest(str(made.reference.digest))
        images.close()


def test_the_langflow_of_a_real_runtime_image_is_found_in_its_layers() -> None:
    name = os.environ.get("FLOWDRILL_TEST_BASE_IMAGE")
    if not name:
        pytest.skip("no image with LangFlow's runtime: FLOWDRILL_TEST_BASE_IMAGE is not set")
    images = _images()
    found = images.langflow_version(parse_image_reference(name))
    assert isinstance(found, FoundVersion), found
    assert (found.product, found.source) == (Product.LFX, VersionSource.LAYER)
    assert name.endswith(found.version)
    images.close()


def test_a_runs_evidence_is_found_by_the_tag_where_there_is_no_referrers_api(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pushes_and_lists(repository, tmp_path, capsys, "tag")
