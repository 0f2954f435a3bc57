"""When does a Lease that is only looked at, by another clock than its holder's, count as one that nobody renews?"""

from __future__ import annotations


class LeaseSilence:
    """What a watcher has seen of a Lease, by its own monotonic clock in seconds. Only that something changes counts:
    the holder's clock may be any other."""

    def __init__(self, limit_seconds: float) -> None:
        """`limit_seconds`: how long holder and renewal may stay as they are."""
        self._limit_seconds = limit_seconds
        self._mark: tuple[str, str] | None = None
        self._since_seconds = 0.0
        self._looks_needed, self._doubted = 1, False  # past the limit

    def seen(self, holder: str, renewed: str, now_seconds: float) -> bool:
        """Take in one look; return whether nobody keeps the Lease any more."""
        if (holder, renewed) != self._mark:
            self._mark, self._since_seconds = (holder, renewed), now_seconds
            self._looks_needed, self._doubted = 1, False
            return False
        if now_seconds - self._since_seconds < self._limit_seconds:
            return False
        self._looks_needed -= 1
        return self._looks_needed < 1

    def unanswered(self) -> None:
        """The API server did not answer: perhaps nobody could renew meanwhile. Then one look more is needed, so that a
        holder that is alive has had the time to; but only one, however often there is no answer."""
        if not self._doubted:
            self._looks_needed, self._doubted = self._looks_needed + 1, True
