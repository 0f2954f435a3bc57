"""Quotas: what a namespace holds of what is limited, and whether one more object fits.

It is counted anew whenever it is asked: nothing can be bought twice while a count is on its way."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from flowdrill.cluster.api.resource_types import PODS, RESOURCE_QUOTAS, Json, ResourceType, ResourceTypes
from flowdrill.cluster.api.status_error import denied
from flowdrill.cluster.api.store import Store
from flowdrill.model.resource_quantity import quantity, quantity_text

_PLAIN = ("cpu", "memory", "ephemeral-storage")  # each is its `requests.`, too
COMPUTE = frozenset({*_PLAIN, *(f"{kind}.{one}" for kind in ("requests", "limits") for one in _PLAIN)})
COUNTED = frozenset({"pods", "services", "secrets", "configmaps", "persistentvolumeclaims", "resourcequotas"})


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount, and whether it is written in Ki, Mi …"""

    value: Decimal
    binary: bool = False

    @staticmethod
    def of(text: object) -> Amount:
        """Return what a quantity says, nothing when it is none."""
        try:
            return Amount(quantity(text), str(text).endswith("i"))
        except ValueError:
            return _NOTHING

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.value + other.value, self.binary if self.value else other.binary)

    def __str__(self) -> str:
        return quantity_text(self.value, binary=self.binary)


Amounts = Mapping[str, Amount]
_NOTHING, _ONE = Amount(Decimal(0)), Amount(Decimal(1))


def check_quotas(store: Store, types: ResourceTypes, resource: ResourceType, value: Json) -> None:
    """StatusError 403 when a new object is more than a quota of its namespace allows, or does not say how much it
    needs of what is limited."""
    if not resource.namespaced:
        return
    name = value["metadata"]["name"]
    for quota in store.all(RESOURCE_QUOTAS, value["metadata"]["namespace"]):
        title, hard = quota["metadata"]["name"], hard_of(quota)
        missing = _unsaid(value, hard) if resource == PODS else ""
        if missing:
            raise denied(resource, name, f"failed quota: {title}: must specify {missing}")
        asked = {one: amount for one, amount in _usage(resource, value).items() if one in hard and amount.value}
        if not asked:
            continue
        used = used_of(store, types, quota["metadata"]["namespace"], asked)
        over = [one for one in sorted(asked) if used[one].value + asked[one].value > hard[one].value]
        if over:
            texts = (
                f"{what}: {','.join(f'{one}={amounts[one]}' for one in over)}"
                for what, amounts in (("requested", asked), ("used", used), ("limited", hard))
            )
            raise denied(resource, name, f"exceeded quota: {title}, {', '.join(texts)}")


def hard_of(quota: Json) -> Amounts:
    """Return the limits of a quota."""
    return {name: Amount.of(text) for name, text in ((quota.get("spec") or {}).get("hard") or {}).items()}


def used_of(store: Store, types: ResourceTypes, namespace: str, names: Iterable[str]) -> dict[str, Amount]:
    """Return how much of what is limited a namespace holds now."""
    found, computed = dict[str, Amount](), dict[str, Amount]()
    if any(name in COMPUTE or name == "pods" for name in names):
        for pod in store.all(PODS, namespace):
            if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed"):
                continue
            for name, amount in _pod_usage(pod).items():
                computed[name] = computed.get(name, _NOTHING) + amount
    for name in names:
        if name in COMPUTE or name == "pods":
            found[name] = computed.get(name, _NOTHING)
            continue
        kind = next((one for one in types.all() if one.full_name == name.removeprefix("count/") and one.kept), None)
        count = len(store.all(kind, namespace)) if kind is not None and kind.namespaced else 0
        found[name] = Amount(Decimal(count))
    return found


def _usage(resource: ResourceType, value: Json) -> dict[str, Amount]:
    """What one object is charged with."""
    own = {f"count/{resource.full_name}": _ONE}
    if resource == PODS:
        return own | _pod_usage(value)
    return own | ({resource.plural: _ONE} if not resource.group and resource.plural in COUNTED else {})


def _pod_usage(pod: Json) -> dict[str, Amount]:
    """What a pod is charged with: its containers together, or its hungriest init container where that is more."""
    total: dict[str, Amount] = {"pods": _ONE}
    for container in pod["spec"].get("containers") or ():
        for name, amount in _container_usage(container).items():
            total[name] = total.get(name, _NOTHING) + amount
    for container in pod["spec"].get("initContainers") or ():
        for name, amount in _container_usage(container).items():
            total[name] = max(total.get(name, _NOTHING), amount, key=lambda one: one.value)
    return total


def _container_usage(container: Json) -> dict[str, Amount]:
    resources: Json = container.get("resources") or {}
    found: dict[str, Amount] = {}
    for name in _PLAIN:
        request, limit = ((resources.get(kind) or {}).get(name) for kind in ("requests", "limits"))
        found |= {name: Amount.of(request), f"requests.{name}": Amount.of(request)} if request is not None else {}
        found |= {f"limits.{name}": Amount.of(limit)} if limit is not None else {}
    return found


def _unsaid(pod: Json, hard: Amounts) -> str:
    """What is limited and not said of each container, as in `limits.cpu for: a,b; memory for: a`."""
    wanted = sorted(name for name in hard if name in COMPUTE and "ephemeral" not in name)
    containers = [*(pod["spec"].get("containers") or ()), *(pod["spec"].get("initContainers") or ())]
    said = [(str(one["name"]), _container_usage(one)) for one in containers]
    missing = ((name, sorted(title for title, usage in said if name not in usage)) for name in wanted)
    return "; ".join(f"{name} for: {','.join(titles)}" for name, titles in missing if titles)
