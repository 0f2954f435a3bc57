"""The ports of images: where they are kept, which of them are verified, and what is wrong with one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from flowdrill.model.image_health import ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import BrokenImage, PreparedImage, Program, RetainedImage
from flowdrill.model.langflow_version import FoundVersion, VersionUnknown
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.model.scanner_report import ScannerReport
from flowdrill.model.scenario import Scenario
from flowdrill.model.surroundings import PullSecret


class Registry(Protocol):
    """The registry that holds the stable image. Every method raises RegistryError or ImageMissingError."""

    def retained(self, reference: ImageReference) -> RetainedImage:
        """Return what `reference` (tag or digest) resolves to; its manifest and every blob it names were found."""
        ...

    def examine(
        self, references: Sequence[ImageReference], tier: Tier, *, sample: float = 1.0, seed: str = "",
        platforms: tuple[str, ...] | None = None, told: Callable[[int, int], None] | None = None,
    ) -> tuple[ImageHealth, ...]:  # fmt: skip
        """Look at many images at once, and return their healths in the order given. `platforms` (os/architecture) are
        those wanted of an index. At tier bytes `sample` of the blobs are downloaded, and `seed` says which; `told`
        hears how many of the distinct images are done. Raises nothing that a registry answers, or leaves unanswered."""
        ...

    def resolve(self, reference: ImageReference) -> str | None:
        """Return the digest that the reference's tag has now (its digest's own where it has no tag), or None when
        there is no such tag."""
        ...

    def tags(self, reference: ImageReference) -> tuple[str, ...]:
        """Return every tag of the reference's repository."""
        ...

    def pullable(self, reference: ImageReference, pull_secrets: Sequence[PullSecret]) -> ImageHealth:
        """Look at tier exists as the kubelet would pull: with the logins of these secrets that are for the image, or
        with none; never with the harness's own. Raises nothing that a registry answers."""
        ...

    def langflow_version(self, reference: ImageReference) -> FoundVersion | VersionUnknown:
        """Return which LangFlow an image has, or why that was not found out within a few seconds."""
        ...

    def prepare_broken(self, stable: ImageReference, scenario: Scenario, run_id: str) -> PreparedImage:
        """Compute the broken image: the stable one (given by digest) plus the scenario's one layer. Pushes nothing.
        PlanError when a change finds nothing to change."""
        ...

    def prepare_program(self, stable: ImageReference, program: Program, run_id: str) -> PreparedImage:
        """Compute an image that runs `program` on the stable one (given by digest), which it differs from by one
        layer. Pushes nothing."""
        ...

    def push(self, prepared: PreparedImage) -> None:
        """Push a prepared image: its new blobs, and its manifest under its tag."""
        ...

    def delete(self, broken: BrokenImage) -> tuple[str, ...]:
        """Delete a pushed image's tag, manifest and own blobs; return what is left behind, each with the reason."""
        ...


class LedgerBook(Protocol):
    """Where the ledger of one workload is kept. Every method raises LedgerError, and what its store raises."""

    def read(self) -> Ledger:
        """Return the whole ledger, an empty one where none exists yet; BrokenLedgerError at the first bad entry."""
        ...

    def append(self, digest: str, reference: str, by: str, note: str) -> LedgerEntry:
        """Add one entry and return it as it was written. What `by` has said of `digest` before is not said again: the
        entry that is there is returned. PlanError when a text must not be in a ledger."""
        ...


class Scanner(Protocol):
    """A vulnerability scanner, or the report that one has written."""

    def report(self, image: ImageReference) -> ScannerReport:
        """Return the report of an image (given by digest), of whatever image it is. PlanError when a report that was
        named cannot be used; ScannerError when the scanner could not be asked."""
        ...
