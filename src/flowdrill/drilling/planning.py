"""The page that a change approver signs: what a drill will do, by whom, how it is undone, and the worst case. Nothing
is changed; the cluster is looked at where that is wanted."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from importlib.metadata import version

from flowdrill.analysis.drill_steps import steps_of, stops_of, undone_of
from flowdrill.analysis.planned_activities import planned_activities
from flowdrill.analysis.planned_writes import HARNESS, Scope, shown_command
from flowdrill.analysis.redaction import redact
from flowdrill.analysis.where_allowed import SafetyRules
from flowdrill.analysis.worst_case import caps_of, expected, worst_case
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import running_cluster
from flowdrill.cluster.state_folder import default_state_folder
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.planfiles.manifests import read_manifests
from flowdrill.engine.allowed_checks import not_allowed_because
from flowdrill.engine.limits import limits_in_force
from flowdrill.errors import TargetMissingError
from flowdrill.model.audit_plan import AuditPlan
from flowdrill.model.drill import Drill
from flowdrill.model.drill_plan import ByWhom, DrillPlan, SeenNow, WhatBreaks, Where
from flowdrill.model.quantity import format_seconds
from flowdrill.model.rollback_plan import Strategy
from flowdrill.preparing.allowing import Where as DrillWhere
from flowdrill.preparing.allowing import labels_asked_for, protected_because, safety_rules
from flowdrill.preparing.chaos_activities import refuse_invalid_activities
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.limiting import looked_around
from flowdrill.preparing.opening import Cluster
from flowdrill.preparing.plan_digest import covered_files, digest_of
from flowdrill.report.scenario_words import SYMPTOM_WORDS, change_lines, code_words, rollback_words

_EMBEDDED = "the embedded cluster of this machine"


def drill_plan(plan: DrillFile, cluster: Cluster, *, offline: bool = False) -> DrillPlan:
    """Return what the drill will do. Where the cluster can be looked at, and `offline` does not forbid it, what it
    shows now is added: with a context, and on an embedded cluster that is up. A protected cluster is not asked
    anything. FlowdrillError when a file cannot be used, Chaos Toolkit would not run an activity, or the cluster that is
    named cannot be looked at."""
    drill, near = plan.drill, plan.path.parent
    refuse_invalid_activities(drill, near)
    where = DrillWhere(plan.path, cluster.context, cluster.kubeconfig)
    rules = safety_rules(drill, plan.path)
    protected = protected_because(rules, drill, where)
    seen = None if offline or protected is not None else _seen_now(plan, cluster, rules)
    not_allowed = None if seen is None else seen.allowed
    scope = Scope(drill, plan.found.scenario, cluster.context is None, _deployed(plan, cluster))
    digest = digest_of(drill, plan.found, near, cluster.context)
    return DrillPlan(
        drill=drill.drill,
        description=redact(drill.description),
        digest=digest,
        covers=covered_files(drill, plan.found, near, cluster.context),
        tool_version=version("flowdrill"),
        refused=tuple(one for one in (protected and protected.problem, not_allowed) if one),
        approval=rules.approval_by or "",
        breaks=_breaks(plan),
        where=_where(plan, cluster),
        by_whom=_by_whom(scope, cluster.context),
        seen=seen,
        activities=planned_activities(drill),
        steps=steps_of(scope),
        stops=(*stops_of(scope), *_limits(drill, named=cluster.context is not None)),
        undone=undone_of(scope),
        by_hand=_by_hand(plan, cluster, seen),
        expected=expected(drill),
        worst_case=worst_case(drill, plan.found.scenario, caps_of(drill)),
        run_command=_run_command(plan, cluster, digest),
    )


def _limits(drill: Drill, *, named: bool) -> tuple[str, ...]:
    """The drill's limits, each as it stops it."""
    kept = limits_in_force(drill, looked_around(drill, named=named))
    return tuple(f"No longer {one.bound} (limits.{one.name}): the restore begins at once." for one in kept)


def _seen_now(plan: DrillFile, cluster: Cluster, rules: SafetyRules) -> SeenNow | None:
    context, kubeconfig = cluster.context, cluster.kubeconfig
    if context is None:
        running = running_cluster(default_state_folder(os.environ))
        if running is None:
            return None
        context, kubeconfig = CONTEXT, str(running.folder.kubeconfig)
    try:
        workload = open_workload(
            context, plan.drill.target, kubeconfig=kubeconfig, rollback=plan.drill.rollback, near=plan.path.parent
        )
    except TargetMissingError:
        if cluster.context is not None:
            raise
        return None  # the drill deploys it
    with workload:
        return _looked(plan, workload, labels_asked_for(rules, cluster.context))


def _looked(plan: DrillFile, workload: KubernetesWorkload, labels: tuple[tuple[str, str], ...]) -> SeenNow:
    snapshot = workload.snapshot()
    allowed = not_allowed_because(labels, plan.drill.target, workload.labels()) if labels else None
    return SeenNow(
        kubernetes_version=workload.kubernetes_version,
        cluster=workload.cluster,
        container=workload.container,
        image=snapshot.image,
        state=snapshot.described(),
        allowed=allowed,
    )


