"""Are images still there? Against Debian's docker-registry, which loses, moves, damages and refuses them for real."""

from __future__ import annotations

import base64
import gzip
import json
import secrets
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from flowdrill.analysis.rollback_images import NamedImage
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.tag_checks import check_tags
from flowdrill.model.events import Checked, Event
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.status import Status
from flowdrill.model.surroundings import PullSecret
from flowdrill.oci.client import RegistryClient, open_registry
from flowdrill.oci.digest import digest_of
from flowdrill.oci.manifests import OCI_MANIFEST
from flowdrill.oci.repository import Repository
from tests.fakes.fake_time import FakeTime
from tests.real.registry_proxy import RegistryProxy, registry_proxy
from tests.real.registry_server import PROGRAM, registry_is_installed, registry_server
from tests.real.test_registry_real import HTPASSWD, PASSWORD
from tests.unit.oci.image_building import tar_of

pytestmark = pytest.mark.registry
R, G, I, D, U = Health.RETAINED, Health.GONE, Health.INCOMPLETE, Health.DAMAGED, Health.UNKNOWN  # noqa: E741
SHARED = gzip.compress(tar_of({"usr/lib/shared.py": b"shared"}), mtime=0)


@dataclass(frozen=True)
class Served:
    """A registry with a folder that a test may damage, and a new repository in it."""

    address: str
    folder: Path
    repository: Repository
    images: ImageRegistry

    def healths(self, *references: ImageReference) -> tuple[Health, Health, Health]:
        """At each tier, of all of them together."""
        found = [{one.health for one in self.images.examine(references, tier)} for tier in Tier]
        assert all(len(healths) == 1 for healths in found), found
        one, two, three = (healths.pop() for healths in found)
        return one, two, three

    def collect_garbage(self, *flags: str) -> None:
        subprocess.run(
            [PROGRAM, "garbage-collect", str(self.folder / "config.yml"), *flags], check=True, capture_output=True
        )

    @contextmanager
    def damaged(self, digest: str) -> Iterator[None]:
        """Turn one bit of a blob in the storage, as a bad disk does, until the block ends."""
        name = digest.partition(":")[2]
        path = self.folder / "storage/docker/registry/v2/blobs/sha256" / name[:2] / name / "data"
        content = path.read_bytes()
        path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
        yield
        path.write_bytes(content)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    if not registry_is_installed():
        pytest.skip(f"no {PROGRAM} program on PATH")
    folder = tmp_path_factory.mktemp("retained")
    with registry_server(folder) as address:
        yield address, folder


@pytest.fixture
def served(server: tuple[str, Path]) -> Iterator[Served]:
    address, folder = server
    client = open_registry(address)
    images = _images()
    yield Served(address, folder, Repository(client, f"team/{secrets.token_hex(4)}"), images)
    images.close()
    client.close()


def _images(docker_config: str = "/nonexistent", read_seconds: float = 20) -> ImageRegistry:
    def connect(host: str) -> RegistryClient:
        environ = {"DOCKER_CONFIG": docker_config}
        return open_registry(host, environ=environ, pause_seconds=lambda _: None, read_seconds=read_seconds)

    return ImageRegistry(connect, {}.__getitem__)


def _push(repository: Repository, tag: str) -> ImageReference:
    """An image of a layer that all share and one of its own. Returns it by tag and digest."""
    own = gzip.compress(tar_of({"app/version": tag.encode(), "app/of": repository.name.encode()}), mtime=0)
    diff_ids = [digest_of(layer) for layer in (SHARED, own)]
    config = {
        "os": "linux",
        "architecture": "amd64",
        "created": "2026-01-02T03:04:05Z",
        "rootfs": {"diff_ids": diff_ids},
    }
    blobs = [json.dumps(config).encode(), SHARED, own]
    for blob in blobs:
        repository.push_blob(blob)
    described = [{"digest": digest_of(blob), "size": len(blob)} for blob in blobs]
    document = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", **described[0]},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", **layer} for layer in described[1:]],
    }
    text = json.dumps(document).encode()
    repository.put_manifest(text, OCI_MANIFEST, tag)
    return ImageReference(repository.client.host, repository.name, tag, digest_of(text))


def _own_layer(repository: Repository, image: ImageReference) -> str:
    return repository.platform_manifest(repository.manifest(str(image.digest)), None).layers[-1].digest


def test_a_whole_image_is_retained_and_says_what_it_is(served: Served) -> None:
    image = _push(served.repository, "1.0.0")
    assert served.healths(image) == (R, R, R)
    (found,) = served.images.examine([image], Tier.COMPLETE)
    assert (found.platforms, found.created) == (("linux/amd64",), "2026-01-02T03:04:05Z")


def test_a_deleted_manifest_is_gone_at_every_tier(served: Served) -> None:
    image = _push(served.repository, "1.0.0")
    served.repository.delete_manifest(str(image.digest))
    assert served.healths(image) == (G, G, G)


def test_a_deleted_layer_is_found_from_tier_complete_on(served: Served) -> None:
    image = _push(served.repository, "1.0.0")
    layer = _own_layer(served.repository, image)
    served.repository.delete_blob(layer)
    assert served.healths(image) == (R, I, I)
    assert layer in served.images.examine([image], Tier.COMPLETE)[0].problem


def test_a_layer_that_rotted_on_the_registrys_disk_is_found_by_tier_bytes_alone(served: Served) -> None:
    image = _push(served.repository, "1.0.0")
    with served.damaged(_own_layer(served.repository, image)):
        assert served.healths(image) == (R, R, D)


