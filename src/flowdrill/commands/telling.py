"""What is said beside an answer, and the end of both streams: whoever was to read them may be gone."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from typing import TextIO, TypeGuard

from flowdrill.commands.exit_codes import ExitCode


def tell(text: str) -> None:
    """Print a line on standard error. A terminal or a pipe that is gone changes nothing of what is being done."""
    with suppress(OSError):
        print(text, file=sys.stderr, flush=True)


def is_unread(error: Exception) -> TypeGuard[OSError]:
    """Return whether an error is that of printing to a pipe or a terminal that is gone."""
    return isinstance(error, OSError) and error.filename is None and error.errno in (errno.EPIPE, errno.EIO)


def answered(text: str, code: ExitCode) -> ExitCode:
    """Print an answer on standard output, with all that is still to be sent; return the exit code: ERROR where nobody
    can read it, unless a signal has ended the command. Neither stream holds anything afterwards: Python would try once
    more at its end, and end with a code of its own."""
    _let_go(sys.stderr, "")
    unread = _let_go(sys.stdout, text)
    if unread is None:
        return code
    tell(f"flowdrill: the answer cannot be written to standard output: {unread}")
    return code if code.is_signal else ExitCode.ERROR


def _let_go(stream: TextIO, text: str) -> str | None:
    try:
        stream.write(text)
        stream.flush()
    except OSError as error:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - no path of anybody's
            os.dup2(nowhere.fileno(), stream.fileno())
        return error.strerror or str(error)
    return None
