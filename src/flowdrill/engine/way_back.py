"""Everything that the way back leads over: revisions, the ledger, the images, and what would be in its way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from flowdrill.analysis.ledger_chain import head_of
from flowdrill.analysis.rollback_images import LookedAt, rollback_images
from flowdrill.analysis.rollout import running_digests
from flowdrill.engine.findings import Findings
from flowdrill.engine.gathered import Gathered
from flowdrill.engine.image_checks import (
    check_not_only_cached,
    check_platforms,
    check_pull_secrets,
    check_retained,
    check_stable_retained,
)
from flowdrill.engine.image_ports import LedgerBook, Registry
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, LookPorts
from flowdrill.engine.revision_checks import revision_checks
from flowdrill.engine.tag_checks import check_next_clean_up, check_tags
from flowdrill.errors import ClusterError, ForbiddenError, LedgerError
from flowdrill.model.image_health import Health
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.ledger import Ledger
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.readiness import ImageRow, RevisionRow
from flowdrill.model.status import Status
from flowdrill.model.surroundings import Revision, Surroundings
from flowdrill.model.workload import WorkloadSnapshot


class ImagePorts(Protocol):
    """What looking at images needs."""

    @property
    def clock(self) -> Clock: ...  # noqa: D102

    @property
    def registry(self) -> Registry: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Seen:
    """What of a workload says which images it may need."""

    before: WorkloadSnapshot
    stable: ImageReference  # as its template names it
    surroundings: Surroundings
    ledger: Ledger | None


@dataclass(frozen=True, slots=True)
class WayBack:
    """What was seen."""

    surroundings: Surroundings
    ledger: Ledger | None  # None: it could not be read
    looked: tuple[LookedAt, ...]  # the stable image first


def look_at_way_back(
    order: RunOrder, before: WorkloadSnapshot, stable: ImageReference, ports: LookPorts, findings: Findings,
    gathered: Gathered,
) -> WayBack:  # fmt: skip
    """Look at all of it, and record the checks; `stable` is the image as the workload's template names it."""
    surroundings = ports.workload.surroundings()
    gathered.revisions = tuple(_revision_row(one) for one in surroundings.revisions)
    ledger = read_ledger(ports.ledger, findings)
    gathered.ledger_head = head_of(ledger) if ledger is not None and ledger.entries else None
    seen = Seen(before, stable, surroundings, ledger)
    looked = check_images(seen, order.drill.policy, ports, findings, seed=order.run_id)
    gathered.images = image_rows(looked)
    revision_checks(order, surroundings, findings)
    return WayBack(surroundings, ledger, looked)


def check_images(
    seen: Seen, policy: PolicyPlan, ports: ImagePorts, findings: Findings, *, seed: str
) -> tuple[LookedAt, ...]:
    """Look at every image that a rollback may need, and record the checks. The stable one is the first."""
    stable, around = seen.stable, seen.surroundings
    images = rollback_images(stable, around.revisions, seen.ledger, policy)
    retained = check_retained(images, policy, around.node_platforms, ports.registry, findings, seed=seed)
    check_stable_retained(retained.stable, findings)
    check_not_only_cached(retained.all, around.cached_digests, findings)
    if retained.stable.health.health is Health.RETAINED:
        check_platforms(retained.stable.health, around.node_platforms, findings)
        check_pull_secrets(stable, around.pull_secrets, ports.registry, findings)
    check_tags(images.verified, ports.registry, findings)
    now = datetime.fromtimestamp(ports.clock.pair().utc_ns / 1e9, UTC)
    running = running_digests(seen.before)
    check_next_clean_up(retained.all, seen.ledger, policy, now, findings, stable=running)
    return retained.all


def image_rows(looked: Iterable[LookedAt]) -> tuple[ImageRow, ...]:
    """Return one row an image, with every reason for which it was looked at."""
    rows: dict[str, ImageRow] = {}
    for one in looked:
        health = one.health
        digest = health.reference.digest or one.image.reference.digest or ""
        key = digest or str(one.image.written)
        before = rows.get(key)
        roles = (*(before.roles if before else ()), one.image.why)
        rows[key] = before.model_copy(update={"roles": roles}) if before else ImageRow(
            digest=digest,
            reference=str(one.image.written),
            roles=roles,
            health=health.health,
            tier=health.tier,
            problem=health.problem,
            created=health.created,
            size_bytes=health.size_bytes,
            platforms=health.platforms,
        )  # fmt: skip
    return tuple(rows.values())


def read_ledger(book: LedgerBook | None, findings: Findings) -> Ledger | None:
    """Return the ledger, an empty one where there is none; None when it cannot be used, which is recorded."""
    name, required = "ledger_intact", "the ledger of verified versions is an unbroken chain"
    if book is None:
        return Ledger("nowhere")
    try:
        ledger = book.read()
    except ForbiddenError as error:
        findings.check(name, Status.WARNING, required=required, observed=error.problem, detail=error.remedy)
        return None
    except ClusterError as error:  # no answer, or one that says nothing: the rest can still be looked at
        findings.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
        return None
    except LedgerError as error:
        findings.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        return None
    count = len(ledger.entries)
    observed = f"{count} entries in {ledger.where}" if count else f"no entry yet in {ledger.where}"
    findings.check(name, Status.PASS, required=required, observed=observed)
    return ledger


def _revision_row(one: Revision) -> RevisionRow:
    return RevisionRow(
        name=one.name,
        number=one.number,
        image=one.image,
        created=one.created,
        current=one.current,
        change_cause=one.change_cause,
        differences=one.differences,
    )
