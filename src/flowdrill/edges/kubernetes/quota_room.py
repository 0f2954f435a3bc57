"""Whether the namespace's quotas leave room for the pods that a rollback starts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, as_texts, inside
from flowdrill.model.resource_quantity import quantity
from flowdrill.model.surroundings import Opponent

Amounts = Mapping[str, Decimal]
_ONE_POD = frozenset({"pods", "count/pods"})
_MUST_BE_NAMED = frozenset({"cpu", "memory", "requests.cpu", "requests.memory", "limits.cpu", "limits.memory"})


@dataclass(frozen=True, slots=True)
class PodTurnover:
    """How a rollout replaces pods: first so many more, or first so many fewer."""

    surge: int
    removed_first: int


def quota_opponents(
    template: Json, turnover: PodTurnover, quotas: Iterable[Json], limit_ranges: Iterable[Json]
) -> tuple[Opponent, ...]:
    """Return the ResourceQuotas that leave no room for one more pod of `template`: they block where no pod may go
    first, or where even that frees too little, and slow the rollback down elsewhere."""
    pod, ranges = inside(template, "spec"), list(limit_ranges)
    found = (_opponent(one, pod, turnover, ranges) for one in quotas if _is_about(one, pod))
    return tuple(one for one in found if one is not None)


def _opponent(quota: Json, pod: Json, turnover: PodTurnover, ranges: list[Json]) -> Opponent | None:
    name = f"resourcequota/{printable(str(inside(quota, 'metadata').get('name')))}"
    hard = _amounts(inside(quota, "status", "hard") or inside(quota, "spec", "hard"))
    used = _amounts(inside(quota, "status", "used"))
    unnamed = _unnamed(hard, pod, ranges)
    if unnamed:
        effect = f"it admits no new pod that does not say its {unnamed}, and a container of the template does not"
        return Opponent(name, effect, f"give every container its {unnamed}, or the namespace a LimitRange", blocks=True)
    needs = {one: _need(one, pod, ranges) for one in hard}
    free = {one: most - used.get(one, Decimal(0)) for one, most in hard.items()}
    short = {one: need for one, need in needs.items() if need > 0 and free[one] < need}
    if not short or (turnover.surge == 0 and not _stuck(short, free, turnover)):
        return None
    lacks = [f"{one} ({_plain(free[one])} left, {_plain(need)} needed)" for one, need in short.items()]
    which = printable(", ".join(lacks))
    remedy = "raise the quota, or free some of it, before somebody has to roll back"
    if _stuck(short, free, turnover):
        effect = f"it leaves no room for a pod of the stable image: {which}; no rollout can begin"
        return Opponent(name, effect, remedy, blocks=True)
    effect = f"it leaves no room for one pod more: {which}; pods must end before new ones start, which takes longer"
    return Opponent(name, effect, remedy, blocks=False)


def _stuck(short: Amounts, free: Amounts, turnover: PodTurnover) -> bool:
    """Whether there is no room even when as many pods have ended as may before the first new one."""
    return any(free[one] + turnover.removed_first * need < need for one, need in short.items())


def _need(resource: str, pod: Json, ranges: list[Json]) -> Decimal:
    """How much of a quota's resource one pod takes."""
    if resource in _ONE_POD:
        return Decimal(1)
    kind, dot, name = resource.partition(".")
    if not dot or kind not in ("requests", "limits"):
        kind, name = "requests", resource
    stated = _amounts(inside(pod, "resources", kind)).get(name)
    if stated is not None:
        return stated
    running = sum((_of(one, kind, name, ranges) for one in as_mappings(pod.get("containers"))), Decimal(0))
    beside, hungriest = Decimal(0), Decimal(0)
    for one in as_mappings(pod.get("initContainers")):
        amount = _of(one, kind, name, ranges)
        if one.get("restartPolicy") == "Always":
            beside += amount
        hungriest = max(hungriest, beside if one.get("restartPolicy") == "Always" else beside + amount)
    return max(running + beside, hungriest) + _amounts(pod.get("overhead")).get(name, Decimal(0))


