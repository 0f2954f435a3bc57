"""How far back can it be rolled? Every version that is known, looked at and tried; nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from flowdrill.analysis.reach import Permission, ReachFacts, SeenImage, reach_of
from flowdrill.analysis.retention import StoredVersion, archived_on
from flowdrill.analysis.rollback_images import LookedAt, rollback_images
from flowdrill.analysis.safety import Judged, judge_version
from flowdrill.engine.findings import Findings
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.engine.stable_image import Stable
from flowdrill.engine.way_back import WayBack
from flowdrill.errors import ClusterAwayError, FlowdrillError, RegistryError
from flowdrill.model.access import Actor
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.reach import Reach
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status

_DRILLS_TAG = re.compile(r"drill-.+-[0-9a-f]{12}")  # edges/registry/derive.py
_MOST_TAGS = 200
_MOST_VERSIONS = 50  # that are tried; each is a request or two
_EVERYTHING = 50
_PREFLIGHT_SECONDS, _WHOLE_SECONDS = 10.0, 120.0  # for looking which LangFlow is in which image


@dataclass(frozen=True, slots=True)
class _Images:
    """What the registry was asked about."""

    seen: Mapping[str, SeenImage]  # by digest
    digests: Mapping[str, str | None]  # of references, whole


def look_at_reach(
    order: RunOrder, stable: Stable, way_back: WayBack, ports: LookPorts, tell: Narrator,
    *, whole: bool, responder_may_patch: bool,
) -> Reach:  # fmt: skip
    """Return one row a version: of those that preflight has looked at or, with `whole`, of everything that the
    repository's tags, all revisions and the whole ledger know. What of that is left out is noted."""
    looked = (*way_back.looked, *_looked_further(order, stable, way_back, ports)) if whole else way_back.looked
    tagged = _tagged(stable.pinned, ports, order.drill.policy.tier, tell) if whole else ()
    images = _joined(stable, looked, tagged)
    current = str(stable.pinned.digest)
    now = datetime.fromtimestamp(ports.clock.pair().utc_ns / 1e9, UTC)
    tried = list(images.seen)[:_MOST_VERSIONS]
    archivals = {
        digest: archived_on(
            StoredVersion(digest, one.health.created, one.tags), way_back.ledger, order.drill.policy, now, {current}
        )
        for digest, one in images.seen.items()
    }
    target = order.drill.target
    return reach_of(
        ReachFacts(
            workload=f"{target.workload} in namespace {target.namespace}",
            now=now,
            current=current,
            current_image=stable.written,
            revisions=way_back.surroundings.revisions,
            digests={one.image: _digest_of(one.image, images) for one in way_back.surroundings.revisions},
            ledger=way_back.ledger,
            images=images.seen,
            permissions={d: _permission(images.seen[d], order, ports, may=responder_may_patch) for d in tried},
            safety=_safeties({d: images.seen[d] for d in tried}, order, ports, whole=whole),
            archived_on={
                digest: one.on for digest, one in archivals.items() if one.on is not None or _kept(one.because)
            },
        )
    )


def check_reach(reach: Reach, findings: Findings) -> None:
    """`rollback_reach`: an earlier version that everything holds for. The drill itself goes back to what runs now."""
    findings.check(
        "rollback_reach",
        Status.WARNING if reach.nearest is None else Status.PASS,
        required="an earlier version that is retained, verified, permitted and safe",
        observed=f"{reach.versions_back} back: {reach.nearest.reference}" if reach.nearest else _why_none(reach),
        detail="" if reach.nearest else "`flowdrill reach` says what each version lacks",
    )


def _why_none(reach: Reach) -> str:
    return f"none of {len(reach.earlier)} earlier versions holds" if reach.earlier else "no earlier version is known"


def _digest_of(written: str, images: _Images) -> str | None:
    """The digest of a revision's image, where it was looked up."""
    try:
        return images.digests.get(str(parse_image_reference(written)))
    except ValueError:
        return None


def _kept(because: str) -> bool:
    """Whether the rules keep an image, rather than do not know its age."""
    return not because.startswith("neither")


def _looked_further(order: RunOrder, stable: Stable, way_back: WayBack, ports: LookPorts) -> tuple[LookedAt, ...]:
    """The images of the ledger and of the revisions that preflight leaves out."""
    policy = order.drill.policy.model_copy(update={"revisions": _EVERYTHING, "verified_versions": _EVERYTHING})
    images = rollback_images(stable.pinned, way_back.surroundings.revisions, way_back.ledger, policy)
    known = {str(one.image.written) for one in way_back.looked}
    more = [one for one in images.all if str(one.written) not in known and str(one.reference) not in known]
    platforms = way_back.surroundings.node_platforms
    healths = ports.registry.examine([one.reference for one in more], _tier(policy.tier), platforms=platforms)
    return tuple(LookedAt(image, health) for image, health in zip(more, healths, strict=True))


