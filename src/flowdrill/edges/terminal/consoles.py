"""Consoles on standard error: for everything that is no result."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rich.console import Console

from flowdrill.edges.terminal.lines import visible
from flowdrill.edges.terminal.unblocked import UnblockedStream, unblocked


def console_of_errors() -> Console:
    """Return the console for everything that is no result: standard error."""
    return Console(stderr=True, highlight=False, markup=False)


def console_of_run() -> Console:
    """Return the same for a run, which never waits for whoever reads it."""
    return Console(file=unblocked(sys.stderr), highlight=False, markup=False)


@contextmanager
def settled(console: Console) -> Iterator[None]:
    """Afterwards everything that was printed has been read, unless nobody reads."""
    try:
        yield
    finally:
        if isinstance(console.file, UnblockedStream):
            with suppress(OSError):
                console.file.settle()
            console.file.close()


def say_on(console: Console) -> Callable[[str], None]:
    """Return what prints a line there, with nothing in it that could steer a terminal."""

    def say(text: str) -> None:
        with suppress(OSError, ValueError):  # nobody reads any more
            console.print(visible(text), soft_wrap=True)

    return say
