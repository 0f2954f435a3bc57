"""What pipelines rely on."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The codes every command ends with."""

    PASS = 0
    FAIL = 1
    ERROR = 2
    INCONCLUSIVE = 3
    SIGHUP = 129
    SIGINT = 130
    SIGTERM = 143

    @property
    def is_signal(self) -> bool:
        """Whether a signal has ended the command, after everything was put back."""
        return self > 128
