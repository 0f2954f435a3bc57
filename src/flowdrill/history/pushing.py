"""A run's evidence travels with the image: pushed beside it, as a referrer of the stable digest, and listed again."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.runfolder.archive import write_archive
from flowdrill.edges.runfolder.plan import read_plan
from flowdrill.edges.runfolder.run_files import ATTESTATION, FolderFiles
from flowdrill.errors import PlanError, RunFolderError
from flowdrill.history.registry_store import ARTIFACT_TYPE, OCI
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.result import Result
from flowdrill.oci.artifact import Artifact, ArtifactFile, artifact_of
from flowdrill.oci.client import open_registry
from flowdrill.oci.manifests import Descriptor
from flowdrill.oci.referrers import push_artifact
from flowdrill.oci.repository import Repository

_HUB = "docker.io"
CREATED = "org.opencontainers.image.created"
RUN, DRILL, VERDICT, PLAN_DIGEST = (f"dev.flowdrill.{name}" for name in ("run", "drill", "verdict", "plan-digest"))
_REPORTS = (("report.html", "text/html"), ("result.json", "application/json"), (ATTESTATION, "application/json"))


@dataclass(frozen=True, slots=True)
class Pushed:
    """What was pushed beside an image. `found_by`: `referrers API`, or the tag whose index names it."""

    repository: str
    digest: str
    subject: str
    found_by: str


_AS_USUAL = RegistryAccess()


def push_run(
    folder: Path,
    result: Result,
    to: str | None = None,
    access: RegistryAccess = _AS_USUAL,
    *,
    report_only: bool = False,
) -> Pushed:
    """Push a run's archive and reports as an artifact that refers to the stable image, into that image's repository or
    the one named, which is reached by `access`. Doing it again changes nothing. RunFolderError when the run never saw a
    stable image or its files cannot be read, RegistryError when the registry does not take it, PlanError when `to`
    names no repository."""
    stable = _stable_of(folder, result)
    place = stable if to is None else repository_of(to)
    plans = read_plan(folder).registry
    there = access_to(place, stable, plans, access)
    with _opened(stable, plans) as own, _opened(place, there) as repository, _archived(folder) as archive:
        subject = _subject(own, str(stable.digest))
        artifact = _artifact(folder, result, subject, None if report_only else archive)
        found_by = push_artifact(repository, artifact, subject.digest)
    return Pushed(place.name, artifact.digest, subject.digest, found_by)


def access_to(
    place: ImageReference, stable: ImageReference, plans: RegistryAccess, given: RegistryAccess
) -> RegistryAccess:
    """Return how the place is reached. What the plan allows is for the registry of the stable image alone: no password
    of another one goes out without TLS because of it."""
    if given != _AS_USUAL:
        return given
    return plans if place.registry == stable.registry else _AS_USUAL


def _stable_of(folder: Path, result: Result) -> ImageReference:
    if result.images.stable is None:
        raise RunFolderError(f"{folder}: this run never saw a stable image to push beside", "push a run that has begun")
    pinned = parse_image_reference(result.images.stable.reference)
    return pinned.at_digest(result.images.stable.digest)


def _reference(text: str, what: str) -> ImageReference:
    try:
        return parse_image_reference(text)
    except ValueError as error:
        raise PlanError(f"{what}: {error}", "write it as docker pull does") from error


def repository_of(text: str) -> ImageReference:
    """Return the repository that a text names, with or without `oci://`; PlanError when it names none, or an image. A
    name without a registry may be meant as a folder, and would be Docker Hub's: it needs the `oci://`."""
    found = _reference(text.removeprefix(OCI), text)
    if found.registry == _HUB and not text.startswith((OCI, f"{_HUB}/")):
        raise PlanError(f"{text}: names no registry", f"write {OCI}{text} for {found.name}; runs go into no folder")
    if found.tag is not None or found.digest is not None:
        raise PlanError(f"{text}: names an image, and a repository is meant", "leave its tag and digest out")
    return found


@contextmanager
def _opened(reference: ImageReference, access: RegistryAccess) -> Iterator[Repository]:
    client = open_registry(reference.registry, plain_http=access.plain_http, ca_file=access.ca_file)
    with closing(client):
        yield Repository(client, reference.repository)


@contextmanager
def _archived(folder: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="flowdrill-") as place:
        path = Path(place) / "run.zip"
        write_archive(FolderFiles(folder), folder.resolve().name, path)
        yield path


def _subject(repository: Repository, digest: str) -> Descriptor:
    found = repository.manifest(digest)
    return Descriptor(found.media_type, found.digest, len(found.document))


def _artifact(folder: Path, result: Result, subject: Descriptor, archive: Path | None) -> Artifact:
    files = [ArtifactFile(folder / name, name, kind) for name, kind in _REPORTS if (folder / name).is_file()]
    if archive is not None:
        files.append(ArtifactFile(archive, f"{folder.resolve().name}.zip", "application/zip"))
    said = {
        CREATED: result.run.started,
        RUN: result.run.id,
        DRILL: result.run.drill,
        VERDICT: result.verdict.value,
        PLAN_DIGEST: result.run.plan_digest,
    }
    try:
        return artifact_of(tuple(files), ARTIFACT_TYPE, subject, said)
    except OSError as error:
        raise RunFolderError(f"{error.filename or folder}: {error.strerror}", "make the run folder readable") from error
