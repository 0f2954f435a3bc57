"""What a command writes: with times, bounded, and without secrets."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.model.instant import ns_to_seconds

_MOST_BYTES = 200 * 1024
_STEERS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
_TIME = re.compile(r"^\[ *\d+\.\d{3} s\] ", re.MULTILINE)


class Output:
    """The end of what a command writes, each line with the time since it began. One thread writes, any reads."""

    def __init__(self, begun_ns: int) -> None:
        self._begun_ns = begun_ns
        self._kept = bytearray()
        self._at_start, self._cut = True, False
        self._lock = threading.Lock()

    def take(self, piece: bytes, now_ns: int) -> None:
        """Add what was read at `now_ns`."""
        with self._lock:
            for part in re.findall(rb"[^\n]*\n|[^\n]+", piece):
                self._add(part, now_ns)
            if len(self._kept) > 2 * _MOST_BYTES:
                self._cut = True
                del self._kept[: len(self._kept) - 2 * _MOST_BYTES]

    def text(self, secrets: Iterable[str]) -> str:
        """Return at most the last 200 KiB, redacted, without characters that steer a terminal."""
        with self._lock:
            kept, cut = bytes(self._kept), self._cut
        if cut:  # where it was cut may be the middle of a secret, which nobody would recognize
            kept = kept.partition(b"\n")[2] or kept[_MOST_BYTES:]
        clean = _STEERS.sub("", redact(_with_line_ends(kept.decode("utf-8", "replace")), secrets))
        end = clean.encode()[-_MOST_BYTES:].decode("utf-8", "ignore")
        if not cut and len(end) == len(clean):
            return end or "it wrote nothing\n"
        return f"[only the end]\n{end.partition(chr(10))[2] or end}"

    def last_words(self, secrets: Iterable[str]) -> str:
        """Return the last line with a word in it."""
        lines = (printable(_TIME.sub("", line)) for line in reversed(self.text(secrets).splitlines()))
        return next((line for line in lines if any(map(str.isalnum, line))), "it wrote nothing")

    def _add(self, part: bytes, now_ns: int) -> None:
        if self._at_start:
            self._kept += f"[{ns_to_seconds(now_ns - self._begun_ns):8.3f} s] ".encode()
        self._kept += part
        self._at_start = part.endswith(b"\n")


def _with_line_ends(text: str) -> str:
    """What goes back to the start of its line would write over it: each on a line of its own."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
