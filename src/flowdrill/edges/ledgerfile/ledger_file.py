"""The ledger in a file: replaced whole, by one writer at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from flowdrill.analysis.ledger_chain import MOST_BYTES, appended, ledger_text, parse_ledger, said_before
from flowdrill.durable_file import replace_durably
from flowdrill.errors import LedgerError
from flowdrill.model.ledger import Ledger, LedgerEntry

_LOCK_SECONDS = 10.0
_PAUSE_SECONDS = 0.05


class LedgerFile:
    """The `LedgerBook` port, in a file. Every method raises LedgerError."""

    def __init__(self, path: Path, now: Callable[[], datetime], *, lock_seconds: float = _LOCK_SECONDS) -> None:
        """Entries get their time from `now`; `lock_seconds` is how long another writer is waited for."""
        self._path = path.resolve()  # behind a link, the file that it points to is replaced, not the link
        self._where, self._now, self._lock_seconds = str(path), now, lock_seconds

    def read(self) -> Ledger:
        """Return the whole ledger, an empty one where there is no file yet."""
        try:
            content = _content(self._path)
        except FileNotFoundError:
            return Ledger(self._where)
        except OSError as error:
            raise self._unusable(error) from error
        try:
            text = content.decode()
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise LedgerError(
                f"{self._where}:{line}: is no UTF-8 text (byte {error.start})", "put back a copy that is"
            ) from error
        return parse_ledger(text, self._where)

    def append(self, digest: str, reference: str, by: str, note: str) -> LedgerEntry:
        """Add one entry and return it: it is on the disk then. What `by` has said of `digest` is not said again."""
        try:
            with self._alone():
                ledger = self.read()
                known = said_before(ledger, digest, by)
                if known is not None:
                    return known
                grown = appended(ledger, digest=digest, reference=reference, verified_at=self._now(), by=by, note=note)
                _replace(self._path, ledger_text(grown))
        except OSError as error:
            raise self._unusable(error) from error
        return grown.entries[-1]

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Hold the lock file, which is there only as long: whoever got it when its holder removed it tries again."""
        path, end = self._path.with_name(f".{self._path.name}.lock"), time.monotonic() + self._lock_seconds
        while (lock := _locked(path)) is None:
            if time.monotonic() > end:
                raise LedgerError(
                    f"{self._where}: another process has been writing it for {self._lock_seconds:g} s",
                    f"see which: `fuser {path}`; then try again",
                )
            time.sleep(_PAUSE_SECONDS)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            os.close(lock)

    def _unusable(self, error: OSError) -> LedgerError:
        return LedgerError(
            f"{self._where}: {error.strerror}",
            "policy.ledger.file in the drill names a file beside the drill file, in a folder that is there and can be "
            "written",
        )


def _content(path: Path) -> bytes:
    """Read at most one byte more than a ledger may have; nothing that is no regular file, which might never end."""
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:  # noqa: PTH123 - of an open file
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError(0, "is no file")
        return file.read(MOST_BYTES + 1)


def _locked(path: Path) -> int | None:
    """Return the lock file, open and locked, or None when somebody else holds it or has just removed it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(lock), path.stat()):
            return lock
    except (BlockingIOError, FileNotFoundError):
        pass
    except BaseException:
        os.close(lock)
        raise
    os.close(lock)
    return None


def _replace(path: Path, text: str) -> None:
    """Write the file whole or not at all, with the permissions it had."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    replace_durably(path, text.encode(), mode=mode)