def _deployed(plan: DrillFile, cluster: Cluster) -> tuple[tuple[str, str], ...]:
    """What is applied to the embedded cluster, by resource and name."""
    if cluster.context is not None or plan.drill.embedded is None:
        return ()
    items = read_manifests(plan.path.parent / plan.drill.embedded.manifests)
    return tuple((_resource(str(one["apiVersion"]), str(one["kind"])), str(one["metadata"]["name"])) for one in items)


def _resource(version_: str, kind: str) -> str:
    """What Kubernetes calls objects of a kind: `networkpolicies.networking.k8s.io`."""
    one, group = kind.lower(), version_.rpartition("/")[0]
    several = f"{one[:-1]}ies" if one.endswith("y") else f"{one}es" if one.endswith("s") else f"{one}s"
    return f"{several}.{group}" if group else several


def _breaks(plan: DrillFile) -> WhatBreaks:
    scenario = plan.found.scenario
    puts_back = scenario.recovery and f"the restore puts data back: {code_words(scenario.recovery.python)}"
    return WhatBreaks(
        scenario=scenario.scenario,
        story=_line(scenario.story),
        changes=(*change_lines(scenario.changes), *((redact(puts_back),) if puts_back else ())) or ("nothing",),
        symptom=f"{scenario.symptom.value}: {SYMPTOM_WORDS[scenario.symptom]}",
        users_see=_line(scenario.seen_by_users),
        kubernetes_sees=_line(scenario.seen_by_kubernetes),
        rollback=rollback_words(scenario),
        obstacles=tuple(one.kind for one in plan.drill.obstacles),
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _where(plan: DrillFile, cluster: Cluster) -> Where:
    drill, provider = plan.drill, plan.drill.provider
    changed = plan.found.scenario.changes.workload.config_map
    named = changed and f"configmap/{changed.name}" if changed and changed.name else "the ConfigMap with the flow"
    return Where(
        cluster=_EMBEDDED if cluster.context is None else f"context {cluster.context}",
        context=cluster.context,
        namespace=drill.target.namespace,
        workload=drill.target.workload,
        container=drill.target.container,
        url=drill.load.url,
        beside=(*((str(named),) if changed else ()), *((provider.workload,) if provider is not None else ())),
    )


def _by_whom(scope: Scope, context: str | None) -> ByWhom:
    drill, way = scope.drill, scope.drill.rollback.way
    rights = f"the rights of context {context}" if context is not None else "every right on its own embedded cluster"
    by = f"by `{way}`" if way is not Strategy.COMMAND else f"by the command `{shown_command(drill.rollback.command)}`"
    takes_over = f"flowdrill takes over after {format_seconds(drill.rollback.human_limit_seconds)}"
    return ByWhom(
        harness=f"{HARNESS}, with {rights}",
        decides=f"people; {takes_over}" if drill.by_people else f"flowdrill, triggered by {drill.trigger.described()}",
        rolls_back=f"people, in their own way; else {scope.responder}, {by}"
        if drill.by_people
        else f"{scope.responder}, {by}",
        people="to notice, and to roll back; nobody is told when" if drill.by_people else "",
        on_record=tuple(redact(one) for one in _on_record(drill.audit)),
    )


def _on_record(audit: AuditPlan) -> Iterator[str]:
    """What the drill says for an auditor, a sentence each."""
    said = {
        "purpose": audit.purpose,
        "risk": audit.risk,
        "change ticket": audit.change_ticket,
        "run before this one": audit.previous_run,
        "findings go to": audit.findings.owner,
        "findings are due": audit.findings.due_within and f"{format_seconds(audit.findings.due_within)} after the run",
        "next test": audit.retest_on
        or (audit.retest_within and f"{format_seconds(audit.retest_within)} after the run"),
    }
    if audit.separate_approver:
        yield "approver: must not be who runs it; without --approved-by and another name the run is refused"
    yield from (f"takes part: {one.name} ({one.role})" for one in audit.participants)
    yield from (f"takes for granted: {one}" for one in audit.assumptions)
    yield from (f"{what}: {text}" for what, text in said.items() if text is not None)


def _by_hand(plan: DrillFile, cluster: Cluster, seen: SeenNow | None) -> tuple[str, ...]:
    """With flowdrill, and without: what runs now is known only where it was looked at."""
    target, context = plan.drill.target, cluster.context
    if context is None:
        restore, on = "flowdrill restore RUN_FOLDER", "--kubeconfig $(flowdrill cluster kubeconfig)"
    else:
        given = ["--kubeconfig", cluster.kubeconfig] if cluster.kubeconfig else []
        on = shlex.join(["--context", context, *given])
        restore = f"flowdrill restore {on} --namespace {target.namespace} --workload {target.workload}"
    if seen is None:
        return (restore,)
    image = shlex.quote(f"{seen.container}={seen.image}")
    return (restore, f"kubectl {on} -n {target.namespace} set image {target.workload} {image}")


def _run_command(plan: DrillFile, cluster: Cluster, digest: str) -> str:
    origin = plan.origin
    words = ["flowdrill", *(("run", str(plan.path)) if origin is None else (origin.command, str(origin.file)))]
    words += () if origin is None else origin.options
    for option, value in (("--context", cluster.context), ("--kubeconfig", cluster.kubeconfig)):
        words += [option, value] if value is not None else []
    approver = ["--approved-by", "NAME"] if plan.drill.audit.separate_approver else []
    return shlex.join([*words, "--approved", digest, *approver])
