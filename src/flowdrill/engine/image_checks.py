"""Preflight's checks of the images that a rollback may need: are they there, whole, and pulled by whoever needs them?

Every function records its check through the narrator and returns what tables need; none raises for what it finds.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from flowdrill.analysis.docker_auths import pull_logins
from flowdrill.analysis.rollback_images import LookedAt, RollbackImages
from flowdrill.analysis.tag_policy import tag_problem
from flowdrill.engine.image_ports import Registry
from flowdrill.engine.narrator import Narrator
from flowdrill.model.events import Check
from flowdrill.model.image_health import Health, ImageHealth, Tier
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.policy import PolicyPlan
from flowdrill.model.status import Status
from flowdrill.model.surroundings import PullSecret
from flowdrill.model.workload import WorkloadSnapshot

_BAD = frozenset({Health.GONE, Health.INCOMPLETE, Health.DAMAGED, Health.REFUSED})
_RETENTION = "push what is missing again, and have the registry's retention rules keep it"


@dataclass(frozen=True, slots=True)
class TagCheck:
    """The check of the workload's own image reference, and the reference when it can be used."""

    check: Check
    reference: ImageReference | None


@dataclass(frozen=True, slots=True)
class RetainedImages:
    """What the registry says of every image that must be retained."""

    stable: LookedAt
    verified: tuple[LookedAt, ...]
    revisions: tuple[LookedAt, ...]

    @property
    def all(self) -> tuple[LookedAt, ...]:
        """Every one, the stable one first."""
        return (self.stable, *self.verified, *self.revisions)


def check_tag_policy(seen: WorkloadSnapshot, policy: PolicyPlan, tell: Narrator) -> TagCheck:
    """`stable_image_pinned`: the workload's image is named so that it stays what it is."""
    name, required = "stable_image_pinned", "an immutable reference: a digest, a whole version, or a commit hash"
    where = f"{seen.kind}/{seen.name}: image {seen.image!r}"
    remedy = "deploy it by digest (registry/repository@sha256:…)"
    try:
        reference = parse_image_reference(seen.image)
    except ValueError as error:
        failed = tell.check(name, Status.FAIL, required=required, observed=f"{where}: {error}", detail=remedy)
        return TagCheck(failed, None)
    problem = tag_problem(reference, policy.tag_pattern)
    if problem is None:
        return TagCheck(tell.check(name, Status.PASS, required=required, observed=seen.image), reference)
    if reference.tag is not None:
        remedy += ", or name such tags in `policy.tag_pattern` when they never move here"
    failed = tell.check(name, Status.FAIL, required=required, observed=f"{where}: {problem}", detail=remedy)
    return TagCheck(failed, None)


def check_retained(
    images: RollbackImages, policy: PolicyPlan, node_platforms: tuple[str, ...] | None, registry: Registry,
    tell: Narrator, *, seed: str = "", told: Callable[[int, int], None] | None = None,
) -> RetainedImages:  # fmt: skip
    """Look at all of them at once, at the policy's tier, and record `verified_versions_retained` and
    `revisions_retained`. The stable image's health is returned: see `check_stable_retained`."""
    wanted = images.all
    healths = registry.examine(
        [image.reference for image in wanted], policy.tier,
        sample=policy.sample, seed=seed, platforms=node_platforms, told=told,
    )  # fmt: skip
    if policy.tier is Tier.EXISTS:  # what the drill builds on is read in any case: its platforms are in there
        stable = registry.examine([wanted[0].reference], Tier.COMPLETE, platforms=node_platforms)
        healths = (*stable, *healths[1:])
    looked = tuple(LookedAt(image, health) for image, health in zip(wanted, healths, strict=True))
    count = len(images.verified)
    found = RetainedImages(looked[0], looked[1 : 1 + count], looked[1 + count :])
    _check_verified(found.verified, images.unreadable, policy, tell)
    _check_revisions(found.revisions, images.unreadable, policy, tell)
    return found


def check_stable_retained(stable: LookedAt, tell: Narrator) -> Check:
    """`stable_image_retained`: at the policy's tier."""
    required = f"the registry holds it (looked at: {stable.health.tier})"
    status, observed, remedy = _judged((stable,))
    observed = observed or str(stable.health.reference)
    return tell.check("stable_image_retained", status, required=required, observed=observed, detail=remedy)


def check_platforms(stable: ImageHealth, node_platforms: tuple[str, ...] | None, tell: Narrator) -> Check:
    """`stable_image_platforms`: the image has something for every kind of node."""
    name, required = "stable_image_platforms", "an image for the platform of every node"
    has = ", ".join(stable.platforms)
    if not stable.platforms:
        observed = f"not known which platforms {stable.reference} is for: {stable.problem or 'it was not read'}"
        remedy = stable.remedy or "look at it with `policy.tier: complete`"
        return tell.check(name, Status.UNKNOWN, required=required, observed=observed, detail=remedy)
    if node_platforms is None:
        remedy = "let the harness list nodes, or compare by hand: `kubectl get nodes -L kubernetes.io/arch`"
        observed = f"the image is for {has}; the nodes' platforms are not known"
        return tell.check(name, Status.WARNING, required=required, observed=observed, detail=remedy)
    lacking = [node for node in node_platforms if not any(_serves(image, node) for image in stable.platforms)]
    if lacking:
        observed = f"no image for {', '.join(lacking)}; {stable.reference} is for {has}"
        remedy = "push an image for every platform of the nodes, or keep the workload off these nodes (nodeSelector)"
        return tell.check(name, Status.FAIL, required=required, observed=observed, detail=remedy)
    observed = f"the nodes are {', '.join(node_platforms)}, the image is for {has}"
    return tell.check(name, Status.PASS, required=required, observed=observed)


