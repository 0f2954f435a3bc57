"""Printing waits for nobody."""

from __future__ import annotations

import io
import os
import pty
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import TextIO

import pytest
from rich.console import Console

from flowdrill.edges.terminal.live import LiveView
from flowdrill.edges.terminal.unblocked import UnblockedStream, unblocked
from flowdrill.model.events import Noted
from tests.fakes.world import World

MORE_THAN_FITS = "x" * 4000 + "\n"


@pytest.fixture
def full() -> Iterator[tuple[int, TextIO]]:
    """A pipe whose reader never reads: its reading end, and a stream to it."""
    reads, writes = os.pipe()
    with os.fdopen(writes, "w") as stream:
        yield reads, stream
    with suppress(OSError):
        os.close(reads)


def read_on(descriptor: int, found: list[bytes]) -> None:
    while piece := os.read(descriptor, 1 << 16):
        found.append(piece)


def test_a_pipe_that_nobody_reads_holds_nothing_up_and_its_flags_stay(full: tuple[int, TextIO]) -> None:
    _, stream = full
    ours = unblocked(stream)
    for _ in range(100):  # six times what a pipe takes
        ours.write(MORE_THAN_FITS)
    ours.close()
    assert os.get_blocking(stream.fileno()), "others share this pipe"


def test_a_reader_who_is_slow_gets_every_line_in_order(full: tuple[int, TextIO]) -> None:
    reads, stream = full
    ours, found = unblocked(stream), list[bytes]()
    assert isinstance(ours, UnblockedStream)
    lines = [f"{number} {'y' * 1000}\n" for number in range(300)]
    for line in lines:
        ours.write(line)
    reader = threading.Thread(target=read_on, args=(reads, found))
    reader.start()
    ours.settle(60)
    ours.close()
    stream.close()
    reader.join()
    assert b"".join(found).decode() == "".join(lines)


def test_lines_that_are_too_many_to_keep_are_dropped_and_that_is_said(full: tuple[int, TextIO]) -> None:
    reads, stream = full
    ours, found = unblocked(stream), list[bytes]()
    assert isinstance(ours, UnblockedStream)
    for _ in range(400):
        ours.write(MORE_THAN_FITS)
    reader = threading.Thread(target=read_on, args=(reads, found))
    reader.start()
    ours.settle(60)
    ours.write("the last\n")
    ours.settle(60)
    ours.close()
    stream.close()
    reader.join()
    assert b"".join(found).endswith(b"x\n... (lines were dropped: nobody read them)\nthe last\n")


def test_a_reader_who_is_gone_is_an_error_at_once(full: tuple[int, TextIO]) -> None:
    reads, stream = full
    ours = unblocked(stream)
    os.close(reads)
    with pytest.raises(BrokenPipeError):
        ours.write("line\n")
    ours.close()


def test_what_is_no_pipe_and_no_terminal_is_left_as_it_is() -> None:
    text = io.StringIO()
    assert unblocked(text) is text


def test_a_whole_run_goes_on_while_nobody_reads_its_terminal() -> None:
    controls, terminal = pty.openpty()
    with os.fdopen(terminal, "w") as stream:
        ours, world = unblocked(stream), World()
        assert ours.isatty()
        with LiveView(Console(file=ours, highlight=False, markup=False)) as view:
            emit = world.emit

            def shown(event: object) -> None:
                emit(event)  # type: ignore[arg-type]
                view.emit(event)  # type: ignore[arg-type]
                view.emit(Noted(at_ns=1, text=MORE_THAN_FITS * 10))

            world.emit = shown  # type: ignore[method-assign]
            assert world.run().error is None
            os.close(controls)  # the terminal is closed
            view.emit(Noted(at_ns=1, text="nobody sees this"))
        ours.close()
    assert world.problems_left() == []


def test_a_view_that_fails_ends_and_the_run_goes_on() -> None:
    class Failing(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            raise RuntimeError("a defect of the view")

    failing = Failing()
    with LiveView(Console(file=failing, highlight=False, markup=False)) as view:
        for _ in range(3):
            view.emit(Noted(at_ns=1, text="line"))
    assert failing.writes == 1
