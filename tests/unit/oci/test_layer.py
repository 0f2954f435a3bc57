"""Layers: the same bytes everywhere, and read without trust."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator

import pytest

from flowdrill.errors import PlanError, RegistryError
from flowdrill.oci.digest import digest_of
from flowdrill.oci.layer import image_path, make_layer
from flowdrill.oci.layer_reading import Entry, layer_entries
from tests.unit.oci.image_building import FOLDER, tar_of

FILES = {"/app/flows/greeting.json": b'{"data": {}}', "/app/run.sh": b"#!/bin/sh\n", "/app/\u00fc" + "x" * 200: b"long"}


def _entries(blob: bytes, piece: int = 1000) -> list[Entry]:
    return list(layer_entries(_pieces(blob, piece), "layer x"))


def _pieces(blob: bytes, piece: int) -> Iterator[bytes]:
    return (blob[at : at + piece] for at in range(0, len(blob), piece))


def test_the_same_input_gives_this_digest_on_every_machine() -> None:
    layer = make_layer(FILES, ["/usr/lib/gone.py"])
    assert layer == make_layer(dict(reversed(FILES.items())), ["/usr/lib/gone.py"])
    assert digest_of(layer) == "sha256:67230fcdfcc480f59aeb7d6da9cee7ff4b600dd8d5510887b54bd094cc07c23d"


def test_a_layer_holds_sorted_files_of_root_without_times_and_without_folders() -> None:
    with tarfile.open(fileobj=io.BytesIO(make_layer(FILES, ["/usr/lib/gone.py", "/etc"]))) as tar:
        members = tar.getmembers()
    assert [m.name[:24] for m in members] == [
        ".wh.etc", "app/flows/greeting.json", "app/run.sh", "app/üxxxxxxxxxxxxxxxxxxx", "usr/lib/.wh.gone.py",
    ]  # fmt: skip
    assert {(m.uid, m.gid, m.uname, m.gname, m.mtime) for m in members} == {(0, 0, "", "", 0)}
    assert [m.mode for m in members] == [0o644, 0o644, 0o755, 0o644, 0o644]


def test_a_note_changes_the_digest_and_nothing_that_is_unpacked() -> None:
    plain, noted = make_layer(FILES), make_layer(FILES, note="run 1")
    assert plain != noted
    assert [(e.path, e.size) for e in _entries(plain)] == [(e.path, e.size) for e in _entries(noted)]


@pytest.mark.parametrize("piece", [1, 513, 100_000])
@pytest.mark.parametrize("streams", [1, 3])
def test_a_gzip_layer_is_read_whatever_its_pieces(piece: int, streams: int) -> None:
    tar = make_layer(FILES)
    third = len(tar) // streams + 1
    packed = b"".join(gzip.compress(tar[at : at + third]) for at in range(0, len(tar), third))
    contents = {entry.path: entry.content() for entry in layer_entries(_pieces(packed, piece), "layer x")}
    assert contents == FILES


def test_whiteouts_and_opaque_folders_are_told_apart() -> None:
    entries = _entries(tar_of({"a/.wh.b": b"", "c/.wh..wh..opq": b"", "d": FOLDER, "e": ("link", "../f")}))
    assert [(e.hides, e.hides_below, e.is_folder, e.link) for e in entries] == [
        ("/a/b", None, False, None),
        (None, "/c", False, None),
        (None, None, True, None),
        (None, None, False, "../f"),
    ]


@pytest.mark.parametrize(
    ("name", "path"),
    [("./app//x", "/app/x"), ("../../etc/passwd", "/etc/passwd"), ("/abs", "/abs"), ("a/../b", "/b"), (".", "/")],
)
def test_names_are_only_normalised_and_compared(name: str, path: str) -> None:
    assert image_path(name) == path
    assert _entries(tar_of({name: b""}))[0].path == path


def test_zstd_is_refused_with_a_way_out() -> None:
    with pytest.raises(PlanError, match="layer x is compressed with zstd") as caught:
        _entries(b"\x28\xb5\x2f\xfd" + b"\0" * 600)
    assert "gzip" in caught.value.remedy


@pytest.mark.parametrize(
    "blob",
    [b"no tar file at all" * 100, gzip.compress(b"no tar" * 200), gzip.compress(b"x")[:-1], b"\x1f\x8bbroken"],
    ids=[
        "no archive",
        "gzip of no archive",
        "gzip without its end",
        "gzip's first bytes alone",
    ],  # not gzip's time of day
)
def test_what_is_no_tar_file_is_one_clear_error(blob: bytes) -> None:
    with pytest.raises(RegistryError, match="layer x is not a readable tar file"):
        _entries(blob)


def test_a_header_of_absurd_size_is_not_read_into_memory() -> None:
    member = tarfile.TarInfo("pax")
    member.type, member.size = tarfile.XHDTYPE, 1 << 40
    with pytest.raises(RegistryError, match="header"):
        _entries(member.tobuf(tarfile.GNU_FORMAT) + b"\0" * 2048)


def test_a_file_that_is_cut_off_is_one_clear_error() -> None:
    entries = layer_entries(_pieces(tar_of({"a": b"x" * 5000})[:2000], 1000), "layer x")
    entry = next(entries)
    with pytest.raises(RegistryError, match="/a in the image is not a readable"):
        entry.content()


def test_an_empty_layer_has_no_entries() -> None:
    assert _entries(make_layer({})) == []
