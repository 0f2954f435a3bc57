"""Content digests, `sha256:<hex>`: what images are named by, and what every received byte is checked against."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from flowdrill.errors import ContentDamagedError

if TYPE_CHECKING:
    from hashlib import _Hash

_DIGEST = re.compile(r"(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})")


def is_digest(text: object) -> bool:
    """Return whether `text` is a digest that can be checked."""
    return isinstance(text, str) and _DIGEST.fullmatch(text) is not None


def digest_of(content: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of `content`."""
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def hash_for(digest: str) -> _Hash:
    """Return an empty hash of the digest's algorithm."""
    return hashlib.new(digest.partition(":")[0])


def check_digest(found: str, wanted: str, what: str) -> None:
    """Raise ContentDamagedError when the registry sent something else than what was asked for."""
    if found != wanted:
        raise ContentDamagedError(
            f"{what}: the registry sent content whose digest is {found}, not {wanted}",
            "Nothing of it was used. The registry's storage, or a proxy before it, is damaged or hostile: "
            "push the image again, or ask the registry's operator.",
        )
