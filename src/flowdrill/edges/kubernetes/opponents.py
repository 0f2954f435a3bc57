"""What would block, slow down or undo a rollback, besides whoever owns the release. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.label_rules import selects
from flowdrill.edges.kubernetes.quota_room import PodTurnover
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import as_count, inside
from flowdrill.model.surroundings import ON_DELETE, PARTITION, PAUSED, Opponent
from flowdrill.model.workload import WorkloadKind

_PERCENT = re.compile(r"[0-9]{1,4}%")


def own_settings(target: FoundTarget, workload: Json) -> tuple[Opponent, ...]:
    """Return the workload's own settings that keep a new template from reaching every pod, or users from being served
    meanwhile."""
    spec, found = inside(workload, "spec"), []
    patch = f"kubectl -n {target.namespace} patch {target.label} --type merge -p"
    update, strategy = inside(spec, "updateStrategy"), inside(spec, "strategy")
    if spec.get("paused") is True:
        remedy = f"kubectl -n {target.namespace} rollout resume {target.label}"
        found.append(
            Opponent(PAUSED, "the rollout is paused: a rollback changes the template and no pod", remedy, True)
        )
    if update.get("type") == "OnDelete":
        effect = "OnDelete: a rollback changes the template, and every pod must be deleted by hand"
        remedy = f"""{patch} '{{"spec":{{"updateStrategy":{{"type":"RollingUpdate"}}}}}}'"""
        found.append(Opponent(ON_DELETE, effect, remedy, blocks=True))
    partition = as_count(inside(update, "rollingUpdate").get("partition"))
    if partition:
        effect = f"a rollback reaches only the pods from ordinal {partition} on"
        remedy = f"""{patch} '{{"spec":{{"updateStrategy":{{"rollingUpdate":{{"partition":0}}}}}}}}'"""
        found.append(Opponent(PARTITION, effect, remedy, blocks=True))
    if strategy.get("type") == "Recreate":
        effect = "Recreate: all pods end before the first one of the stable image starts, and users wait meanwhile"
        remedy = "set spec.strategy.type to RollingUpdate, unless two versions must never run at once"
        found.append(Opponent("spec.strategy.type", effect, remedy, blocks=False))
    return tuple(found)


def turnover_of(kind: WorkloadKind, workload: Json) -> PodTurnover:
    """Return how many pods a rollout of the workload adds first, and how many may go first."""
    spec = inside(workload, "spec")
    replicas = as_count(spec.get("replicas"))
    wanted = 1 if replicas is None else replicas
    if kind is WorkloadKind.STATEFULSET:
        return PodTurnover(surge=0, removed_first=1)
    strategy = inside(spec, "strategy")
    if strategy.get("type") == "Recreate":
        return PodTurnover(surge=0, removed_first=wanted)
    rolling = inside(strategy, "rollingUpdate")
    surge = _resolved(rolling.get("maxSurge", "25%"), wanted, up=True)
    unavailable = _resolved(rolling.get("maxUnavailable", "25%"), wanted, up=False)
    return PodTurnover(surge, unavailable) if surge or unavailable else PodTurnover(0, 1)


def _resolved(value: object, total: int, *, up: bool) -> int:
    """A number, or a percentage of `total` rounded up or down."""
    if isinstance(value, str) and _PERCENT.fullmatch(value):
        hundredfold = int(value[:-1]) * total
        return -(-hundredfold // 100) if up else hundredfold // 100
    return as_count(value) or 0


def autoscalers(target: FoundTarget, items: Iterable[Json]) -> tuple[Opponent, ...]:
    """Return the HorizontalPodAutoscalers that scale the workload."""
    mine = [one for one in items if _targets(inside(one, "spec", "scaleTargetRef"), target)]
    return tuple(
        Opponent(
            name=f"horizontalpodautoscaler/{_name(one)}",
            effect=f"it may add or remove pods while the rollback runs ({_range(one)}), of whichever revision",
            remedy="count with moving replicas; to hold them still, set minReplicas to maxReplicas for the drill",
            blocks=False,
        )
        for one in mine
    )


def _range(autoscaler: Json) -> str:
    spec = inside(autoscaler, "spec")
    least, most = as_count(spec.get("minReplicas")), as_count(spec.get("maxReplicas"))
    return f"{1 if least is None else least} to {'?' if most is None else most} replicas"


def disruption_budgets(template: Json, items: Iterable[Json]) -> tuple[Opponent, ...]:
    """Return the PodDisruptionBudgets that select the workload's pods. They do not fight a rollback; many expect it."""
    labels = inside(template, "metadata", "labels")
    mine = [one for one in items if selects(inside(one, "spec").get("selector"), labels)]
    effect = "it limits evictions (a node drain, say), not rollouts: it neither stops a rollback nor protects it"
    return tuple(Opponent(f"poddisruptionbudget/{_name(one)}", effect, "", blocks=False) for one in mine)


def delivery_tools(target: FoundTarget, rollouts: Iterable[Json], canaries: Iterable[Json]) -> tuple[Opponent, ...]:
    """Return the Argo Rollouts and Flagger Canaries that take this Deployment's template for their own steps."""
    space, found = target.namespace, []
    for one in rollouts:
        if _targets(inside(one, "spec", "workloadRef"), target):
            effect = "it runs this template's pods in its own steps: a rollback here goes through those"
            remedy = f"roll back with the Rollout: `kubectl argo rollouts -n {space} undo {_name(one)}`"
            found.append(Opponent(f"argo rollout {_name(one)}", effect, remedy, blocks=False))
    for one in canaries:
        reference = inside(one, "spec", "targetRef")
        if _targets(reference, target):
            effect = "a changed template starts its analysis: users get the stable image only when that has passed"
            remedy = "know how long the analysis takes, or set spec.skipAnalysis of the Canary before a rollback"
            found.append(Opponent(f"flagger canary {_name(one)}", effect, remedy, blocks=False))
        elif f"{reference.get('name')}-primary" == target.name and reference.get("kind") == "Deployment":
            effect = "it writes this Deployment anew at its next promotion: an image set here lasts until then"
            remedy = f"roll back deployment/{printable(str(reference.get('name')))}, which Flagger promotes from"
            found.append(Opponent(f"flagger canary {_name(one)}", effect, remedy, blocks=False))
    return tuple(found)


def _targets(reference: Json, target: FoundTarget) -> bool:
    return reference.get("name") == target.name and str(reference.get("kind")).lower() == str(target.kind)


def _name(item: Json) -> str:
    return printable(str(inside(item, "metadata").get("name")))
