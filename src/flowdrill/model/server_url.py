"""Whether a URL leads to an HTTP server at all."""

from __future__ import annotations

from urllib.parse import urlsplit


def names_a_server(url: str) -> bool:
    """Return whether it has http or https, a host, and a port that can be one where it names any (RFC 3986)."""
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
