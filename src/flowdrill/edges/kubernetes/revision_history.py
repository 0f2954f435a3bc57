"""The revisions that a workload keeps, and what a rollback to each would change beside the image. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flowdrill.analysis.redaction import redact
from flowdrill.analysis.template_differences import template_differences
from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.edges.kubernetes.snapshot import CHANGE_CAUSE, image_of, is_owned_by
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.model.json_shapes import as_count, as_mapping, as_mappings, as_text, inside
from flowdrill.model.surroundings import Revision
from flowdrill.model.workload import WorkloadKind

NUMBER = "deployment.kubernetes.io/revision"
_DEFAULT_LIMIT = 10  # of Deployments and StatefulSets alike
_MOST_REVISIONS = 100
_HASH = "pod-template-hash"  # the Deployment controller's own, in no template but a ReplicaSet's


def revision_limit_of(workload: Json) -> int:
    """Return how many old revisions the workload keeps."""
    limit = as_count(inside(workload, "spec").get("revisionHistoryLimit"))
    return _DEFAULT_LIMIT if limit is None else limit


def revisions_of(target: FoundTarget, workload: Json, kept: Iterable[Json]) -> tuple[Revision, ...]:
    """Return the workload's revisions among `kept` (ReplicaSets or ControllerRevisions), newest first; at most 100."""
    own = sorted_revisions(target, kept)
    current = current_of(target.kind, workload, own)
    now = inside(workload, "spec", "template")
    return tuple(_revision(target, now, one, current=one is current) for one in own[:_MOST_REVISIONS])


def sorted_revisions(target: FoundTarget, kept: Iterable[Json]) -> list[Json]:
    """Return the workload's revisions among `kept`, newest first."""
    own = [one for one in kept if is_owned_by(one, {target.uid})]
    return sorted(own, key=lambda one: (number_of(target.kind, one) or 0, _created(one)), reverse=True)


def _revision(target: FoundTarget, now: Json, one: Json, *, current: bool) -> Revision:
    kind = "replicaset" if target.kind is WorkloadKind.DEPLOYMENT else "controllerrevision"
    then = template_of(target.kind, one)
    cause = as_text(inside(one, "metadata", "annotations").get(CHANGE_CAUSE))
    containers = as_mappings(inside(then, "spec").get("containers"))
    return Revision(
        name=f"{kind}/{printable(str(one['metadata'].get('name')))}",
        number=number_of(target.kind, one),
        image=printable(image_of(containers, target.container) or ""),
        created=printable(_created(one)),
        current=current,
        change_cause=None if cause is None else printable(redact(cause)),
        differences=() if current else tuple(map(printable, template_differences(now, then, target.container))),
    )


def number_of(kind: WorkloadKind, one: Json) -> int | None:
    """Return a revision's number, None where it has none that is one."""
    if kind is WorkloadKind.STATEFULSET:
        return as_count(one.get("revision"))
    text = as_text(inside(one, "metadata", "annotations").get(NUMBER))
    return int(text) if text is not None and len(text) < 20 and text.isascii() and text.isdigit() else None


def _created(one: Json) -> str:
    return as_text(inside(one, "metadata").get("creationTimestamp")) or ""


def template_of(kind: WorkloadKind, one: Json) -> Json:
    """Return a revision's pod template as the workload has it: without what the controllers put in for themselves."""
    if kind is WorkloadKind.STATEFULSET:
        return {key: value for key, value in inside(one, "data", "spec", "template").items() if key != "$patch"}
    template = inside(one, "spec", "template")
    meta = as_mapping(template.get("metadata"))
    labels = {key: value for key, value in as_mapping(meta.get("labels")).items() if key != _HASH}
    return {**template, "metadata": {**meta, "labels": labels}}


def current_of(kind: WorkloadKind, workload: Json, own: list[Json]) -> Json | None:
    """The revision that holds the workload's template: the one that a StatefulSet names (what a ControllerRevision
    holds was written by an older API server, perhaps, with fewer defaults), else the newest with an equal one."""
    meta, status = inside(workload, "metadata"), inside(workload, "status")
    seen = (as_count(status.get("observedGeneration")) or 0) >= (as_count(meta.get("generation")) or 0)
    if kind is WorkloadKind.STATEFULSET and seen:
        named = [one for one in own if one["metadata"].get("name") == status.get("updateRevision")]
        if named:
            return named[0]
    now = _without_empty_labels(inside(workload, "spec", "template"))
    return next((one for one in own if _without_empty_labels(template_of(kind, one)) == now), None)


def _without_empty_labels(template: Json) -> dict[str, Any]:
    meta = {key: value for key, value in as_mapping(template.get("metadata")).items() if value not in (None, {})}
    return {**template, "metadata": meta}