def _tagged(
    stable: ImageReference, ports: LookPorts, tier: Tier, tell: Narrator
) -> tuple[tuple[str, ImageHealth], ...]:
    """The repository's tags, but for those of drills, and what each names; none where they cannot be listed."""
    try:
        listed = [tag for tag in ports.registry.tags(stable) if not _DRILLS_TAG.fullmatch(tag)]
    except RegistryError as error:
        tell.note(f"the tags could not be listed, so versions that only a tag names are missing: {error.problem}")
        return ()
    tags = listed[-_MOST_TAGS:]
    if len(tags) < len(listed):
        tell.note(f"of the repository's {len(listed)} tags, the last {len(tags)} by name were looked at")
    healths = ports.registry.examine([stable.at_tag(tag) for tag in tags], _tier(tier))
    return tuple(zip(tags, healths, strict=True))


def _tier(tier: Tier) -> Tier:
    """Where its age and its labels are read, and nothing is downloaded."""
    return Tier.COMPLETE if tier is Tier.EXISTS else tier


def _joined(stable: Stable, looked: Sequence[LookedAt], tagged: Sequence[tuple[str, ImageHealth]]) -> _Images:
    seen: dict[str, SeenImage] = {}
    digests: dict[str, str | None] = {}
    pinned = str(stable.pinned.digest)

    def add(health: ImageHealth, digest: str | None, tag: str | None) -> None:
        if digest is None:
            return
        digest = pinned if digest in stable.digests else digest
        before = seen.get(digest, SeenImage(health))
        tags = (*before.tags, *((tag,) if tag is not None and tag not in before.tags else ()))
        seen[digest] = replace(before, tags=tags)

    for one in looked:
        digest = one.health.reference.digest or one.image.reference.digest
        digests[str(one.image.written)] = digest
        add(one.health, digest, None)
    for tag, health in tagged:
        if health.health is not Health.GONE:
            add(health, health.reference.digest, tag)
    return _Images(seen, digests)


def _permission(image: SeenImage, order: RunOrder, ports: LookPorts, *, may: bool) -> Permission:
    """Whether the API server accepts this image from whoever rolls back: admission may look at it."""
    if not may:
        return Permission(False, "whoever rolls back must not patch the workload")
    by = Actor.HARNESS if order.drill.rollback.way is Strategy.COMMAND else Actor.RESPONDER  # as whom it acts: unknown
    reference = image.health.reference
    if reference.digest is None:
        return Permission(None, "its digest is not known")
    try:
        ports.workload.would_accept(str(reference.at_digest(reference.digest)), by=by)
    except FlowdrillError as error:
        return Permission(None if isinstance(error, ClusterAwayError) else False, error.problem)
    return Permission(True, "the API server accepts the patch (server-side dry run)")


def _safeties(
    images: Mapping[str, SeenImage], order: RunOrder, ports: LookPorts, *, whole: bool
) -> dict[str, tuple[Judged, ...]]:
    """What is said of each by digest. To find out which LangFlow is in an image its layers may have to be read, for
    some seconds each: when there is no more time, the others are not known."""
    limit_seconds = _WHOLE_SECONDS if whole else _PREFLIGHT_SECONDS
    end_ns = ports.clock.now_ns() + seconds_to_ns(limit_seconds)
    safeties = {}
    for digest, image in images.items():
        late = ports.clock.now_ns() > end_ns
        safeties[digest] = (_untold(limit_seconds, whole=whole),) if late else _safety(image, order, ports)
    return safeties


def _untold(limit_seconds: float, *, whole: bool) -> Judged:
    why = f"its LangFlow was not looked for: the {limit_seconds:g} s for that were over"
    return Judged(Status.UNKNOWN, why if whole else f"{why}; `flowdrill reach` takes more", "")


def _safety(image: SeenImage, order: RunOrder, ports: LookPorts) -> tuple[Judged, ...]:
    if image.health.health is not Health.RETAINED:
        return (Judged(Status.UNKNOWN, "it could not be read", ""),)
    tag = image.tags[-1] if image.tags else image.health.reference.tag
    reference = replace(image.health.reference, tag=tag)
    try:
        return (judge_version(ports.registry.langflow_version(reference), order.advisories),)
    except FlowdrillError as error:
        return (Judged(Status.UNKNOWN, error.problem, error.remedy),)
