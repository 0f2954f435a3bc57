"""Reads Trivy's JSON (schema version 2), and says whether a report is one of a given image. A report is a file that
anybody may have written: no type in it is trusted, and no text of it is taken whole."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

from flowdrill.errors import PlanError
from flowdrill.model.policy import Severity
from flowdrill.model.scanner_report import ScannerReport, Vulnerability

LARGEST_REPORT = 32 << 20  # bytes
_SCHEMA_VERSION = 2
_MOST_ITEMS = 200_000
_DIGEST = re.compile(r"(?:^|@)(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$")
_PACKAGES = ("os-pkgs", "lang-pkgs")
_LONGEST = 200
_REMEDY = "write it with `trivy image --format json --output FILE IMAGE@DIGEST`"
_WORST_FIRST = (*reversed(Severity), None)


def parse_report(text: bytes, where: str) -> ScannerReport:
    """Return Trivy's report; PlanError naming `where` when it is none of a container image that can be read."""
    if len(text) > LARGEST_REPORT:
        raise PlanError(f"{where}: is larger than the {LARGEST_REPORT} bytes a scanner's report may have", _REMEDY)
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        said = f"line {error.lineno}: {error.msg}" if isinstance(error, json.JSONDecodeError) else "no text"
        raise PlanError(f"{where}: is not JSON ({said})", _REMEDY) from error
    if not isinstance(fields, dict) or fields.get("SchemaVersion") != _SCHEMA_VERSION:
        version = _text(fields.get("SchemaVersion")) if isinstance(fields, dict) else ""
        raise PlanError(
            f"{where}: is no report of Trivy with SchemaVersion {_SCHEMA_VERSION}, but {version or 'without one'}",
            _REMEDY,
        )
    kind = _text(fields.get("ArtifactType"))
    if kind != "container_image":
        raise PlanError(f"{where}: ArtifactType is {kind!r}: it is no report of a container image", _REMEDY)
    results = _mappings(fields.get("Results"), f"{where}: Results")
    looked_at = [one for one in results if one.get("Class") in _PACKAGES or one.get("Vulnerabilities")]
    return ScannerReport(
        where,
        _text(fields.get("ArtifactName")),
        _digests(fields),
        _text(fields.get("CreatedAt")) or None,
        len(looked_at),
        _worst_first(_vulnerabilities(looked_at, where)),
    )


def other_image(report: ScannerReport, names: Iterable[str]) -> bool:
    """Return whether a report is of another image than the one that has these digests (of its manifest, of its
    platforms' manifests, of its configuration). A report without a digest could be of any."""
    return not set(report.digests) & set(names)


def at_least(report: ScannerReport, severity: Severity) -> tuple[Vulnerability, ...]:
    """Return the vulnerabilities that are as bad as `severity`, or worse."""
    bad = _WORST_FIRST[: _WORST_FIRST.index(severity) + 1]
    return tuple(one for one in report.vulnerabilities if one.severity in bad)


def _digests(fields: Mapping[str, object]) -> tuple[str, ...]:
    metadata = fields.get("Metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    listed = metadata.get("RepoDigests")
    named = listed[:100] if isinstance(listed, list) else []
    texts = [*named, fields.get("ArtifactName"), metadata.get("ImageID")]
    found = (_DIGEST.search(text[-1000:]) for text in texts if isinstance(text, str))
    return tuple(dict.fromkeys(match[1] for match in found if match))


def _vulnerabilities(results: list[Mapping[str, object]], where: str) -> Iterator[Vulnerability]:
    left = _MOST_ITEMS
    for result in results:
        found = _mappings(result.get("Vulnerabilities"), f"{where}: Vulnerabilities")
        left -= len(found)
        if left < 0:
            raise PlanError(f"{where}: has more than {_MOST_ITEMS} vulnerabilities", "scan one image only")
        for one in found:
            graded = _text(one.get("Severity")).lower()
            yield Vulnerability(
                _text(one.get("VulnerabilityID")) or "without an id",
                _text(one.get("PkgName")),
                _text(one.get("InstalledVersion")),
                _text(one.get("FixedVersion")) or None,
                Severity(graded) if graded in list(Severity) else None,
                _text(one.get("Title")),
            )


def _worst_first(found: Iterable[Vulnerability]) -> tuple[Vulnerability, ...]:
    """Each once, although several files of an image may have the same package."""
    once = {(one.id, one.package, one.installed): one for one in found}
    return tuple(sorted(once.values(), key=lambda one: (_WORST_FIRST.index(one.severity), one.id, one.package)))


def _mappings(value: object, what: str) -> list[Mapping[str, object]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise PlanError(f"{what}: is not a list of objects", _REMEDY)
    return value


def _text(value: object) -> str:
    """A text of the report on one line, cut; "" for anything else than a text or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return ""
    try:
        shown = str(value)[:_LONGEST]
    except ValueError:  # an integer of more digits than Python writes
        return ""
    return "".join(one if one.isprintable() else " " for one in shown).strip()