def check_not_only_cached(looked: Sequence[LookedAt], cached: Collection[str] | None, tell: Narrator) -> Check:
    """`image_in_registry_not_only_cached`: what nodes have in their caches is in the registry, too."""
    name, required = "image_in_registry_not_only_cached", "images that nodes have cached are in the registry, too"
    missing = [one for one in looked if one.health.health in (Health.GONE, Health.INCOMPLETE, Health.DAMAGED)]
    lone = {str(one.image.reference): one for one in missing if _digest(one) in (cached or ())}
    if lone:
        named = "; ".join(f"{name} ({one.image.why})" for name, one in lone.items())
        observed = f"only in a node's cache: any other node cannot start it: {named}"
        remedy = f"{_RETENTION}; a node that has it can push it (`ctr images push`, `crictl images --digests`)"
        return tell.check(name, Status.FAIL, required=required, observed=observed, detail=remedy)
    unknown = [one for one in looked if one.health.health is Health.UNKNOWN]
    if unknown:
        observed = f"{len(unknown)} of {len(looked)} images could not be looked up: {unknown[0].health.problem}"
        remedy = unknown[0].health.remedy
        return tell.check(name, Status.UNKNOWN, required=required, observed=observed, detail=remedy)
    if missing and cached is None:
        observed = (
            f"{len(missing)} of {len(looked)} images are not in the registry, and the nodes' caches are not known"
        )
        remedy = f"{_RETENTION}; let the harness list nodes to see their caches"
        return tell.check(name, Status.WARNING, required=required, observed=observed, detail=remedy)
    observed = "every image is in the registry" if not missing else "what the registry lacks, no node has either"
    return tell.check(name, Status.PASS, required=required, observed=observed)


def check_pull_secrets(
    reference: ImageReference, secrets: tuple[PullSecret, ...], registry: Registry, tell: Narrator
) -> ImageHealth:
    """`pull_secrets_work`: the image can be pulled with what the workload's pods pull with, and nothing else."""
    name, required = "pull_secrets_work", "the registry lets the workload's pull secrets, or anybody, pull the image"
    logins = pull_logins(secrets, reference)
    health = registry.pullable(reference, secrets)
    broken = "; ".join(logins.problems)
    used = ", ".join(dict.fromkeys(one.secret for one in logins.matching))
    how = f"pulled with secret {used}" if used else "pulled without a login"
    if health.health is Health.RETAINED:
        status = Status.WARNING if broken else Status.PASS
        remedy = "mend or remove the secrets that cannot be used: imagePullSecrets of the pod or of its service account"
        observed, remedy = (f"{how}; {broken}", remedy) if broken else (how, "")
    elif health.health is Health.REFUSED and not logins.matching and not broken:
        # nodes may have a login of their own (the kubelet's credential providers), which nobody can see from here
        status, remedy = Status.WARNING, health.remedy
        observed = f"{health.problem}: a pull rests on a login of the nodes' own, which cannot be seen from here"
    else:
        status = Status.FAIL if health.health in _BAD else Status.UNKNOWN
        observed, remedy = f"{health.health}: {health.problem}", health.remedy
    tell.check(name, status, required=required, observed=observed, detail=remedy)
    return health


def _check_verified(
    looked: tuple[LookedAt, ...], unreadable: tuple[str, ...], policy: PolicyPlan, tell: Narrator
) -> None:
    name, required = "verified_versions_retained", f"the last {policy.verified_versions} verified versions are retained"
    odd = tuple(text for text in unreadable if text.startswith("verified "))
    status, observed, remedy = _judged(looked, odd)
    known = len(looked) + len(odd)
    if status is Status.PASS and known < policy.verified_versions:
        status = Status.WARNING
        observed = f"the ledger knows {known} of {policy.verified_versions} verified versions"
        remedy = (
            "drills that pass add to the ledger; add a version that is known to be good with `flowdrill ledger add`"
        )
    observed = observed or f"{len(looked)} of {len(looked)} retained (looked at: {policy.tier})"
    tell.check(name, status, required=required, observed=observed, detail=remedy)


def _check_revisions(
    looked: tuple[LookedAt, ...], unreadable: tuple[str, ...], policy: PolicyPlan, tell: Narrator
) -> None:
    required = f"the images of the last {policy.revisions} earlier revisions are retained"
    odd = tuple(text for text in unreadable if not text.startswith("verified "))
    status, observed, remedy = _judged(looked, odd)
    observed = observed or (
        f"{len(looked)} of {len(looked)} retained (looked at: {policy.tier})"
        if looked
        else "no earlier revision is kept"
    )
    tell.check("revisions_retained", status, required=required, observed=observed, detail=remedy)


def _judged(looked: tuple[LookedAt, ...], unreadable: tuple[str, ...] = ()) -> tuple[Status, str, str]:
    """Return the group's status, what is wrong with it ("" when nothing is), and the remedy."""
    bad = [one for one in looked if one.health.health in _BAD]
    unknown = [one for one in looked if one.health.health is Health.UNKNOWN]
    if not bad and not unknown and not unreadable:
        return Status.PASS, "", ""
    texts = [
        f"{one.image.reference} ({one.image.why}): {one.health.health}: {one.health.problem}"
        for one in (*bad, *unknown)
    ]
    remedies = (*(one.health.remedy for one in (*bad, *unknown)), "mend the reference")
    return (Status.FAIL if bad else Status.UNKNOWN), "; ".join((*texts, *unreadable)), remedies[0] or _RETENTION


def _serves(image: str, node: str) -> bool:
    return image == node or image.startswith(f"{node}/")


def _digest(one: LookedAt) -> str | None:
    return one.health.reference.digest or one.image.reference.digest
