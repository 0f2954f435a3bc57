"""A registry as a store of evidence: the runs that refer to an image's digest (`history/pushing.py` has put them)."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.run_files import ATTESTATION
from flowdrill.errors import LoginRefusedError, PlanError, RegistryAwayError, RegistryError, RunFolderError
from flowdrill.history.stored_runs import MOST_TOLD_BYTES, Told
from flowdrill.history.verifying import RESULT
from flowdrill.model.json_text import parsed_json
from flowdrill.oci.artifact import TITLE
from flowdrill.oci.digest import is_digest
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.referrers import referrers_of
from flowdrill.oci.repository import Repository

ARTIFACT_TYPE = "application/vnd.flowdrill.run.v1"
OCI = "oci://"
_MOST_ARCHIVE_BYTES = 4 << 30
_REMEDY = "look at it with `oras`; whoever may push there may have pushed it"


@dataclass(frozen=True, slots=True)
class RegistryStore:
    """Implements `EvidenceStore`."""

    repository: Repository
    at_once: int = 8
    is_here: bool = False

    @property
    def name(self) -> str:
        """Its address."""
        return f"{OCI}{self.repository.where}"

    def runs(self, image: str | None) -> Sequence[RegistryRun]:
        """Return the runs that refer to the image; PlanError when none is named, RegistryError when the registry cannot
        be asked."""
        if image is None:
            raise PlanError(f"{self.name}: of which image is not said", "a registry keeps runs beside images: --image")
        found = referrers_of(self.repository, image, ARTIFACT_TYPE)
        return [RegistryRun(self.repository, digest) for digest in sorted({one.digest for one in found})]

    def close(self) -> None:
        """End its connections."""
        self.repository.client.close()


@dataclass(frozen=True, slots=True)
class RegistryRun:
    """Implements `StoredRun`. `name`: its artifact's digest."""

    repository: Repository
    name: str

    def told(self) -> Told:
        """Return what it says of itself, without its archive."""
        files = self._files()
        if RESULT not in files:
            raise RunFolderError(f"{self.name}: has no {RESULT}: it is no run that flowdrill has pushed", _REMEDY)
        attestation = self._small(files[ATTESTATION]) if ATTESTATION in files else None
        return Told(self._small(files[RESULT]), attestation)

    @contextmanager
    def whole(self) -> Iterator[Path]:
        """Give its archive, fetched into a folder that is removed afterwards."""
        archives = [one for title, one in self._files().items() if title.endswith(".zip")]
        if len(archives) != 1:
            raise RunFolderError(f"{self.name}: has {len(archives)} archives: only its report was pushed", _REMEDY)
        if archives[0].size > _MOST_ARCHIVE_BYTES:
            raise RunFolderError(f"{self.name}: its archive is larger than {_MOST_ARCHIVE_BYTES >> 30} GiB", _REMEDY)
        with tempfile.TemporaryDirectory(prefix="flowdrill-") as place:
            path = Path(place) / "run.zip"
            with _of_this_run(self.name), path.open("wb") as file:
                for piece in self.repository.blob_pieces(archives[0]):
                    file.write(piece)
            yield path

    def _files(self) -> Mapping[str, Descriptor]:
        with _of_this_run(self.name):
            document = self.repository.manifest(self.name).document
        try:
            layers = parsed_json(document)["layers"]
            named = [(one["annotations"][TITLE], one["digest"], one["size"]) for one in layers]
        except (ValueError, LookupError, TypeError) as error:
            raise RunFolderError(f"{self.name}: is no run that flowdrill has pushed", _REMEDY) from error
        found = {
            title: Descriptor("", digest, size)
            for title, digest, size in named
            if isinstance(title, str) and is_digest(digest) and isinstance(size, int) and size >= 0
        }
        if len(found) != len(named):
            raise RunFolderError(f"{self.name}: its files have no names of their own, or no digests", _REMEDY)
        return found

    def _small(self, blob: Descriptor) -> bytes:
        if blob.size > MOST_TOLD_BYTES:
            raise RunFolderError(f"{self.name}: {blob.size} bytes of a report are too many", _REMEDY)
        with _of_this_run(self.name):
            return self.repository.small_blob(blob, MOST_TOLD_BYTES)


@contextmanager
def _of_this_run(name: str) -> Iterator[None]:
    """What is missing or damaged says nothing of other runs; that the registry is away does."""
    try:
        yield
    except (RegistryAwayError, LoginRefusedError):
        raise
    except RegistryError as error:
        raise RunFolderError(f"{name}: {error.problem}", error.remedy) from error
