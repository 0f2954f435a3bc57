"""Where evidence is kept, as one text: a folder, `s3://BUCKET/PREFIX`, or `oci://REPOSITORY`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.s3.bucket import Bucket
from flowdrill.edges.s3.place import SCHEME, parse_place
from flowdrill.errors import ImageMissingError, PlanError, RunFolderError
from flowdrill.history.folder_store import FolderStore
from flowdrill.history.pushing import Pushed, push_run, repository_of
from flowdrill.history.registry_store import OCI, RegistryStore
from flowdrill.history.s3_store import S3Store, push_to_s3
from flowdrill.history.stored_runs import EvidenceStore
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.result import Result
from flowdrill.oci.client import open_registry
from flowdrill.oci.repository import Repository

_NO_ACCESS = RegistryAccess()


@dataclass(frozen=True, slots=True)
class Reached:
    """How a store is reached: a registry by `access`, S3-compatible storage at `endpoint_url`."""

    access: RegistryAccess = _NO_ACCESS
    endpoint_url: str | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """A store, and the image that its text names as well: `oci://REPOSITORY:TAG`, `oci://REPOSITORY@sha256:…`."""

    store: EvidenceStore
    image: str | None = None


@contextmanager
def opened_store(text: str, reached: Reached) -> Iterator[Opened]:
    """Give the store that a text names. PlanError when it names none, or is reached by what is for another kind;
    MissingPartError where a part is not installed, RegistryError when a tag cannot be looked up."""
    _check_reached(text, reached)
    if text.startswith(SCHEME):
        with closing(S3Store(Bucket(parse_place(text, reached.endpoint_url)))) as store:
            yield Opened(store)
    elif text.startswith(OCI):
        with _registry(text, reached.access) as opened:
            yield opened
    else:
        yield Opened(FolderStore(Path(text)))


@dataclass(frozen=True, slots=True)
class PushedToS3:
    """Where a run was pushed."""

    place: str


def push_to(
    text: str | None, reached: Reached, folder: Path, result: Result, *, report_only: bool = False
) -> Pushed | PushedToS3:
    """Push a run into the store that a text names; None: beside its stable image. The errors of `opened_store`, of
    what is pushed, and RunFolderError where there is no room to pack it."""
    try:
        return _pushed_to(text, reached, folder, result, report_only=report_only)
    except OSError as error:
        problem = f"{error.filename or folder}: {error.strerror or type(error).__name__}"
        raise RunFolderError(problem, "make room in $TMPDIR, and push again") from error


def _pushed_to(
    text: str | None, reached: Reached, folder: Path, result: Result, *, report_only: bool
) -> Pushed | PushedToS3:
    if text is not None:
        _check_reached(text, reached)
    if text is None or not text.startswith(SCHEME):
        return push_run(folder, result, text, reached.access, report_only=report_only)
    with closing(Bucket(parse_place(text, reached.endpoint_url))) as bucket:
        return PushedToS3(push_to_s3(bucket, folder, result, report_only=report_only))


def check_pushable(text: str, reached: Reached) -> None:
    """Look at where a run is to go, before there is one: PlanError, or MissingPartError. Nothing is asked."""
    _check_reached(text, reached)
    if text.startswith(SCHEME):
        Bucket(parse_place(text, reached.endpoint_url)).close()
    else:
        repository_of(text)


def _check_reached(text: str, reached: Reached) -> None:
    if reached.endpoint_url is not None and not text.startswith(SCHEME):
        raise PlanError("--endpoint-url: is for S3-compatible storage", f"such as {SCHEME}BUCKET/PREFIX")
    if reached.access != _NO_ACCESS and text.startswith(SCHEME):
        raise PlanError(
            "--plain-http and --ca-file: are for a registry", "here: http:// in --endpoint-url, AWS_CA_BUNDLE"
        )


@contextmanager
def _registry(text: str, access: RegistryAccess) -> Iterator[Opened]:
    try:
        reference = parse_image_reference(text.removeprefix(OCI))
    except ValueError as error:
        raise PlanError(f"{text}: {error}", f"such as {OCI}registry.example/app") from error
    with closing(open_registry(reference.registry, plain_http=access.plain_http, ca_file=access.ca_file)) as client:
        repository, image = Repository(client, reference.repository), reference.digest
        if image is None and reference.tag is not None:
            image = repository.current_digest(reference.tag)
            if image is None:
                remedy = "Check the reference, or give a digest."
                raise ImageMissingError(f"{text}: the registry has no such tag", remedy)
        yield Opened(RegistryStore(repository), image)
