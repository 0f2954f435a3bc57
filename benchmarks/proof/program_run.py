"""Runs a benchmark's program, and leaves nothing of it behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

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
            process.wait(END_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
