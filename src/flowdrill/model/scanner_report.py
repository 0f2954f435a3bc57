"""What a vulnerability scanner has found in an image."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.policy import Severity


@dataclass(frozen=True, slots=True)
class Vulnerability:
    """One vulnerability of one installed package."""

    id: str
    package: str
    installed: str
    fixed: str | None  # None: no version without it is known
    severity: Severity | None  # None: the scanner does not grade it
    title: str


@dataclass(frozen=True, slots=True)
class ScannerReport:
    """A whole report, on one image."""

    where: str  # the file, or the command that wrote it
    artifact: str  # what was scanned, by its own name
    digests: tuple[str, ...]  # that it calls the image by: manifests', and its configuration's; empty: by none
    created: str | None  # when it was written, as it says itself
    targets: int  # how many parts of the image were looked at for packages; 0: nothing was
    vulnerabilities: tuple[Vulnerability, ...]  # the worst first, each once