def test_a_manifest_that_rotted_is_found_when_it_is_read(served: Served) -> None:
    image = _push(served.repository, "1.0.0")
    with served.damaged(str(image.digest)):
        (found,) = served.images.examine([image], Tier.COMPLETE)
    assert found.health in (D, U)  # some registries notice it themselves, and answer with an error


def test_a_tag_that_moved_is_seen_and_the_image_it_left_is_still_there_until_the_garbage_is_collected(
    served: Served,
) -> None:
    verified = _push(served.repository, "1.0.0")
    _push(served.repository, "1.0.1")
    other = served.repository.manifest("1.0.1")
    served.repository.put_manifest(other.document, OCI_MANIFEST, "1.0.0")
    events: list[Event] = []
    (seen,) = check_tags([NamedImage("verified", verified)], served.images, Narrator(FakeTime(), events.append))
    assert isinstance(events[0], Checked)
    assert events[0].check.status is Status.WARNING
    assert seen.now == other.digest
    assert served.healths(verified) == (R, R, R)
    served.collect_garbage("--delete-untagged")
    assert served.healths(verified) == (G, G, G)
    assert served.healths(ImageReference(served.address, served.repository.name, "1.0.0", None)) == (R, R, R)


def test_garbage_collection_between_two_examinations_takes_what_was_deleted_and_nothing_shared(served: Served) -> None:
    kept, deleted = _push(served.repository, "1.0.0"), _push(served.repository, "1.0.1")
    assert served.healths(kept, deleted) == (R, R, R)
    served.repository.delete_manifest(str(deleted.digest))
    served.collect_garbage()
    assert served.healths(deleted) == (G, G, G)
    assert served.healths(kept) == (R, R, R)


def _secret(address: str, password: str) -> PullSecret:
    auth = base64.b64encode(f"drill:{password}".encode()).decode()
    return PullSecret("pull", json.dumps({"auths": {address: {"auth": auth}}}))


def test_a_registry_that_asks_for_a_login_opens_to_the_right_secret_alone(tmp_path: Path) -> None:
    if not registry_is_installed():
        pytest.skip(f"no {PROGRAM} program on PATH")
    with registry_server(tmp_path, htpasswd=HTPASSWD) as address:
        auths = {address: {"username": "drill", "password": PASSWORD}}
        (tmp_path / "config.json").write_text(json.dumps({"auths": auths}))
        client = open_registry(address, environ={"DOCKER_CONFIG": str(tmp_path)})
        image = _push(Repository(client, "app"), "1.0.0")
        harness, stranger = _images(str(tmp_path)), _images()
        assert [one.health for one in harness.examine([image], Tier.COMPLETE)] == [R]
        (unknown,) = stranger.examine([image], Tier.COMPLETE)
        assert (unknown.health, f"docker login {address}" in unknown.remedy) == (U, True)

        def pulled(*pull_secrets: PullSecret) -> ImageHealth:
            return harness.pullable(image, pull_secrets)

        assert pulled(_secret(address, PASSWORD)).health is R
        wrong = pulled(_secret(address, "wrong"))
        assert (wrong.health, "refuses the login of secret pull" in wrong.problem) == (Health.REFUSED, True)
        for absent in ((), (PullSecret("gone", None, "is not there"),)):  # the harness has a login, and does not use it
            found = pulled(*absent)
            assert (found.health, "wants a login" in found.problem) == (Health.REFUSED, True)
        for images in (harness, stranger):
            images.close()
        client.close()


@pytest.fixture
def proxy(served: Served) -> Iterator[RegistryProxy]:
    with registry_proxy(served.address) as running:
        yield running


def _through(proxy: RegistryProxy, images: list[ImageReference]) -> list[ImageReference]:
    return [ImageReference(proxy.address, one.repository, None, one.digest) for one in images]


def test_a_slow_registry_is_waited_for_and_one_that_does_not_answer_leaves_nothing_known(
    served: Served, proxy: RegistryProxy
) -> None:
    images = _through(proxy, [_push(served.repository, f"1.0.{number}") for number in range(6)])
    proxy.delay_seconds = 0.1
    assert {one.health for one in served.images.examine(images, Tier.COMPLETE)} == {R}
    proxy.delay_seconds = 60
    hasty = _images(read_seconds=0.2)
    found = hasty.examine(images, Tier.COMPLETE)
    hasty.close()
    assert {one.health for one in found} == {U}
    assert "timed out" in found[0].problem


@pytest.mark.parametrize("status", [429, 500])
def test_a_registry_that_fails_now_and_then_is_asked_again_and_one_that_always_does_is_not_called_fine(
    served: Served, proxy: RegistryProxy, status: int
) -> None:
    images = _through(proxy, [_push(served.repository, f"1.0.{number}") for number in range(6)])
    times: Counter[tuple[str, str]] = Counter()

    def twice_each(method: str, path: str) -> int | None:
        times[method, path] += 1
        return status if times[method, path] <= 2 else None

    proxy.answers = twice_each
    for tier in Tier:
        assert {one.health for one in served.images.examine(images, tier)} == {R}
        times.clear()
    proxy.answers = lambda method, path: status
    for tier in Tier:
        found = served.images.examine(images, tier)
        assert {one.health for one in found} == {U}
        assert f"HTTP {status}" in found[0].problem
