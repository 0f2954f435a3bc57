"""The embedded registry, through the product's own client, and what it refuses."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.registry.storage import RefusedError, Storage, append
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import ImageMissingError
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.oci.client import open_registry
from flowdrill.oci.repository import Repository
from tests.unit.oci.pushed_runs import pushes_and_lists

ROOT = Path(__file__).parents[4]
FLOW = ROOT / "scenarios" / "flows" / "greeting.json"


@pytest.fixture(scope="module")
def host() -> Iterator[str]:
    with temporary_cluster(Settings()) as cluster:
        yield cluster.registry


@pytest.fixture
def repository(host: str, request: pytest.FixtureRequest) -> Iterator[Repository]:
    with closing(open_registry(host)) as client:
        yield Repository(client, f"tests/{request.node.name.lower().replace('_', '-')[:60].strip('-')}")


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def test_flow_images_and_broken_images_are_made_and_deleted(host: str) -> None:
    scenario = find_scenario("edge-missing", near=ROOT / "drills")
    with closing(ImageRegistry(open_registry, scenario.read_source)) as images:
        base = parse_image_reference(push_base_image(host, "1.0.0"))
        to = ImageReference(host, "flows/greeting", "1.0.0", None)
        stable = images.make_flow_image(FLOW.read_bytes(), FLOW.name, base, to).reference
        assert images.retained(stable).reference.digest == stable.digest
        prepared = images.prepare_broken(stable.at_digest(str(stable.digest)), scenario.scenario)
        images.push(prepared)
        assert images.retained(prepared.image.reference)
        assert images.delete(prepared.image) == ()
        with pytest.raises(ImageMissingError):
            images.retained(prepared.image.reference)
        assert images.retained(stable), "nothing that the stable image needs went with it"


def test_the_base_image_is_the_same_bytes_everywhere(host: str) -> None:
    with closing(open_registry(host)) as client:
        found = Repository(client, "langflow-base")
        digests = set()
        for _ in range(2):
            push_base_image(host, "2.0.0")
            digests.add(found.manifest("2.0.0").digest)
    assert len(digests) == 1


def test_a_deleted_manifest_takes_its_tags_along_and_a_tag_goes_alone(repository: Repository, host: str) -> None:
    config = b"{}"
    repository.push_blob(config)
    kind = "application/vnd.oci.image.manifest.v1+json"
    about = {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": 2}
    manifest = json.dumps({"schemaVersion": 2, "mediaType": kind, "config": about, "layers": []}).encode()
    for tag in ("a", "b"):
        repository.put_manifest(manifest, kind, tag)
    assert repository.tags() == ("a", "b")
    repository.delete_manifest("a")
    assert repository.tags() == ("b",)
    assert repository.has_manifest(digest(manifest))
    repository.delete_manifest(digest(manifest))
    assert repository.tags() == ()
    assert not repository.has_manifest("b")


def ask(host: str, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None) -> tuple[int, str]:
    with closing(http.client.HTTPConnection(host, timeout=10)) as connection:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        content = answer.read()
    return answer.status, (json.loads(content)["errors"][0]["code"] if content else "")


@pytest.mark.parametrize(
    ("method", "path", "body", "wanted"),
    [
        ("GET", "/v2/nowhere/manifests/latest", b"", (404, "MANIFEST_UNKNOWN")),
        ("GET", f"/v2/nowhere/blobs/sha256:{'0' * 64}", b"", (404, "BLOB_UNKNOWN")),
        ("GET", "/v2/nowhere/tags/list", b"", (404, "NAME_UNKNOWN")),
        ("GET", "/v2/../../etc/manifests/passwd", b"", (400, "NAME_INVALID")),
        ("GET", "/v2/UPPER/manifests/a", b"", (400, "NAME_INVALID")),
        ("PUT", "/v2/a/manifests/t", b"no json", (400, "MANIFEST_INVALID")),
        ("PUT", f"/v2/a/manifests/sha256:{'0' * 64}", b"{}", (400, "DIGEST_INVALID")),
        ("POST", f"/v2/a/blobs/uploads/?digest=sha256:{'0' * 64}", b"other", (400, "DIGEST_INVALID")),
        ("PATCH", "/v2/a/blobs/uploads/nothing", b"x", (404, "BLOB_UPLOAD_UNKNOWN")),
        ("DELETE", "/v2/a/tags/list", b"", (404, "NAME_UNKNOWN")),
    ],
)
def test_refusals_are_the_specifications(
    host: str, method: str, path: str, body: bytes, wanted: tuple[int, str]
) -> None:
    assert ask(host, method, path, body) == wanted


def test_a_manifest_whose_blobs_are_missing_is_refused(host: str) -> None:
    about = {"digest": digest(b"nowhere"), "size": 7}
    manifest = json.dumps({"schemaVersion": 2, "config": about, "layers": []}).encode()
    assert ask(host, "PUT", "/v2/a/manifests/t", manifest) == (400, "MANIFEST_BLOB_UNKNOWN")


def test_garbage_is_what_nothing_needs_and_is_old(tmp_path: Path) -> None:
    storage = Storage(tmp_path)

    def keep(repository: str, content: bytes) -> str:
        upload = storage.upload(storage.new_upload())
        append(upload, [content])
        storage.keep_blob(repository, upload, digest(content))
        return digest(content)

    config, garbage = keep("app", b"{}"), keep("app", b"garbage")
    manifest = json.dumps({"config": {"digest": config}, "layers": []}).encode()
    storage.put_manifest("app", "t", "application/json", manifest)
    storage.new_upload()
    assert storage.collect_garbage(3600, time.time()) == 0, "a push may be under way"
    assert storage.collect_garbage(3600, time.time() + 7200) > 0
    assert storage.blob("app", config).read_bytes() == b"{}"
    with pytest.raises(RefusedError):
        storage.blob("app", garbage)
    assert not any(os.scandir(tmp_path / "uploads"))


def test_a_runs_evidence_refers_to_its_stable_image(
    repository: Repository, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pushes_and_lists(repository, tmp_path, capsys, "referrers API")
