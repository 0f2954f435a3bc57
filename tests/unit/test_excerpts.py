"""Pieces of the evidence that a report shows: a few lines of each file, and never a file from elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flowdrill.edges.runfolder.excerpts import read_excerpts, read_samples
from flowdrill.model.events import EvidenceTaken
from flowdrill.model.shown import Excerpt


def excerpts_of(folder: Path, *paths: str) -> tuple[Excerpt, ...]:
    return read_excerpts(folder, [EvidenceTaken(at_ns=1, path=path, what=f"about {path}") for path in paths])


def write(folder: Path, name: str, text: str) -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return name


def test_a_short_file_is_shown_whole(tmp_path: Path) -> None:
    (one,) = excerpts_of(tmp_path, write(tmp_path, "evidence/log.txt", "a\n  b\n\n"))
    assert one == Excerpt(path="evidence/log.txt", what="about evidence/log.txt", head=("a", "  b"), left_out=0)


def test_of_a_long_file_both_ends_are_shown_and_what_is_left_out_is_counted(tmp_path: Path) -> None:
    (one,) = excerpts_of(tmp_path, write(tmp_path, "a.log", "".join(f"{n}\n" for n in range(1000))))
    assert (one.head[0], one.tail[-1]) == ("0", "999")
    assert len(one.head) + one.left_out + len(one.tail) == 1000


def test_of_a_file_that_is_too_long_to_be_read_the_true_end_is_shown(tmp_path: Path) -> None:
    line = "." * 1000
    (one,) = excerpts_of(tmp_path, write(tmp_path, "a.log", "".join(f"{n} {line}\n" for n in range(6000))))
    assert [text.split()[0] for text in one.head] == [str(n) for n in range(12)]
    assert [text.split()[0] for text in one.tail] == [str(n) for n in range(5982, 6000)]
    assert one.left_out == 6000 - 12 - 18


@pytest.mark.parametrize("text", ["a" * 5_000_000, "a" * 2_500_000 + "\n" + "b" * 2_500_000])
def test_of_long_lines_the_ends_are_shown_and_that_something_is_left_out(tmp_path: Path, text: str) -> None:
    (one,) = excerpts_of(tmp_path, write(tmp_path, "a.log", text))
    assert (one.head, one.tail) == ((text[:400],), (text[-400:],))
    assert one.left_out == 1


def test_manifests_empty_files_and_missing_ones_are_left_to_the_list(tmp_path: Path) -> None:
    write(tmp_path, "pods.yaml", "kind: Pod")
    write(tmp_path, "empty.txt", "")
    assert excerpts_of(tmp_path, "pods.yaml", "empty.txt", "gone.log") == ()


def test_a_secret_that_somebody_put_into_a_file_of_the_folder_is_not_shown(tmp_path: Path) -> None:
    (one,) = excerpts_of(tmp_path, write(tmp_path, "a.log", "Authorization: Bearer abcdefghijklmnop\n"))
    assert one.head == ("Authorization: [redacted]",)


@pytest.mark.parametrize(
    "path", ["../secret.txt", "link.txt", "folder.txt", "pipe.txt", "nul\0.txt", "folder.txt/../../secret.txt"]
)
def test_nothing_but_a_regular_file_of_the_folder_is_read(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "run"
    (folder / "folder.txt").mkdir(parents=True)
    write(tmp_path, "secret.txt", "secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(folder / "pipe.txt")  # to open it would wait for ever
    assert excerpts_of(folder, path) == ()


def test_an_absolute_path_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    write(tmp_path, "secret.txt", "secret")
    assert excerpts_of(tmp_path / "run", str(tmp_path / "secret.txt")) == ()


def test_samples_that_are_not_there_are_none(tmp_path: Path) -> None:
    assert read_samples(tmp_path) == ""
    write(tmp_path, "load/bad-answers.jsonl", "{}\n")
    assert read_samples(tmp_path) == "{}\n"
