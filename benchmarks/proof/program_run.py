"""Runs a benchmark's program, and leaves nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

END_SECONDS = 20  # what a program may take to end when it is told to


def exit_code_of(arguments: list[str], limit_seconds: float) -> int | None:
    """Run Python on a file; its exit code, or None when it had to be stopped. What it has started ends with it."""
    process = subprocess.Popen([sys.executable, *arguments], start_new_session=True)
    try:
        return process.wait(limit_seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        stop_group(process)


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """End all that is left of it: politely first, so that it takes down what it has started."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            wait_for_its_end(process, END_SECONDS)
        except ProcessLookupError:
            process.wait()
            return


def wait_for_its_end(process: subprocess.Popen[bytes], seconds: float) -> None:
    """Return after so many seconds; ProcessLookupError as soon as nothing of its group is left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.poll()  # what has ended and was not asked is still of the group
        os.killpg(process.pid, 0)
        time.sleep(0.05)
