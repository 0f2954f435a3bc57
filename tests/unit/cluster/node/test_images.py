"""Only images of trusted registries are pulled, only whole and right ones are kept."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from flowdrill.cluster.node.images import ImageStore, InvalidImageNameError, PulledImage, PullError
from tests.unit.cluster.node.test_unpacking import file, layer, link

MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Images:
    """A registry that serves whatever it is given, right or wrong."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}
        self.manifests: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.host = ""

    def add(self, tag: str, *layers: bytes) -> None:
        config = {"config": {"Cmd": ["run"]}, "rootfs": {"type": "layers", "diff_ids": []}, "architecture": "amd64"}
        contents = [json.dumps({**config, "os": "linux"}).encode(), *layers]
        about = [{"mediaType": "x/y", "digest": digest(one), "size": len(one)} for one in contents]
        self.blobs |= {digest(one): one for one in contents}
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": about[0], "layers": about[1:]}
        self.manifests[tag] = json.dumps(document).encode()

    def named(self, tag: str) -> str:
        return f"{self.host}/app:{tag}"


@pytest.fixture
def registry() -> Iterator[Images]:
    images = Images()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            images.asked.append(self.path)
            kind, name = self.path.split("/")[-2:]
            found = (images.manifests if kind == "manifests" else images.blobs).get(name)
            self.send_response(404 if found is None else 200)
            self.send_header("Content-Type", MANIFEST if kind == "manifests" else "x/y")
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        images.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield images
        server.shutdown()
        thread.join()


def store_in(folder: Path, registry: Images, *trusted: str) -> ImageStore:
    folder.mkdir(exist_ok=True)
    return ImageStore(folder, registry.host, frozenset(trusted))


@pytest.fixture
def store(tmp_path: Path, registry: Images) -> ImageStore:
    return store_in(tmp_path / "images", registry)


def pull(store: ImageStore, *names: str) -> list[PulledImage]:
    async def story() -> list[PulledImage]:
        return list(await asyncio.gather(*map(store.pull, names)))

    return asyncio.run(story())


@contextmanager
def nothing_kept(folder: Path) -> Iterator[None]:
    yield
    assert [one.name for one in folder.iterdir() if one.is_dir()] == []


def test_an_image_is_pulled_and_known_again_after_a_restart(
    store: ImageStore, registry: Images, tmp_path: Path
) -> None:
    registry.add("1", gzip.compress(layer(file("run", b"first"))), layer(file("run", b"second")))
    (image,) = pull(store, registry.named("1"))
    assert (image.root / "run").read_bytes() == b"second"
    assert image.image_id == f"{registry.host}/app@{digest(registry.manifests['1'])}"
    assert image.config.cmd == ("run",)
    assert store_in(tmp_path / "images", registry).present(registry.named("1")) == image


def test_every_container_has_a_copy_of_its_own(store: ImageStore, registry: Images, tmp_path: Path) -> None:
    registry.add("1", layer(file("run", b"first"), link("way", "run")))
    (image,) = pull(store, registry.named("1"))
    asyncio.run(store.make_root(image, tmp_path / "copy"))
    (tmp_path / "copy/way").write_bytes(b"changed")
    assert (tmp_path / "copy/run").read_bytes() == b"changed"
    assert (image.root / "run").read_bytes() == b"first"


@pytest.mark.parametrize(
    "name", ["busybox", "registry.example.org/app:1", "127.0.0.1:1/app:1", "trusted.example.org.evil.org/app:1"]
)
def test_a_registry_that_is_not_trusted_is_not_even_asked(tmp_path: Path, registry: Images, name: str) -> None:
    store = store_in(tmp_path / "images", registry, "trusted.example.org")
    with nothing_kept(tmp_path / "images"), pytest.raises(PullError, match="--trust-registry"):
        pull(store, name)
    assert registry.asked == []


def test_a_registry_that_is_trusted_by_its_name_is_asked(tmp_path: Path, registry: Images) -> None:
    other = Images()
    other.host = "127.0.0.1:1"
    registry.add("1", layer(file("run")))
    pull(store_in(tmp_path / "images", other, registry.host), registry.named("1"))
    assert registry.asked


