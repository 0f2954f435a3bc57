"""What `flowdrill verify` found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Signature(StrEnum):
    """What is known of a run's signature."""

    GOOD = "good"  # by the key that was given, over every file
    WRONG = "wrong"
    NOT_CHECKED = "not checked"  # no key was given, or the files could not be read
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verification:
    """`problems`: what does not match, the first one first. `chains`: what is known of the events, a sentence a file.
    `digests`: whether there is a list of them at all. `result_sha256`: of the `result.json` that was looked at."""

    run: str
    problems: tuple[str, ...]
    signature: Signature
    key_id: str | None
    chains: tuple[str, ...]
    digests: bool
    result_sha256: str | None = None

    @property
    def proven(self) -> bool:
        """Whether every file is what the key's owner has signed."""
        return not self.problems and self.signature is Signature.GOOD
