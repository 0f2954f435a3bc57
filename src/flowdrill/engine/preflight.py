"""Before anything is touched: would the brake work, and may the drill start? Every check is recorded."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.analysis.rollout import running_digests, unsettled_because
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.provider_start import ProviderStart, prepare_provider
from flowdrill.errors import DrillRefusedError, FlowdrillError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.events import StableImageSeen, Status
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.model.images import PreparedImage, RetainedImage
from flowdrill.model.release import IMAGE_ONLY, Release
from flowdrill.model.scenario import Scenario, WorkloadChanges
from flowdrill.model.workload import WorkloadSnapshot

_FLOATING_TAGS = frozenset({"latest", "nightly", "main", "master", "stable", "edge"})


@dataclass(frozen=True, slots=True)
class Stable:
    """What the rollback must bring back."""

    written: str  # as in the workload's template
    pinned: ImageReference  # by digest, without a tag
    digests: frozenset[str]  # the digest, and the platforms' manifests when it is an index's
    change_cause: str | None

    @property
    def rollback_image(self) -> str:
        """The image the rollback sets: as the template has it when that pins the digest, else the bare digest."""
        return self.written if "@" in self.written else str(self.pinned)

    @property
    def images(self) -> frozenset[str]:
        """The image as the rollback sets it, and as it was written before."""
        return frozenset({self.rollback_image, self.written})


@dataclass(frozen=True, slots=True)
class Cleared:
    """Preflight's result: the drill may start."""

    before: WorkloadSnapshot
    stable: Stable
    broken: PreparedImage
    release: Release
    recovery: PreparedImage | None = None  # puts back the data that the release changes; rolled out by the restore
    provider: ProviderStart | None = None  # where the drill starts the model provider

    @property
    def pushed(self) -> tuple[PreparedImage, ...]:
        """Every image that this drill makes."""
        return (self.broken,) if self.recovery is None else (self.recovery, self.broken)

    @property
    def own_images(self) -> frozenset[str]:
        """Every image that the workload has during this drill unless somebody else sets one."""
        return self.stable.images.union(str(one.image.reference) for one in self.pushed)


def preflight(order: RunOrder, ports: Ports, tell: Narrator) -> Cleared:
    """Return what the drill needs when every check passes; DrillRefusedError with the first failed one otherwise.

    Changes nothing. Errors of the cluster, the registry or the scenario come through as they are."""
    before = ports.workload.snapshot()
    _refuse_unhealthy(before, tell)
    reference = _pinned_reference(before, tell)
    retained = _retained(reference, ports, tell)
    stable = _running_stable(before, retained, tell)
    tell.emit(
        StableImageSeen(
            at_ns=ports.clock.now_ns(),
            reference=stable.written,
            pinned=str(stable.pinned),
            digest=str(stable.pinned.digest),
            other_digests=tuple(sorted(stable.digests - {str(stable.pinned.digest)})),
        )
    )
    broken = ports.registry.prepare_broken(stable.pinned, order.scenario, order.run_id)
    puts_back = order.scenario.for_recovery()
    recovery = None if puts_back is None else ports.registry.prepare_broken(stable.pinned, puts_back, order.run_id)
    release = _release(order, ports)
    tell.check(
        "scenario_applies",
        Status.PASS,
        required="every change of the scenario finds something to change",
        observed="; ".join((*broken.image.changes, *release.changes)) or "a new image without a change",
    )
    provider = prepare_provider(order, stable.pinned, ports, tell)
    cleared = Cleared(before, stable, broken, release, recovery, provider)
    _refuse_unpermitted(order, cleared, ports, tell)
    return cleared


def refuse_unfit(drill: Drill, scenario: Scenario) -> None:
    """PlanError when the scenario needs something that the drill does not name."""
    if scenario.changes.provider is not None and drill.provider is None:
        raise PlanError(
            f"drill {drill.drill}: scenario {scenario.scenario} changes the model provider, and the drill names none",
            "say which workload stands in for it, as drills/provider-down.yaml does: "
            "`provider: { workload: deployment/NAME }`",
        )


def _release(order: RunOrder, ports: Ports) -> Release:
    refuse_unfit(order.drill, order.scenario)
    changes = order.scenario.changes
    release = IMAGE_ONLY if changes.workload == WorkloadChanges() else ports.workload.release(changes.workload)
    if changes.provider is None or ports.provider is None:
        return release
    return release.with_beside(ports.provider.release(changes.provider))


def refuse_changed(order: RunOrder, cleared: Cleared, ports: Ports) -> None:
    """Look once more directly before the break: what somebody deployed since preflight must not be broken, and not be
    "restored" to what it was. DrillRefusedError when the image is another, or what the release changes beside it."""
    before, now = cleared.before, ports.workload.snapshot()
    if (now.uid, now.image, now.change_cause) != (before.uid, before.image, before.change_cause):
        raise DrillRefusedError(
            f"{now.kind}/{now.name} was changed since preflight: its image was {before.image} and is {now.image}",
            "drill when nobody deploys; nothing was broken",
        )
    if _release(order, ports) != cleared.release:
        raise DrillRefusedError(
            f"{now.kind}/{now.name} was changed since preflight: what the release would change is not what it was",
            "drill when nobody deploys; nothing was broken",
        )


