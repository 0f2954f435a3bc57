"""Before anything is touched: would the brake work, and may the drill start? Every check is recorded."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from flowdrill.analysis.rollout import unsettled_because
from flowdrill.engine.activities import check_activities
from flowdrill.engine.alert_checks import check_alerts
from flowdrill.engine.allowed_checks import check_allowed, refuse_no_longer_allowed
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.dry_runs import try_patches
from flowdrill.engine.findings import Findings
from flowdrill.engine.gathered import Gathered
from flowdrill.engine.guard_job import check_guard_job
from flowdrill.engine.image_checks import check_tag_policy
from flowdrill.engine.load_jobs import check_load_jobs
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.obstacles import look_at_obstacles
from flowdrill.engine.order import RunOrder
from flowdrill.engine.permission_checks import HARNESS_WORDS, check_permissions, check_pod, may_create_pods
from flowdrill.engine.ports import LookPorts
from flowdrill.engine.provider_start import prepare_provider
from flowdrill.engine.reach_look import check_reach, look_at_reach
from flowdrill.engine.safety_checks import check_known_vulnerabilities, check_scanner_report
from flowdrill.engine.stable_image import find_stable
from flowdrill.engine.strategy_checks import check_strategy
from flowdrill.engine.way_back import look_at_way_back
from flowdrill.errors import DrillRefusedError, ForbiddenError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.events import BrakeSeen
from flowdrill.model.image_health import Health
from flowdrill.model.reach import Reach
from flowdrill.model.release import IMAGE_ONLY, Release
from flowdrill.model.scenario import Scenario, WorkloadChanges
from flowdrill.model.status import Status
from flowdrill.model.workload import WorkloadSnapshot


def preflight(order: RunOrder, ports: LookPorts, tell: Narrator) -> Cleared:
    """Return what the drill needs when no check fails. DrillRefusedError otherwise: once everything was looked at, or
    at the first thing without which nothing more can be looked at.

    Changes nothing. Errors of the cluster, the registry or the scenario come through as they are."""
    findings, gathered = Findings(ports.clock, tell.emit), Gathered(ports.workload.responder or HARNESS_WORDS)
    with suppress(ForbiddenError):  # that it may not look is among the checks
        ports.workload.refuse_if_locked()  # first: what a dead drill has left broken fails all other checks
    try:
        cleared = _look(order, ports, findings, gathered)
        alerts_known = check_alerts(order.drill, ports.alerts, findings)
    finally:
        findings.emit(BrakeSeen(at_ns=ports.clock.now_ns(), readiness=gathered.readiness()))
    check_activities(order.drill.chaos, ports, findings)
    findings.refuse_failed()
    if not alerts_known:
        raise findings.refusal()
    return cleared


def _look(order: RunOrder, ports: LookPorts, findings: Findings, gathered: Gathered) -> Cleared:
    before, template = ports.workload.snapshot(), ports.workload.template()
    check_allowed(order, ports, findings)
    permissions = check_permissions(order, ports, findings)
    gathered.access = permissions.rows
    _refuse_unhealthy(before, findings)
    named = check_tag_policy(before, order.drill.policy, findings).reference
    if named is None:
        raise findings.refusal()
    way_back = look_at_way_back(order, before, named, ports, findings, gathered)
    if way_back.looked[0].health.health is not Health.RETAINED:
        raise findings.refusal()
    stable = find_stable(before, named, ports, findings)
    check_known_vulnerabilities(stable.retained.reference, order.advisories, ports.registry, findings)
    if order.drill.policy.scanner is not None and ports.scanner is not None:
        check_scanner_report(stable.retained, order.drill.policy.scanner.severity, ports.scanner, findings)
    broken = ports.registry.prepare_broken(stable.pinned, order.scenario, order.run_id)
    puts_back = order.scenario.for_recovery()
    recovery = None if puts_back is None else ports.registry.prepare_broken(stable.pinned, puts_back, order.run_id)
    release = _release(order, ports)
    findings.check(
        "scenario_applies",
        Status.PASS,
        required="every change of the scenario finds something to change",
        observed="; ".join((*broken.image.changes, *release.changes)) or "a new image without a change",
    )
    check_pod(stable.rollback_image, ports, findings, may_try=may_create_pods(permissions.rows))
    check_guard_job(order, ports, findings)
    check_load_jobs(order, ports, findings, way_back.surroundings.pull_secrets)
    provider = prepare_provider(order, stable.pinned, ports, findings)
    revision = check_strategy(order, way_back.surroundings, ports, findings)
    number = next((one.number for one in way_back.surroundings.revisions if one.current), None)
    cleared = Cleared(before, stable, broken, release, recovery, revision, template, provider, revision_number=number)
    may = permissions.responder_may_patch
    try_patches(order.drill.rollback.way, cleared, ports, findings, responder_may_patch=may)
    gathered.reach = look_at_reach(order, stable, way_back, ports, findings, whole=False, responder_may_patch=may)
    check_reach(gathered.reach, findings)
    kept = way_back.surroundings.revision_limit
    obstacles = look_at_obstacles(order, cleared, ports.obstacles, findings)
    return replace(cleared, obstacles=obstacles, revision_limit=kept)


def whole_reach(order: RunOrder, ports: LookPorts, tell: Narrator) -> Reach:
    """Return how far back the target can be rolled, by everything that is known of its versions; without a scenario.
    DrillRefusedError when not even what runs now can be told, or the ledger is broken."""
    findings, gathered = Findings(ports.clock, tell.emit), Gathered(ports.workload.responder or HARNESS_WORDS)
    before = ports.workload.snapshot()
    may = check_permissions(order, ports, findings).responder_may_patch
    named = check_tag_policy(before, order.drill.policy, findings).reference
    if named is None:
        raise findings.refusal()
    way_back = look_at_way_back(order, before, named, ports, findings, gathered)
    findings.refuse_failed("ledger_intact")
    stable = find_stable(before, named, ports, findings)
    return look_at_reach(order, stable, way_back, ports, findings, whole=True, responder_may_patch=may)


def refuse_unfit(drill: Drill, scenario: Scenario) -> None:
    """PlanError when the scenario needs something that the drill does not name."""
    if scenario.changes.provider is not None and drill.provider is None:
        raise PlanError(
            f"drill {drill.drill}: scenario {scenario.scenario} changes the model provider, and the drill names none",
            "say which workload stands in for it, as drills/provider-down.yaml does: "
            "`provider: { workload: deployment/NAME }`",
        )


def _release(order: RunOrder, ports: LookPorts) -> Release:
    refuse_unfit(order.drill, order.scenario)
    changes = order.scenario.changes
    release = IMAGE_ONLY if changes.workload == WorkloadChanges() else ports.workload.release(changes.workload)
    if changes.provider is None or ports.provider is None:
        return release
    return release.with_beside(ports.provider.release(changes.provider))


def refuse_changed(order: RunOrder, cleared: Cleared, ports: LookPorts) -> None:
    """Look once more directly before the break: what somebody deployed since preflight must not be broken, and not be
    "restored" to what it was. DrillRefusedError when the image is another, or what the release changes beside it."""
    before, now = cleared.before, ports.workload.snapshot()
    if (now.uid, now.image, now.change_cause) != (before.uid, before.image, before.change_cause):
        raise DrillRefusedError(
            f"{now.kind}/{now.name} was changed since preflight: its image was {before.image} and is {now.image}",
            "drill when nobody deploys; nothing was broken",
        )
    if ports.workload.template() != cleared.template or _release(order, ports) != cleared.release:
        raise DrillRefusedError(
            f"{now.kind}/{now.name} was changed since preflight: its pod template, or what the release "
            "would change, is not what it was",
            "drill when nobody deploys; nothing was broken",
        )
    refuse_no_longer_allowed(order, ports)


def _refuse_unhealthy(seen: WorkloadSnapshot, findings: Findings) -> None:
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
        raise findings.refused("workload_healthy", required=required, observed=observed, remedy=remedy)
    findings.check("workload_healthy", Status.PASS, required=required, observed=seen.described())
