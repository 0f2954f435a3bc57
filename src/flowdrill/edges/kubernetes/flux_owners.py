"""Flux's Kustomization or HelmRelease that the workload comes from, and whether it would undo a rollback."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.looking import Looked
from flowdrill.edges.kubernetes.owner_lookup import WRITES_BACK, ReleaseOwners, owners_named
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.model.json_shapes import as_text, inside
from flowdrill.model.surroundings import Opponent

FLUX_MANAGERS = frozenset({"kustomize-controller", "helm-controller"})
_KUSTOMIZE, _HELM = "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io"
_SUSPENDED = "it is suspended, and undoes nothing until somebody resumes it"


@dataclass(frozen=True, slots=True)
class _Source:
    """The object that the workload's labels name."""

    kind: str
    namespace: str
    name: str
    looked: Looked

    @property
    def is_gone(self) -> bool:
        """Whether the labels are left from an object that is not there any more."""
        return self.looked.known and self.looked.served and self.looked.first is None

    def opponent(self, effect: str, *, blocks: bool = False, harmless: bool = False) -> ReleaseOwners:
        """It, with what it does to a rollback."""
        command = f"flux -n {shlex.quote(self.namespace)} suspend {self.kind} {shlex.quote(self.name)}"
        remedy = "" if harmless else f"roll back in its source, or first `{command}`, and practise that"
        called = f"flux {self.kind} {self.namespace}/{self.name}"
        unknown = () if self.looked.known else (f"{called}: {self.looked.problem}",)
        return ReleaseOwners((Opponent(called, effect, remedy, blocks),), unknown)


def flux_owners_of(api: Api, labels: Json, annotations: Json) -> list[ReleaseOwners]:
    """Return what of Flux the labels of the workload name; nothing when it is not Flux's."""
    found = []
    if f"{_KUSTOMIZE}/name" in labels:
        found.append(_kustomization(api, labels, annotations))
    if f"{_HELM}/name" in labels:
        found.append(_helm_release(api, labels))
    return found


def _kustomization(api: Api, labels: Json, annotations: Json) -> ReleaseOwners:
    source = _source(api, labels, _KUSTOMIZE, ("v1", "v1beta2", "v1beta1"), "kustomization")
    applied = str(annotations.get(f"{_KUSTOMIZE}/ssa")).lower()
    if str(annotations.get(f"{_KUSTOMIZE}/reconcile")).lower() == "disabled" or applied in ("ignore", "ifnotpresent"):
        return source.opponent("it is told to leave this object alone", harmless=True)
    if source.is_gone:
        return ReleaseOwners()
    if source.looked.first is None:
        return source.opponent(f"{WRITES_BACK} at every interval: unless suspended, it may undo a rollback by hand")
    spec = inside(source.looked.first, "spec")
    if spec.get("suspend") is True:
        return source.opponent(_SUSPENDED, harmless=True)
    every = printable(as_text(spec.get("interval")) or "some minutes")
    return source.opponent(f"{WRITES_BACK} every {every}: a rollback by hand does not stay", blocks=True)


def _helm_release(api: Api, labels: Json) -> ReleaseOwners:
    source = _source(api, labels, _HELM, ("v2", "v2beta2", "v2beta1"), "helmrelease")
    if source.is_gone:
        return ReleaseOwners()
    next_upgrade = "its next upgrade brings the chart's image back"
    if source.looked.first is None:
        return source.opponent(f"{next_upgrade}, and with driftDetection it may undo a rollback by hand before that")
    spec = inside(source.looked.first, "spec")
    if spec.get("suspend") is True:
        return source.opponent(_SUSPENDED, harmless=True)
    if inside(spec, "driftDetection").get("mode") == "enabled":
        return source.opponent(f"{WRITES_BACK} (driftDetection): a rollback by hand does not stay", blocks=True)
    return source.opponent(next_upgrade)


def _source(api: Api, labels: Json, group: str, versions: tuple[str, ...], kind: str) -> _Source:
    namespace, name = str(labels.get(f"{group}/namespace")), labels.get(f"{group}/name")
    looked = owners_named(api, group, versions, f"{kind}s", namespace, name)
    return _Source(kind, printable(namespace), printable(str(name)), looked)