@pytest.mark.parametrize("name", ["UPPER", "a b", "http://host/a", "127.0.0.1/app:" + "x" * 200, "app@sha256:0"])
def test_what_is_no_image_name_is_said_to_be_none(store: ImageStore, name: str) -> None:
    with pytest.raises(InvalidImageNameError):
        pull(store, name)


def _other_content(registry: Images, of: bytes) -> None:
    registry.blobs[digest(of)] = layer(file("run", b"x" * len(of)))[: len(of)]


def _swapped(registry: Images, of: bytes) -> None:
    end = of.rindex(b"archive") + len(b"archive")
    registry.blobs[digest(of)] = of[: end - 1] + b"E" + of[end:]


def _cut_off(registry: Images, of: bytes) -> None:
    registry.blobs[digest(of)] = of[:700]


def _gone(registry: Images, of: bytes) -> None:
    del registry.blobs[digest(of)]


@pytest.mark.parametrize("harm", [_other_content, _swapped, _cut_off, _gone])
def test_a_layer_that_is_not_what_its_digest_says_is_not_kept(
    store: ImageStore, registry: Images, tmp_path: Path, harm: Callable[[Images, bytes], None]
) -> None:
    content = layer(file("run", b"content" * 100)) + b"after the archive"
    registry.add("1", content)
    harm(registry, content)
    with nothing_kept(tmp_path / "images"), pytest.raises(PullError, match="failed to pull and unpack"):
        pull(store, registry.named("1"))
    assert store.present(registry.named("1")) is None


def test_a_manifest_that_is_not_what_was_asked_for_is_refused(store: ImageStore, registry: Images) -> None:
    registry.add("1", layer(file("run")))
    wanted = digest(b"something else")
    registry.manifests[wanted] = registry.manifests["1"]
    with pytest.raises(PullError, match="failed to pull"):
        pull(store, f"{registry.host}/app@{wanted}")


@pytest.mark.parametrize("content", [b"\x1f\x8b damaged", b"no tar", layer(file("../out"))])
def test_a_hostile_layer_is_a_failed_pull(store: ImageStore, registry: Images, tmp_path: Path, content: bytes) -> None:
    registry.add("1", layer(file("run")), content)
    with nothing_kept(tmp_path / "images"), pytest.raises(PullError):
        pull(store, registry.named("1"))


def test_one_image_by_many_names_at_once_is_one_image(store: ImageStore, registry: Images) -> None:
    registry.add("0", *(layer(file(f"file{number}")) for number in range(5)))
    registry.manifests |= dict.fromkeys(map(str, range(8)), registry.manifests["0"])
    assert len({one.root for one in pull(store, *map(registry.named, "01234567"))}) == 1


def test_a_tag_that_was_moved_is_another_image_when_it_is_pulled_again(store: ImageStore, registry: Images) -> None:
    registry.add("1", layer(file("run", b"old")))
    (old,) = pull(store, registry.named("1"))
    registry.add("1", layer(file("run", b"new")))
    assert store.present(registry.named("1")) == old
    (new,) = pull(store, registry.named("1"))
    assert [(one.root / "run").read_bytes() for one in (old, new)] == [b"old", b"new"]
    assert store.present(registry.named("1")) == new


def test_what_a_killed_cluster_has_left_is_no_obstacle(store: ImageStore, registry: Images, tmp_path: Path) -> None:
    registry.add("1", layer(file("run")))
    (image,) = pull(store, registry.named("1"))
    (tmp_path / "images/unpacking-x/root").mkdir(parents=True)
    index = tmp_path / "images/index.json"
    for damage in (index.read_bytes()[:20], b"[1]", b'{"a": 5}', b"\xff"):
        index.write_bytes(damage)
        again = store_in(tmp_path / "images", registry)
        assert again.present(registry.named("1")) is None
    assert not (tmp_path / "images/unpacking-x").exists()
    assert pull(again, registry.named("1")) == [image]
    index.with_name(image.root.name).with_suffix(".config").write_bytes(b"damaged")
    assert store_in(tmp_path / "images", registry).images() == ()