def _refused(tell: Narrator, name: str, *, required: str, observed: str, remedy: str) -> DrillRefusedError:
    tell.check(name, Status.FAIL, required=required, observed=observed, detail=remedy)
    return DrillRefusedError(f"preflight: {name}: {observed}", remedy)


def _refuse_unhealthy(seen: WorkloadSnapshot, tell: Narrator) -> None:
    required = "a complete rollout that is neither paused nor waiting"
    observed, remedy = None, "wait until `kubectl rollout status` says that it is complete"
    if seen.wanted_replicas < 1:
        observed, remedy = "it is scaled to 0 replicas", "scale it up: a drill needs something that serves"
    elif seen.paused:
        observed, remedy = (
            "its rollout is paused",
            f"kubectl -n {seen.namespace} rollout resume {seen.kind}/{seen.name}",
        )
    elif seen.on_delete:
        observed = "its update strategy is OnDelete: an image patch does not roll it back"
        remedy = "set updateStrategy.type to RollingUpdate"
    else:
        observed = unsettled_because(seen)
    if observed is not None:
        raise _refused(tell, "workload_healthy", required=required, observed=observed, remedy=remedy)
    tell.check("workload_healthy", Status.PASS, required=required, observed=seen.described())


def _pinned_reference(seen: WorkloadSnapshot, tell: Narrator) -> ImageReference:
    name, required = "stable_image_pinned", "an immutable reference: a digest, or a version tag"
    where = f"{seen.kind}/{seen.name}: image {seen.image!r}"
    remedy = "deploy it by digest (registry/repository@sha256:…)"
    try:
        reference = parse_image_reference(seen.image)
    except ValueError as error:
        raise _refused(tell, name, required=required, observed=f"{where}: {error}", remedy=remedy) from error
    if reference.digest is None and reference.tag is None:
        raise _refused(tell, name, required=required, observed=f"{where} has no tag and no digest", remedy=remedy)
    if reference.digest is None and reference.tag in _FLOATING_TAGS:
        observed = f"{where}: the tag {reference.tag!r} moves, so nobody can say what to roll back to"
        raise _refused(tell, name, required=required, observed=observed, remedy=remedy)
    tell.check(name, Status.PASS, required=required, observed=seen.image)
    return reference


def _retained(reference: ImageReference, ports: Ports, tell: Narrator) -> RetainedImage:
    name, required = "stable_image_retained", "the registry holds its manifest and every blob"
    try:
        retained = ports.registry.retained(reference)
    except FlowdrillError as error:
        tell.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        raise
    tell.check(name, Status.PASS, required=required, observed=str(retained.reference))
    return retained


def _running_stable(seen: WorkloadSnapshot, retained: RetainedImage, tell: Narrator) -> Stable:
    """The digest that the registry has must be the one that runs: else the tag has moved."""
    name, required = "stable_image_runs", "every pod runs the digest that its reference has in the registry now"
    digest = str(retained.reference.digest)
    digests = frozenset({digest, *retained.platform_digests})
    running = running_digests(seen)
    if not running or not running <= digests:
        observed = f"the registry says {digest}, the pods run {', '.join(sorted(running)) or 'nothing known'}"
        remedy = "the tag has moved since the pods started: deploy the wanted image by digest"
        raise _refused(tell, name, required=required, observed=observed, remedy=remedy)
    tell.check(name, Status.PASS, required=required, observed=digest)
    return Stable(seen.image, retained.reference.at_digest(digest), digests, seen.change_cause)


def _refuse_unpermitted(order: RunOrder, cleared: Cleared, ports: Ports, tell: Narrator) -> None:
    """Every patch as a server-side dry run: permissions, admission and quotas are met before anything is changed."""
    stable, release = cleared.stable, cleared.release
    broken_image = str(cleared.broken.image.reference)
    user = order.drill.rollback.as_user
    patches = [
        ("rollback_permitted", stable.rollback_image, release.stable_fields, {}, user),
        ("break_permitted", broken_image, release.broken_fields, release.broken_beside, None),
        ("restore_permitted", stable.written, release.stable_fields, release.stable_beside, None),
    ]
    if cleared.recovery is not None:
        image = str(cleared.recovery.image.reference)
        patches.append(("recovery_permitted", image, release.stable_fields, {}, None))
    for name, image, fields, beside, as_user in patches:
        required = f"the API server accepts the patch from {as_user or 'the harness'} (server-side dry run)"
        try:
            ports.workload.would_accept(image, fields=fields, as_user=as_user)
            for other, patch in beside.items():
                if cleared.provider is None or other != cleared.provider.workload:  # which is tried once it is there
                    ports.workload.patch_beside(other, patch, dry_run=True)
        except FlowdrillError as error:
            tell.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
            raise
        tell.check(name, Status.PASS, required=required, observed="accepted")
