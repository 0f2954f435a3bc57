"""Argo CD's Application that the workload belongs to, and whether it would undo a rollback."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.owner_lookup import WRITES_BACK, ReleaseOwners, owners_named
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, as_texts, inside
from flowdrill.model.surroundings import Opponent
from flowdrill.model.workload import WorkloadKind

ARGO_MANAGERS = frozenset({"argocd-controller", "argocd-application-controller"})
_TRACKING, _INSTANCE = "argocd.argoproj.io/tracking-id", "argocd.argoproj.io/instance"
_COMMON_INSTANCE = "app.kubernetes.io/instance"  # Argo CD's own mark before 3.0; many charts set it, too
_SKIPPED = "argocd.argoproj.io/skip-reconcile"


def argo_cd_owner_of(api: Api, target: FoundTarget, meta: Json, managers: frozenset[str]) -> ReleaseOwners | None:
    """Return the Application that tracks the workload, by its marks in `meta` and by who has set the image; None when
    it is not Argo CD's."""
    application = _application(target, meta, managers)
    if application is None:
        return None
    # an Application outside Argo CD's own namespace is called NAMESPACE_NAME
    looked = owners_named(api, "argoproj.io", ("v1alpha1",), "applications", None, application.rpartition("_")[2])
    called = printable(f"argo cd application {application}".strip())
    argument = shlex.quote(printable(application)) if application else "APPLICATION"
    remedy = f"roll back in Git, or first `argocd app set {argument} --sync-policy none`, and practise that"
    unknown = () if looked.known else (f"{called}: {looked.problem}",)
    effect, blocks = _effect(looked.items)
    return ReleaseOwners((Opponent(called, effect, remedy, blocks),), unknown)


def _application(target: FoundTarget, meta: Json, managers: frozenset[str]) -> str | None:
    """The Application's name, "" when only the field manager tells of it. An id that was copied from another object
    means nothing, to Argo CD neither."""
    labels, annotations = as_mapping(meta.get("labels")), as_mapping(meta.get("annotations"))
    tracking = as_text(annotations.get(_TRACKING))
    if tracking is not None:
        application, _, tracked = tracking.partition(":")
        kind = "Deployment" if target.kind is WorkloadKind.DEPLOYMENT else "StatefulSet"
        return application if tracked == f"apps/{kind}:{target.namespace}/{target.name}" else None
    named = as_text(labels.get(_INSTANCE)) or as_text(annotations.get(_INSTANCE))
    if named is None and managers & ARGO_MANAGERS:
        return as_text(labels.get(_COMMON_INSTANCE)) or ""
    return named


def _effect(applications: Sequence[Json]) -> tuple[str, bool]:
    """What the Application does to a rollback, and whether that keeps it from staying."""
    live = [one for one in applications if inside(one, "metadata", "annotations").get(_SKIPPED) != "true"]
    automatic = [one for one in live if _syncs_by_itself(one)]
    healing = [one for one in automatic if inside(one, "spec", "syncPolicy", "automated").get("selfHeal") is True]
    if any(not _ignores_images(one) for one in healing):
        return f"{WRITES_BACK} in Git within seconds (selfHeal): a rollback by hand does not stay", True
    if automatic:
        return "it syncs by itself: the next commit, or a sync for another reason, may bring Git's image back", False
    if live:
        return "it does not sync by itself: the next sync by hand brings Git's image back", False
    if applications:
        return "it is told to skip reconciling; once it goes on, it may bring Git's image back", False
    return f"{WRITES_BACK} in Git: where it syncs by itself, with selfHeal, it may undo a rollback by hand", False


def _syncs_by_itself(application: Json) -> bool:
    automated = inside(application, "spec", "syncPolicy").get("automated")
    return isinstance(automated, dict) and automated.get("enabled") is not False


def _ignores_images(application: Json) -> bool:
    """Whether the Application leaves some differences in containers alone: then nobody can say from here."""
    rules = as_mappings(inside(application, "spec").get("ignoreDifferences"))
    paths = (path for one in rules for key in ("jsonPointers", "jqPathExpressions") for path in as_texts(one.get(key)))
    return any("containers" in path or "image" in path for path in paths)
