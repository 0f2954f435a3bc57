"""Secrets are taken out of everything before it is written. Rather a word too much than a key too few."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "[redacted]"
_SECRET_NAME = (
    r"[\w.-]*(?:api[_-]?key|apikey|token|passw(?:or)?d|passwd|secret|authorization|credential|private[_-]?key)[\w.-]*"
)
_PATTERNS = (
    # Authorization headers, also inside JSON: the scheme and everything up to the end of the value
    re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;}]+"),
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    # name: value, name=value, "name": "value"
    re.compile(rf"(?i)([\"']?\b{_SECRET_NAME}[\"']?\s*[:=]\s*[\"']?)(?!\[redacted\])[^\s\"',;}}&]+"),
    # well-known shapes: OpenAI-like keys, JSON web tokens, user:password@ in URLs
    re.compile(r"()\bsk-[A-Za-z0-9_-]{8,}"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"),
    re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets, and without anything that looks like one by its name or shape."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text
