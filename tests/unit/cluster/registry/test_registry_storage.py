"""What the registry keeps stays whole: on a full disk, beside other pushes, and when garbage is collected."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.registry.storage import RefusedError, Storage, append

NOW = 10_000_000_000.0  # long after every file of these tests


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return Storage(tmp_path)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def push(storage: Storage, repository: str, content: bytes) -> str:
    upload = storage.upload(storage.new_upload())
    append(upload, [content])
    storage.keep_blob(repository, upload, digest(content))
    return digest(content)


def manifest(config: str, *layers: str, **more: Any) -> bytes:
    return json.dumps({"config": {"digest": config}, "layers": [{"digest": one} for one in layers], **more}).encode()


def files(folder: Path) -> set[str]:
    return {str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file()}


@contextmanager
def full_disk(left_bytes: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: to a program that is the same as a disk without room."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (left_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_piece_that_does_not_fit_leaves_the_upload_as_it_was(storage: Storage) -> None:
    upload = storage.upload(storage.new_upload())
    append(upload, [b"first"])
    with full_disk(1000), pytest.raises(OSError, match="File too large"):
        append(upload, [b"x" * 600, b"y" * 600])
    assert upload.read_bytes() == b"first"
    append(upload, [b" second"])
    storage.keep_blob("app", upload, digest(b"first second"))
    assert storage.blob("app", digest(b"first second")).read_bytes() == b"first second"


def test_a_manifest_that_does_not_fit_is_not_there_and_leaves_nothing(storage: Storage, tmp_path: Path) -> None:
    config = push(storage, "app", b"{}")
    storage.put_manifest("app", "t", "application/json", manifest(config))
    before = files(tmp_path)
    with full_disk(500), pytest.raises(OSError, match="File too large"):
        storage.put_manifest("app", "t", "application/json", manifest(config, annotations={"long": "x" * 1000}))
    assert files(tmp_path) == before
    assert storage.manifest("app", "t").document == manifest(config)


def test_the_same_blob_pushed_by_many_at_once_is_one_blob(storage: Storage, tmp_path: Path) -> None:
    content = os.urandom(300_000)
    with ThreadPoolExecutor(8) as many:
        pushed = list(many.map(lambda number: push(storage, f"app/{number % 4}", content), range(32)))
    assert set(pushed) == {digest(content)}
    assert all(storage.blob(f"app/{number}", pushed[0]).read_bytes() == content for number in range(4))
    assert len(files(tmp_path / "blobs")) == 1
    assert not files(tmp_path / "uploads")


@pytest.mark.parametrize("text", ["..", ".", "", "sha256:..", f"sha256:{'0' * 63}", f"sha256:{'A' * 64}", "md5:00"])
def test_what_is_no_digest_is_no_blob_and_no_way_into_a_folder(storage: Storage, tmp_path: Path, text: str) -> None:
    push(storage, "app", b"{}")
    before = files(tmp_path)
    for ask in (storage.blob, storage.forget_blob):
        with pytest.raises(RefusedError) as refused:
            ask("app", text)
        assert refused.value.status == 404
    assert not storage.mount("other", text, "app")
    assert files(tmp_path) == before


def test_a_blob_is_mounted_only_from_a_repository_that_has_it(storage: Storage) -> None:
    found = push(storage, "app", b"content")
    assert not storage.mount("other", found, "nowhere")
    assert not storage.mount("other", found, "../app")
    assert not storage.mount("other", found, "a" * 300)
    assert storage.mount("other", found, "app")
    storage.forget_blob("app", found)
    assert storage.blob("other", found).read_bytes() == b"content"
    assert not storage.mount("third", found, "app")


@pytest.mark.parametrize(
    "document",
    [
        b"[]", b'"layers"', b"5", b"null", b"{", b"\xff", b"[" * 100_000,
        b'{"config": 5, "layers": []}', b'{"layers": []}', b'{"config": {"digest": "sha256:no"}, "layers": []}',
        b'{"config": {"digest": 5}, "layers": []}', b'{"manifests": [{"digest": null}]}', b'{"manifests": 5}',
        b'{"config": {"digest": "sha256:' + b"0" * 64 + b'"}, "layers": {"a": 1}}',
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_refused(storage: Storage, document: bytes) -> None:
    with pytest.raises(RefusedError) as refused:
        storage.put_manifest("app", "t", "application/json", document)
    assert (refused.value.status, refused.value.code) == (400, "MANIFEST_INVALID")


@pytest.mark.parametrize("tag", ["..", ".hidden", "a/b", "x" * 129, "", "a b", "a\n"])
def test_what_is_no_tag_is_refused(storage: Storage, tag: str) -> None:
    document = manifest(push(storage, "app", b"{}"))
    with pytest.raises(RefusedError) as refused:
        storage.put_manifest("app", tag, "application/json", document)
    assert refused.value.code == "TAG_INVALID"
    with pytest.raises(RefusedError):
        storage.manifest("app", tag)


def test_referrers_are_the_manifests_that_name_a_subject(storage: Storage) -> None:
    config = push(storage, "app", b"{}")
    subject = storage.put_manifest("app", "t", "application/json", manifest(config))
    about: dict[str, Any] = {"subject": {"digest": subject}, "annotations": {"by": "me"}}
    signature = manifest(config, artifactType="application/signature", **about)
    found = storage.put_manifest("app", digest(signature), "application/json", signature)
    wanted = {
        "mediaType": "application/json", "digest": found, "size": len(signature),
        "artifactType": "application/signature", "annotations": {"by": "me"},
    }  # fmt: skip
    assert storage.referrers("app", subject) == [wanted]
    assert storage.referrers("app", found) == []
    assert storage.referrers("nowhere", subject) == []
    with pytest.raises(RefusedError):
        storage.referrers("app", "t")


def test_garbage_of_one_repository_stays_in_another_that_needs_it(storage: Storage, tmp_path: Path) -> None:
    for name in ("app", "app/deeper"):
        layer = push(storage, name, b"layer")
    config = push(storage, "app", b"{}")
    storage.put_manifest("app", "t", "application/json", manifest(config, layer))
    storage.collect_garbage(3600, NOW)
    assert storage.blob("app", layer).read_bytes() == b"layer"
    with pytest.raises(RefusedError):
        storage.blob("app/deeper", layer)
    assert len(files(tmp_path / "blobs")) == 2


def test_what_a_killed_cluster_has_left_is_garbage(storage: Storage, tmp_path: Path) -> None:
    config = push(storage, "app", b"{}")
    storage.put_manifest("app", "t", "application/json", manifest(config))
    before = files(tmp_path)
    left = ["repositories/app/_tags/.part-1", "repositories/app/_manifests/.part-2", "uploads/" + "0" * 32]
    for name in left:
        (tmp_path / name).write_bytes(b"half of")
    assert storage.tags("app") == ["t"]
    assert storage.collect_garbage(3600, NOW) == len(left)
    assert files(tmp_path) == before


def test_blobs_of_a_repository_with_a_damaged_manifest_are_kept(storage: Storage, tmp_path: Path) -> None:
    layer = push(storage, "app", b"layer")
    storage.put_manifest("app", "t", "application/json", manifest(push(storage, "app", b"{}"), layer))
    (damaged,) = (tmp_path / "repositories/app/_manifests").iterdir()
    damaged.write_bytes(b"")
    assert storage.collect_garbage(3600, NOW) == 0
    assert storage.blob("app", layer).exists()
