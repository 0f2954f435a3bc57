"""Secrets are taken out of everything before it is written. Rather a word too much than a key too few.

Every pattern takes time in proportion to the text, whatever the text: nothing unbounded stands before a part that may
fail to match. Logs are other people's texts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

_SHORTEST_SECRET = 4  # characters; what is shorter would be redacted everywhere
REDACTED = "[redacted]"
_SECRET_NAME = (
    r"(?:api[ _-]?key|token|passw(?:or)?d|passphrase|pass\b|pwd|secret|authorization|credential"
    r"|(?:private|access|encryption|signing|fernet|master)[_-]?key)[\w.-]{0,40}"
)
_QUOTE = r"(?:\\?[\"'])?"  # also escaped: JSON that is a string of other JSON
# what follows an opening quote goes up to the closing one, or to the end of the line where there is none
_QUOTED = r"(?<=\")(?:[^\"\\\r\n]++|\\.)++|(?<=')(?:[^'\\\r\n]++|\\.)++"
_ESCAPED = r"(?<=\\\")[^\"\\\r\n]++|(?<=\\')[^'\\\r\n]++"
_COOKIE = r"\b(?:set-)?cookie"
_PRIVATE_KEY = "[A-Z ]{0,40}PRIVATE KEY"
_PATTERNS = (
    re.compile(rf"(?s)()-----BEGIN {_PRIVATE_KEY}.*?(?:-----END {_PRIVATE_KEY}(?: BLOCK)?-----|\Z)"),
    # Authorization headers, also inside JSON: the scheme and everything up to the end of the value
    re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?)(?:(?:bearer|basic|token)\s+)?[^\s\"',;}]+"),
    re.compile(r"(?i)(\bbearer\s+)[A-Za-z0-9._~+/=-]{8,}"),
    # cookies are one value each: "name": "value", then 'name: value' (as curl has it), then a line of its own
    re.compile(rf"(?i)({_COOKIE}\\?[\"']\s*[:=,]\s*b?\\?[\"'])(?:{_ESCAPED}|{_QUOTED})"),
    re.compile(rf"(?i)((?<=\"){_COOKIE}\s*[:=]\s*)(?:[^\"\\\r\n]++|\\.)++"),
    re.compile(rf"(?i)((?<='){_COOKIE}\s*[:=]\s*)(?:[^'\\\r\n]++|\\.)++"),
    re.compile(rf"(?i)((?<![\"']){_COOKIE}\s*[:=][ \t]*)[^\r\n]+"),
    # name: value, name=value, "name": "value"
    re.compile(rf"(?i)({_SECRET_NAME}{_QUOTE}\s*[:=]\s*{_QUOTE})(?:{_ESCAPED}|{_QUOTED}|[^\s\"',;}}&]+)"),
    # well-known shapes: OpenAI-like keys, tokens of GitHub and Slack, JSON web tokens, user:password@ in URLs
    re.compile(r"()\bsk-[A-Za-z0-9_-]{8,}"),
    re.compile(r"()\b(?:gh[pousr]_[A-Za-z0-9]{8,}|github_pat_\w{8,}|xox[a-z]-[A-Za-z0-9-]{8,})"),
    re.compile(r"()\beyJ[A-Za-z0-9_-]{8,500}+\.[A-Za-z0-9_-]++\.[A-Za-z0-9_-]*"),
    re.compile(r"(://[^/\s:@]*:)[^/\s]+(?=@)"),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets, and without anything that looks like one by its name or shape."""
    text = hide(text, secrets)
    for pattern in _PATTERNS:
        text = pattern.sub(rf"\g<1>{REDACTED}", text)
    return text


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return `text` without the given secrets."""
    for secret in sorted((s for s in secrets if s), key=len, reverse=True):
        text = text.replace(secret, REDACTED)
    return text


def cleaned(value: Any, clean: Callable[[str], str]) -> Any:
    """Return JSON with every text in it cleaned, keys as well: cleaned as one text, it could be JSON no more."""
    if isinstance(value, dict):
        return {clean(key): cleaned(one, clean) for key, one in value.items()}
    if isinstance(value, list):
        return [cleaned(one, clean) for one in value]
    return clean(value) if isinstance(value, str) else value


def names_a_secret(name: str) -> bool:
    """Return whether the value of something called `name` is to be redacted."""
    probe = f"{name}=x"
    return redact(probe) != probe


def follows_secret_option(values: Sequence[object], at: int) -> bool:
    """Return whether `values[at]` is secret by what stands before it: `["--api-key", "…"]`."""
    before = values[at - 1] if at else None
    return isinstance(before, str) and before.startswith("-") and "=" not in before and names_a_secret(before)


def secrets_of(environ: Mapping[str, str]) -> frozenset[str]:
    """Return what is secret in variables whose name says that they are."""
    return secret_texts(value for name, value in environ.items() if names_a_secret(name))


def secret_texts(secrets: Iterable[str]) -> frozenset[str]:
    """Return what to take out for some secrets: their texts, and each line of those with several. What is as short as
    `1` or `on` is left out: it would be redacted everywhere."""
    lines = {one.strip() for secret in secrets for one in (secret, *secret.splitlines())}
    return frozenset(one for one in lines if len(one) >= _SHORTEST_SECRET)