def _of(container: Json, kind: str, name: str, ranges: list[Json]) -> Decimal:
    """What a container asks for once the API server has filled in what it leaves out."""
    own = as_mapping(container.get("resources"))
    limits, requests = _amounts(own.get("limits")), _amounts(own.get("requests"))
    usual = [one for each in ranges for one in as_mappings(inside(each, "spec").get("limits"))]
    usual = [one for one in usual if one.get("type") == "Container"]
    limit = _first(limits, *(_amounts(one.get("default")) for one in usual), name=name)
    if kind == "limits":
        return Decimal(0) if limit is None else limit
    request = _first(requests, limits, *(_amounts(one.get("defaultRequest")) for one in usual), name=name)
    return request if request is not None else limit or Decimal(0)


def _first(*amounts: Amounts, name: str) -> Decimal | None:
    return next((one[name] for one in amounts if name in one), None)


def _unnamed(hard: Amounts, pod: Json, ranges: list[Json]) -> str:
    """The resources that the quota counts and a container says nothing of: such a pod is refused."""
    if as_mapping(pod.get("resources")):
        return ""
    counted = sorted(_MUST_BE_NAMED & set(hard))
    containers = [*as_mappings(pod.get("containers")), *as_mappings(pod.get("initContainers"))]
    missing = [one for one in counted if not all(_names(each, one, ranges) for each in containers)]
    return ", ".join(missing)


def _names(container: Json, resource: str, ranges: list[Json]) -> bool:
    """Whether the container says how much of it, 0 too, or a LimitRange says it."""
    kind, dot, name = resource.partition(".")
    kind, name = (kind, name) if dot else ("requests", resource)
    own = as_mapping(container.get("resources"))
    usual = [one for each in ranges for one in as_mappings(inside(each, "spec").get("limits"))]
    stated = [as_mapping(own.get("limits")), *(as_mapping(one.get("default")) for one in usual)]
    if kind == "requests":
        stated += [as_mapping(own.get("requests")), *(as_mapping(one.get("defaultRequest")) for one in usual)]
    return any(name in one for one in stated)


def _is_about(quota: Json, pod: Json) -> bool:
    """Whether the quota counts pods like this one (its scopes)."""
    spec = inside(quota, "spec")
    containers = [*as_mappings(pod.get("containers")), *as_mappings(pod.get("initContainers"))]
    asks = any(inside(one, "resources", key) for one in containers for key in ("requests", "limits"))
    ends = pod.get("activeDeadlineSeconds") is not None
    holds = {"Terminating": ends, "NotTerminating": not ends, "BestEffort": not asks, "NotBestEffort": asks}
    if not all(holds.get(scope, True) for scope in as_texts(spec.get("scopes"))):
        return False
    rules = as_mappings(inside(spec, "scopeSelector").get("matchExpressions"))
    return all(_rule_holds(rule, holds, as_text(pod.get("priorityClassName"))) for rule in rules)


def _rule_holds(rule: Json, holds: Mapping[str, bool], priority: str | None) -> bool:
    scope, operator, values = str(rule.get("scopeName")), rule.get("operator"), as_texts(rule.get("values"))
    if scope != "PriorityClass":
        return holds.get(scope, True)
    if operator in ("In", "NotIn"):
        return (priority in values) is (operator == "In")
    return (priority is not None) is (operator != "DoesNotExist")


def _amounts(value: object) -> dict[str, Decimal]:
    found = {}
    for name, text in as_mapping(value).items():
        try:
            found[str(name)] = quantity(text)
        except ValueError:
            continue  # the API server refuses these
    return found


def _plain(amount: Decimal) -> str:
    """`400Mi`, `1.5`, `0`."""
    for unit, size in (("Gi", 1024**3), ("Mi", 1024**2), ("Ki", 1024)):
        if amount >= size and amount % size == 0:
            return f"{int(amount / size)}{unit}"
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
