"""What is asked of a store of evidence, whatever it is: its runs, what each says of itself, and the run itself."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

MOST_TOLD_BYTES = 16 << 20  # of a result, and of an attestation, that come from elsewhere


@dataclass(frozen=True, slots=True)
class Told:
    """The bytes of a run's `result.json`, and of its attestation where there is one. Nothing of it is believed yet."""

    result: bytes
    attestation: bytes | None


class StoredRun(Protocol):
    """One run of a store."""

    @property
    def name(self) -> str:
        """What it is called there."""

    def told(self) -> Told:
        """Return what it says of itself. RunFolderError or OSError when this run cannot be read; any other
        FlowdrillError when the store itself cannot be asked."""

    def whole(self) -> AbstractContextManager[Path]:
        """Give the run's folder or archive, brought here where it is not; the same errors."""


class EvidenceStore(Protocol):
    """Where runs are kept. `at_once`: so many may be read at the same time. `is_here`: whether looking at a whole run
    brings nothing onto this machine."""

    @property
    def name(self) -> str:
        """As it is told."""

    @property
    def at_once(self) -> int:
        """See above."""

    @property
    def is_here(self) -> bool:
        """See above."""

    def runs(self, image: str | None) -> Sequence[StoredRun]:
        """Return the runs, sorted by name; those of one image's digest alone where the store can tell them apart.
        FlowdrillError when it cannot be looked at."""

    def close(self) -> None:
        """End its connections."""
