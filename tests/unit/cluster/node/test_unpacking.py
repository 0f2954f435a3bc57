"""Layers that would write outside of the image are refused; good ones come out as they should."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from flowdrill.cluster.node.unpacking import Unpacker, UnsafeLayerError


def layer(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as tar:
        for member, data in members:
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def file(name: str, data: bytes = b"x", mode: int = 0o644) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.mode = mode
    return member, data


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member, b""


def special(name: str, kind: bytes) -> tuple[tarfile.TarInfo, bytes]:
    member = tarfile.TarInfo(name)
    member.type = kind
    return member, b""


def unpack(root: Path, *layers: bytes, most_bytes: int = 1 << 20) -> None:
    root.mkdir(exist_ok=True)
    unpacker = Unpacker(root, most_bytes)
    for one in layers:
        unpacker.lay(iter([one]), "layer sha256:abc")


def test_files_folders_and_links_come_out(tmp_path: Path) -> None:
    root = tmp_path / "root"
    unpack(root, gzip.compress(layer(file("bin/run", b"#!/bin/sh", 0o4755), link("bin/sh", "/bin/run"))))
    assert (root / "bin/run").read_bytes() == b"#!/bin/sh"
    assert (root / "bin/run").stat().st_mode & 0o7777 == 0o755, "set-user-id is dropped"
    assert (root / "bin/sh").resolve() == root / "bin/run", "absolute links mean the image"


def test_later_layers_replace_and_hide(tmp_path: Path) -> None:
    root = tmp_path / "root"
    first = layer(file("a/one"), file("a/two"), file("b/three"))
    unpack(root, first, layer(file("a/one", b"new"), file("a/.wh.two"), file("b/.wh..wh..opq"), file("b/four")))
    assert (root / "a/one").read_bytes() == b"new"
    assert not (root / "a/two").exists()
    assert sorted(one.name for one in (root / "b").iterdir()) == ["four"]


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ([file("/etc/evil")], "outside of the image"),
        ([file("../evil")], "outside of the image"),
        ([file("a/../../evil")], "outside of the image"),
        ([link("out", "../../..")], "leads out of the image"),
        ([link("a/out", "../../evil")], "leads out of the image"),
        ([link("hard", "../evil", tarfile.LNKTYPE)], "no file of the image"),
        ([special("dev", tarfile.CHRTYPE)], "a device or a pipe"),
        ([special("pipe", tarfile.FIFOTYPE)], "a device or a pipe"),
    ],
)
def test_what_would_leave_the_image_is_refused(
    tmp_path: Path, members: list[tuple[tarfile.TarInfo, bytes]], why: str
) -> None:
    with pytest.raises(UnsafeLayerError, match=why):
        unpack(tmp_path / "root", layer(*members))
    assert not (tmp_path / "evil").exists()


def test_a_link_of_an_earlier_layer_is_no_way_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    outside.mkdir()
    root.mkdir()
    (root / "way").symlink_to(outside)  # as if something had made it
    with pytest.raises(UnsafeLayerError, match="through a link out of the image"):
        unpack(root, layer(file("way/evil")))
    assert not (outside / "evil").exists()


def test_a_bomb_is_stopped(tmp_path: Path) -> None:
    bomb = gzip.compress(layer(file("zeros", bytes(5 << 20))))
    with pytest.raises(UnsafeLayerError, match="more than is allowed"):
        unpack(tmp_path / "root", bomb)
