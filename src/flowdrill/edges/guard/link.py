"""What the harness and its guard say to each other: single letters through a pipe, and lines back."""

from __future__ import annotations

import os
import select
import time
from enum import Enum


class Word(Enum):
    """What the guard hears from the harness."""

    RENEWED = b"r"  # the Lease was renewed
    HANDED_OVER = b"h"  # do it at once: this process ends
    DISMISSED = b"d"  # everything is put back
    ENDED = b""  # nobody holds the other end any more: the harness is dead
    SILENCE = None  # nothing was heard


READY, ACTS, DONE = "ready", "acts", "done: "  # lines from the guard; after `done: ` what came of it


def say(descriptor: int, word: Word) -> bool:
    """Say it; False when nobody listens any more. Safe in a signal handler."""
    try:
        os.write(descriptor, word.value or b"")
    except OSError:
        return False
    return True


def hear(descriptor: int, limit_seconds: float | None) -> Word:
    """Return the next word, SILENCE when none comes within the limit (None: there is no limit)."""
    deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
    while True:
        left_seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
        readable, _, _ = select.select([descriptor], [], [], left_seconds)
        if not readable:
            return Word.SILENCE
        letter = os.read(descriptor, 1)
        for word in Word:
            if word.value == letter:
                return word
