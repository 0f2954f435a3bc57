"""A place in S3-compatible storage as a store of evidence: `PREFIX/RUN_ID/`, with the archive and the reports in it.

`result.json` is put last: so a run whose push was cut off has none, and is named. What else lies below the prefix is
named, too, and counts nowhere.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.archive import write_archive
from flowdrill.edges.runfolder.run_files import ATTESTATION, FolderFiles
from flowdrill.edges.s3.bucket import Bucket
from flowdrill.errors import RunFolderError, StoreError
from flowdrill.history.stored_runs import MOST_TOLD_BYTES, Told
from flowdrill.history.verifying import RESULT
from flowdrill.model.result import Result

ARCHIVE = "run.zip"
_MOST_RUNS = 10_000
_RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_PUSHED = (
    (ARCHIVE, "application/zip"),
    ("report.html", "text/html"),
    (ATTESTATION, "application/json"),
    (RESULT, "application/json"),  # last: where it is, all is
)


@dataclass(frozen=True, slots=True)
class S3Store:
    """Implements `EvidenceStore`."""

    bucket: Bucket
    at_once: int = 16
    is_here: bool = False

    @property
    def name(self) -> str:
        """Its address."""
        return str(self.bucket.place)

    def runs(self, image: str | None) -> Sequence[S3Run]:  # noqa: ARG002 - all of them: each result says of which image
        """Return whatever lies below the place by its first name; StoreError when it cannot be looked at."""
        found = dict[str, set[str]]()
        for one in self.bucket.listed():
            name, _, rest = one.key.partition("/")
            found.setdefault(name, set()).add(rest)
        if len(found) > _MOST_RUNS:
            raise StoreError(f"{self.name}: more than {_MOST_RUNS} runs", "a prefix a year: name a narrower one")
        return [S3Run(self.bucket, name, frozenset(there)) for name, there in sorted(found.items())]

    def close(self) -> None:
        """End its connections."""
        self.bucket.close()


@dataclass(frozen=True, slots=True)
class S3Run:
    """Implements `StoredRun`. `there`: the names of its objects."""

    bucket: Bucket
    name: str
    there: frozenset[str]

    def told(self) -> Told:
        """Return what it says of itself, without its archive."""
        self._check()
        if RESULT not in self.there:
            raise RunFolderError(f"{self.name}: has no {RESULT}: its push did not come to its end", "push it again")
        attestation = None
        if ATTESTATION in self.there:
            attestation = self.bucket.small(f"{self.name}/{ATTESTATION}", MOST_TOLD_BYTES)
        return Told(self.bucket.small(f"{self.name}/{RESULT}", MOST_TOLD_BYTES), attestation)

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """Give its archive, fetched into a folder that is removed afterwards."""
        self._check()
        if ARCHIVE not in self.there:
            raise RunFolderError(f"{self.name}: its archive is not there: only its report was pushed", "push it whole")
        with tempfile.TemporaryDirectory(prefix="flowdrill-") as place:
            path = Path(place) / f"{self.name}.zip"
            self.bucket.fetch(f"{self.name}/{ARCHIVE}", path)
            yield path

    def _check(self) -> None:
        if not _RUN_ID.fullmatch(self.name) or not self.there & {one for one, _ in _PUSHED}:
            raise RunFolderError(f"{self.name[:200]!r}: is no run that flowdrill has pushed", "move it elsewhere")


def push_to_s3(bucket: Bucket, folder: Path, result: Result, *, report_only: bool) -> str:
    """Push a run's archive and reports; return where they are. Doing it again changes nothing. StoreError when the
    store does not take them, or has something else at the run's id; RunFolderError when they cannot be read."""
    if not _RUN_ID.fullmatch(result.run.id):
        raise RunFolderError(f"{folder}: its run's id is none: {result.run.id[:200]!r}", "push a run of flowdrill's")
    files = FolderFiles(folder)
    with tempfile.TemporaryDirectory(prefix="flowdrill-") as place:
        archive = Path(place) / ARCHIVE
        if not report_only:
            write_archive(files, folder.resolve().name, archive)
        for name, kind in _PUSHED:
            path = archive if name == ARCHIVE else folder / name
            if (name == ARCHIVE and not report_only) or name in files.names:
                _put(bucket, f"{result.run.id}/{name}", path, kind)
    return f"{bucket.place}{result.run.id}/"


def _put(bucket: Bucket, key: str, path: Path, kind: str) -> None:
    try:
        bucket.put(key, path, kind)
    except OSError as error:
        raise RunFolderError(f"{error.filename or path}: {error.strerror}", "make the run folder readable") from error
