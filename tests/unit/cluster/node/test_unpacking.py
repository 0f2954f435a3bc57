"""Layers that would write outside of the image are refused; good ones come out as they should."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
from pathlib import Path

import pytest

from flowdrill.cluster.node.unpacking import UNPACKING_ERRORS, Unpacker, UnsafeLayerError


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


@pytest.mark.parametrize("name", [".wh...", "a/.wh...", "a/.wh..", "a/.wh.", "a/.wh.../"])
def test_a_whiteout_hides_nothing_but_a_file_of_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "precious").touch()
    with pytest.raises(UnsafeLayerError, match="hides no file"):
        unpack(tmp_path / "root", layer(file("a/kept"), file(name)))
    assert (tmp_path / "precious").exists()
    assert (tmp_path / "root/a/kept").exists()


def test_a_layers_whiteouts_spare_what_it_has_laid_itself(tmp_path: Path) -> None:
    root = tmp_path / "root"
    unpack(root, layer(file("a/b/old"), file("a/c")), layer(file("a/b/new"), file("a/.wh..wh..opq")))
    assert [str(one.relative_to(root)) for one in root.rglob("*") if one.is_file()] == ["a/b/new"]


def test_hard_links_count_as_the_files_they_will_be_in_a_copy(tmp_path: Path) -> None:
    links = [link(f"link{number}", "file", tarfile.LNKTYPE) for number in range(4)]
    with pytest.raises(UnsafeLayerError, match="more than is allowed"):
        unpack(tmp_path / "root", layer(file("file", bytes(1000)), *links), most_bytes=4000)


def test_a_folder_takes_the_place_of_a_file_and_a_file_that_of_a_folder(tmp_path: Path) -> None:
    root = tmp_path / "root"
    folder = special("one", tarfile.DIRTYPE)
    unpack(root, layer(file("one"), file("two/inner")), layer(folder, file("one/inner"), file("two", b"now a file")))
    assert (root / "one/inner").is_file()
    assert (root / "two").read_bytes() == b"now a file"


def test_a_root_below_a_link_is_a_root_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "way").symlink_to(tmp_path / "real")
    root = tmp_path / "way/root"
    unpack(root, layer(file("run/file"), link("var/run", "../run"), link("var/run/inner", "file")))
    assert (root / "var/run/inner").read_bytes() == b"x"


def test_a_layer_is_taken_to_its_last_piece(tmp_path: Path) -> None:
    pieces = iter([layer(file("a")), b"what follows the archive"])
    (tmp_path / "root").mkdir()
    Unpacker(tmp_path / "root").lay(pieces, "layer sha256:abc")
    assert next(pieces, None) is None, "only then its digest is known"


def test_what_hostile_bytes_raise_is_a_failed_pull(tmp_path: Path) -> None:
    good = gzip.compress(layer(file("a", os.urandom(100_000))))
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 0
    hostile = {
        "cut off": good[:50_000],
        "damaged": good[:50_000] + b"\xff" * 1000 + good[51_000:],
        "no tar": b"no tar at all" * 100,
        "endless names": long_name.tobuf() * 3000,
    }
    for name, content in hostile.items():
        with pytest.raises(UNPACKING_ERRORS):
            unpack(tmp_path / name, content)
