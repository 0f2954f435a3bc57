"""Who writes the workload's template besides whoever rolls back, and would put the broken image back: Argo CD, Flux,
Helm, or another controller. Each marks what it owns; what its own object says of it is read where that is allowed."""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.argo_cd_owner import ARGO_MANAGERS, argo_cd_owner_of
from flowdrill.edges.kubernetes.flux_owners import FLUX_MANAGERS, flux_owners_of
from flowdrill.edges.kubernetes.owner_lookup import ReleaseOwners
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.surroundings import Opponent

_RELEASE, _RELEASE_NAMESPACE = "meta.helm.sh/release-name", "meta.helm.sh/release-namespace"
_RECONCILING_ENDS = ("-controller", "-operator", "fleetagent", "kapp")


def release_owners_of(api: Api, target: FoundTarget, workload: Json) -> ReleaseOwners:
    """Return who would undo a rollback by hand."""
    meta = inside(workload, "metadata")
    labels, annotations = as_mapping(meta.get("labels")), as_mapping(meta.get("annotations"))
    managers = image_managers(workload, target.container)
    argo = argo_cd_owner_of(api, target, meta, managers)
    flux = flux_owners_of(api, labels, annotations)
    parts = [*([] if argo is None else [argo]), *flux]
    if as_text(annotations.get(_RELEASE)) and not parts:  # both use Helm's charts
        parts.append(ReleaseOwners((_helm(target, annotations),)))
    told = frozenset().union(() if argo is None else ARGO_MANAGERS, FLUX_MANAGERS if flux else ())
    parts.append(ReleaseOwners((*_other_managers(managers - told), *_controllers(meta))))
    return ReleaseOwners(
        tuple(one for part in parts for one in part.opponents), tuple(one for part in parts for one in part.unknown)
    )


def image_managers(workload: Json, container: str) -> frozenset[str]:
    """Return the field managers that own the image of `container` in the template."""
    key = f'k:{{"name":"{container}"}}'
    path = ("fieldsV1", "f:spec", "f:template", "f:spec", "f:containers", key)
    entries = as_mappings(inside(workload, "metadata").get("managedFields"))
    return frozenset(str(one.get("manager")) for one in entries if "f:image" in inside(one, *path))


def _helm(target: FoundTarget, annotations: Json) -> Opponent:
    release = printable(str(annotations.get(_RELEASE)))
    space = printable(as_text(annotations.get(_RELEASE_NAMESPACE)) or target.namespace)
    return Opponent(
        name=f"helm release {space}/{release}",
        effect="the next `helm upgrade` brings the chart's image back: Helm does not know of a rollback by hand",
        remedy=f"after a rollback, `helm -n {shlex.quote(space)} rollback {shlex.quote(release)}`, or mend the values",
        blocks=False,
    )


def _other_managers(managers: frozenset[str]) -> Iterable[Opponent]:
    for manager in sorted(managers):
        if manager.endswith(_RECONCILING_ENDS):
            yield Opponent(
                name=f"field manager {printable(manager)}",
                effect="it has set the image, and sounds like a controller: it may set it again",
                remedy="find out who that is, and how to hold it back during a rollback",
                blocks=False,
            )


def _controllers(meta: Json) -> Iterable[Opponent]:
    for one in as_mappings(meta.get("ownerReferences")):
        if one.get("controller") is True and one.get("kind") != "Canary":  # Flagger's, which is looked at by itself
            yield Opponent(
                name=f"owner {printable(str(one.get('kind')).lower())}/{printable(str(one.get('name')))}",
                effect="its controller has made the workload, and may write the template anew at any time",
                remedy="roll back by changing the owner, or find out how to hold its controller back",
                blocks=False,
            )
