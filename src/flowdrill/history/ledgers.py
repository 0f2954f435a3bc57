"""The ledger of a drill's target: opened where the drill says it is, and written by passing drills and by hand."""

from __future__ import annotations

import getpass
import os
import re
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from flowdrill.analysis.access_needs import ledger_name
from flowdrill.analysis.ledger_chain import head_of, nearly_full
from flowdrill.analysis.rollout import running_digests, unsettled_because
from flowdrill.analysis.verification import verified_by
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import running_cluster
from flowdrill.cluster.state_folder import default_state_folder
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.planfiles.reading import read_drill
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.engine.image_ports import LedgerBook
from flowdrill.errors import FlowdrillError, ForbiddenError, ImageMissingError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.ledger import LedgerEntry
from flowdrill.model.result import Result
from flowdrill.model.workload import WorkloadSnapshot
from flowdrill.preparing.opening import open_book, open_images

_NOBODYS_NAME = re.compile(r"[^A-Za-z0-9._@+-]+")


@dataclass(frozen=True, slots=True)
class LedgerPlace:
    """A drill file, and the cluster that its target is on."""

    drill_file: Path
    context: str | None
    kubeconfig: str | None


@dataclass(frozen=True, slots=True)
class Added:
    """An entry that is in the ledger, and whether it is new."""

    entry: LedgerEntry
    is_new: bool
    head: str


def note_verified(book: LedgerBook, result: Result) -> str | None:
    """Write down what a finished run has verified, and return a line that says so, or why it could not be; None when
    it has verified nothing. One entry of an image a day is enough: a nightly suite must not fill the ledger."""
    verified = verified_by(result)
    if verified is None:
        return None
    try:
        known = book.read().last_verified_of(verified.digest)
        if known is not None and known.verified_at[:10] == (result.run.finished or "")[:10]:
            return f"{verified.reference} was verified on this day already: entry {known.number} by {known.by}"
        entry = book.append(verified.digest, verified.reference, verified.by, verified.note)
        ledger = book.read()
    except ForbiddenError as error:
        return f"not written, which changes nothing of the result: {error.problem}; {error.remedy}"
    except FlowdrillError as error:
        return f"NOT written: {error.problem}; {error.remedy}"
    full = "; it is nearly full: see docs/ledger.md" if nearly_full(ledger) else ""
    return f"entry {entry.number} of {ledger.where}: {entry.reference} is verified; its head is {head_of(ledger)}{full}"


@contextmanager
def opened(place: LedgerPlace) -> Iterator[LedgerBook]:
    """The ledger that the drill file names, for as long as the context lasts. FlowdrillError when there is no such
    cluster."""
    drill = read_drill(place.drill_file)
    context, kubeconfig = place.context or "", place.kubeconfig
    if ledger_name(drill) is not None:
        context, kubeconfig = _cluster(place)
    with open_book(drill, place.drill_file.parent, context, kubeconfig) as book:
        yield book


def add_by_hand(place: LedgerPlace, image: str | None, note: str, environ: Mapping[str, str]) -> Added:
    """Add `image` (None: what the workload runs now) in the name of this user. FlowdrillError when the registry does
    not hold it whole, when a drill has made it, or when the workload does not run one single image."""
    drill = read_drill(place.drill_file)
    with closing(open_images(drill.registry, _no_source)) as images, opened(place) as book:
        verified = _running(drill, place, images) if image is None else _named(image, images)
        images.refuse_drills_own(verified)
        before = len(book.read().entries)
        entry = book.append(str(verified.digest), str(verified), user_and_host(environ), note)
        return Added(entry, entry.number > before, head_of(book.read()))


def user_and_host(environ: Mapping[str, str]) -> str:
    """Return who calls this, as far as the environment tells: USER@HOST, in printable ASCII."""
    user = environ.get("SUDO_USER") or environ.get("USER") or environ.get("LOGNAME") or ""
    if not user:
        try:
            user = getpass.getuser()
        except (KeyError, OSError, ImportError):
            user = f"uid-{os.getuid()}"
    clean = (_NOBODYS_NAME.sub("_", part)[:80] or "unknown" for part in (user, socket.gethostname()))
    return "@".join(clean)


def _cluster(place: LedgerPlace) -> tuple[str, str | None]:
    if place.context is not None:
        return place.context, place.kubeconfig
    running = running_cluster(default_state_folder(os.environ))
    if running is None:
        raise PlanError(
            "ledger: no cluster is named, and no embedded cluster is up",
            "name the target's cluster with --context NAME; or `flowdrill cluster up`; or keep the ledger in a file: "
            "policy.ledger.file in the drill",
        )
    return CONTEXT, str(running.folder.kubeconfig)


def _named(image: str, images: ImageRegistry) -> ImageReference:
    """What the registry has under this name now, with its digest."""
    try:
        reference = parse_image_reference(image)
    except ValueError as error:
        raise PlanError(f"--image: {error}", "write it as docker pull does") from error
    if reference.tag is None and reference.digest is None:
        raise PlanError(f"--image {reference}: has no tag and no digest", "write registry/repository@sha256:…")
    return images.retained(reference).reference


def _running(drill: Drill, place: LedgerPlace, images: ImageRegistry) -> ImageReference:
    """What every pod runs now, with its digest; with its tag, too, as long as the tag still means it."""
    context, kubeconfig = _cluster(place)
    with open_workload(context, drill.target, kubeconfig=kubeconfig) as workload:
        seen = workload.snapshot()
    digest = _one_digest(seen)
    try:
        written = parse_image_reference(seen.image)
    except ValueError as error:
        raise PlanError(f"{drill.target.workload}: {error}", "name the image with --image") from error
    try:
        found = images.retained(written)
    except ImageMissingError:  # its tag is gone: the digest may still be there
        found = None
    if found is not None and digest in (found.reference.digest, *found.platform_digests):
        return found.reference
    return images.retained(written.at_digest(digest)).reference


def _one_digest(seen: WorkloadSnapshot) -> str:
    where = f"{seen.kind}/{seen.name} in namespace {seen.namespace}"
    unsettled, digests = unsettled_because(seen), sorted(running_digests(seen))
    if unsettled is not None:
        raise PlanError(f"{where} does not run one image: {unsettled}", "wait until its rollout is complete")
    if len(digests) != 1:
        raise PlanError(
            f"{where}: its pods run {', '.join(digests) or 'nothing whose digest is known'}",
            "name the image that is verified with --image",
        )
    return digests[0]


def _no_source(name: str) -> bytes:
    raise PlanError(f"{name}: no scenario is at hand to read it from", "name a scenario")
