"""Which resources there are, as clients ask for it."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.cluster.api.resource_types import Json, ResourceType

_MORE = {
    "Pod": (("log", "Pod", ("get",)), ("binding", "Binding", ("create",)), ("eviction", "Eviction", ("create",))),
    "ServiceAccount": (("token", "TokenRequest", ("create",)),),
    "Namespace": (("finalize", "Namespace", ("update",)),),
}
_ELSEWHERE = {"Scale": {"group": "autoscaling", "version": "v1"}, "Eviction": {"group": "policy", "version": "v1"}}
_STATUS_VERBS = ("get", "patch", "update")


def discovery_answer(path: str, types: Iterable[ResourceType], version: str, accept: str) -> Json | None:
    """Return the answer to a discovery path, None when it is none."""
    parts = [part for part in path.split("/") if part]
    served = list(types)
    aggregated = "as=APIGroupDiscoveryList" in accept and "v=v2" in accept
    match parts:
        case ["version"]:
            major, minor = version.lstrip("v").split(".")[:2]
            return {"major": major, "minor": minor, "gitVersion": version, "platform": "linux/amd64"}
        case ["api"]:
            if aggregated:
                return _aggregated([one for one in served if not one.group], core=True)
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            if aggregated:
                return _aggregated([one for one in served if one.group], core=False)
            groups = dict.fromkeys(one.group for one in served if one.group)
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(name, served) for name in groups]}
        case ["api", "v1"]:
            return _resources("v1", [one for one in served if not one.group])
        case ["apis", group] if any(one.group == group for one in served):
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, served)}
        case ["apis", group, of]:
            found = [one for one in served if (one.group, one.version) == (group, of)]
            return _resources(f"{group}/{of}", found) if found else None
    return None


def _group(name: str, served: list[ResourceType]) -> Json:
    versions = [{"groupVersion": f"{name}/{one}", "version": one} for one in _versions(name, served)]
    return {"name": name, "versions": versions, "preferredVersion": versions[0]}


def _versions(group: str, served: list[ResourceType]) -> list[str]:
    return list(dict.fromkeys(one.version for one in served if one.group == group))


def _resources(group_version: str, found: list[ResourceType]) -> Json:
    entries = []
    for one in found:
        entry: Json = {"name": one.plural, "singularName": one.singular, "namespaced": one.namespaced}
        entry |= {"kind": one.kind, "verbs": list(one.verbs)}
        entry |= {"shortNames": list(one.short_names)} if one.short_names else {}
        entry |= {"categories": list(one.categories)} if one.categories else {}
        entries.append(entry)
        for name, kind, verbs in _subresources(one):
            below: Json = {"name": f"{one.plural}/{name}", "singularName": "", "namespaced": one.namespaced}
            below |= _ELSEWHERE.get(kind, {})
            entries.append(below | {"kind": kind, "verbs": list(verbs)})
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": entries}


def _subresources(one: ResourceType) -> list[tuple[str, str, tuple[str, ...]]]:
    found = [("status", one.kind, _STATUS_VERBS)] if one.has_status else []
    found += [("scale", "Scale", _STATUS_VERBS)] if one.has_scale else []
    return [*found, *(_MORE.get(one.kind, ()) if not one.group else ())]


def _aggregated(served: list[ResourceType], *, core: bool) -> Json:
    items = []
    for group in [""] if core else dict.fromkeys(one.group for one in served):
        versions = [
            {
                "version": version, "freshness": "Current",
                "resources": [_entry(one) for one in served if (one.group, one.version) == (group, version)],
            }
            for version in _versions(group, served)
        ]  # fmt: skip
        items.append({"metadata": {"name": group, "creationTimestamp": None}, "versions": versions})
    head = {"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}}
    return {**head, "items": items}


def _entry(one: ResourceType) -> Json:
    below = [
        {
            "subresource": name, "verbs": list(verbs),
            "responseKind": {"group": one.group, "version": one.version, "kind": kind} | _ELSEWHERE.get(kind, {}),
        }
        for name, kind, verbs in _subresources(one)
    ]  # fmt: skip
    entry: Json = {"resource": one.plural, "scope": "Namespaced" if one.namespaced else "Cluster"}
    entry |= {"responseKind": {"group": one.group, "version": one.version, "kind": one.kind}}
    entry |= {"singularResource": one.singular, "verbs": list(one.verbs)}
    entry |= {"shortNames": list(one.short_names)} if one.short_names else {}
    entry |= {"categories": list(one.categories)} if one.categories else {}
    return entry | ({"subresources": below} if below else {})
