"""Where in S3-compatible storage: `s3://BUCKET/PREFIX`, at AWS or at an endpoint of one's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from flowdrill.errors import PlanError
from flowdrill.model.server_url import names_a_server

SCHEME = "s3://"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}")
_PART = re.compile(r"[\w.+@=-]{1,200}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """`prefix`: empty, or with a `/` at its end. `endpoint`: None for what the environment or AWS' files name."""

    bucket: str
    prefix: str
    endpoint: str | None = None

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.prefix}"


def parse_place(text: str, endpoint: str | None = None) -> Place:
    """Return the place that a text names; PlanError when it names none."""
    bucket, _, prefix = text.removeprefix(SCHEME).partition("/")
    parts = [one for one in prefix.split("/") if one]
    named = all(_PART.fullmatch(one) and one not in (".", "..") for one in parts)
    if not text.startswith(SCHEME) or not _BUCKET.fullmatch(bucket) or not named:
        raise PlanError(f"{text}: is no place in S3-compatible storage", "such as s3://BUCKET/PREFIX/")
    return Place(bucket, "".join(f"{one}/" for one in parts), None if endpoint is None else _checked(endpoint))


def _checked(endpoint: str) -> str:
    """An endpoint is shown in errors: so it has no password in it."""
    if not names_a_server(endpoint) or "@" in endpoint or not endpoint.isprintable():
        raise PlanError("--endpoint-url: is no URL of a server", "such as https://minio.example:9000, without a user")
    return endpoint
