"""What a harness and its guard say to each other, and what a fence lets through."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from flowdrill.edges.guard.link import Word, hear, say
from flowdrill.edges.guard.post import POST, Post, read_post, write_post
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.errors import FencedError, RunFolderError


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    hears, says = os.pipe()
    yield hears, says
    for end in (hears, says):
        with suppress(OSError):
            os.close(end)


def test_words_come_in_order_and_then_there_is_silence(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    spoken = [Word.RENEWED, Word.RENEWED, Word.HANDED_OVER, Word.DISMISSED]
    assert all(say(says, word) for word in spoken)
    assert [hear(hears, 1) for _ in spoken] == spoken
    assert hear(hears, 0.01) is Word.SILENCE


def test_a_harness_that_is_gone_is_heard_at_once_and_again(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    say(says, Word.RENEWED)
    os.close(says)
    assert [hear(hears, 60) for _ in range(3)] == [Word.RENEWED, Word.ENDED, Word.ENDED]


def test_letters_that_nobody_knows_are_passed_over(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    os.write(says, b"\x00xyz" + (Word.DISMISSED.value or b""))
    assert hear(hears, 1) is Word.DISMISSED


def test_nobody_listens_any_more(pipe: tuple[int, int]) -> None:
    hears, says = pipe
    os.close(hears)
    assert not say(says, Word.RENEWED)


def test_a_fence_is_open_until_it_is_held_and_closes_by_itself() -> None:
    fence = Fence()
    fence.refuse_if_closed()
    fence.hold_until(time.monotonic() + 60)
    fence.refuse_if_closed()
    fence.hold_until(time.monotonic() - 0.001)
    with pytest.raises(FencedError, match="the guard may act"):
        fence.refuse_if_closed()
    fence.hold_until(time.monotonic() + 60)
    fence.refuse_if_closed()


def test_a_post_is_written_down_and_read_back(tmp_path: Path) -> None:
    post = Post("prod", "/home/me/.kube/config", "/drills", ephemeral=True, registry_switch="/x")
    write_post(tmp_path, post)
    assert read_post(tmp_path) == post


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"context": 1}'])
def test_a_post_that_is_not_there_or_is_damaged_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / POST).write_bytes(content)
    with pytest.raises(RunFolderError, match=rf"{POST}: "):
        read_post(tmp_path)
