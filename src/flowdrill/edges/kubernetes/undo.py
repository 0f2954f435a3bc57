"""Goes back to a revision that a workload keeps, in the requests of `kubectl rollout undo --to-revision`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowdrill.analysis.template_differences import template_differences
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.patching import patch_query
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.revision_history import template_of
from flowdrill.edges.kubernetes.snapshot import image_of, is_owned_by
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import UndoRefusedError
from flowdrill.model.json_shapes import as_mapping, as_mappings, inside
from flowdrill.model.workload import WorkloadKind

# Of a Deployment's annotations those that say nothing of its template: they stay (kubectl's `annotationsToSkip`)
_STAY = frozenset({
    "kubectl.kubernetes.io/last-applied-configuration",
    "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history",
    "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas",
    "deprecated.deployment.rollback.to",
})  # fmt: skip
_HISTORY = "`kubectl -n {} rollout history {}` shows what is kept; `rollback.strategy: set-image` needs no revision"


def undo_to(api: Api, target: FoundTarget, revision: str, holds: Mapping[str, Any], *, dry_run: bool) -> None:
    """Bring the template of `revision` (replicaset/NAME or controllerrevision/NAME) back, which must be `holds`;
    `dry_run` has the API server check everything and keep nothing. UndoRefusedError when the revision is not kept, or
    holds another template, or rollouts are paused; otherwise what the API server answers."""
    kept = _kept(api, target, revision)
    _refuse_other(target, revision, template_of(target.kind, kept), holds)
    query = patch_query(dry_run=dry_run)
    if target.kind is WorkloadKind.STATEFULSET:
        api.patch(target.path, dict(inside(kept, "data")), query)  # a controller revision is such a patch
        return
    workload = api.get(target.path)
    if inside(workload, "spec").get("paused"):
        raise UndoRefusedError(
            f"the rollout of {target.label} is paused, and a paused Deployment cannot be undone",
            f"kubectl -n {target.namespace} rollout resume {target.label}",
        )
    template, annotations = template_of(target.kind, kept), _annotations(workload, kept)
    parts = (("/spec/template", template), ("/metadata/annotations", annotations))
    api.json_patch(target.path, [{"op": "replace", "path": path, "value": value} for path, value in parts], query)


def _kept(api: Api, target: FoundTarget, revision: str) -> Json:
    """The revision as the API server has it."""
    name = revision.partition("/")[2]
    try:
        kept = api.get(f"{target.revisions}/{name}")
    except AnswerError as error:
        if error.status != 404:
            raise
        raise _refused(target, f"{revision}, which held the stable template, is no longer kept") from error
    if not is_owned_by(kept, {target.uid}):
        raise _refused(target, f"{revision} is not a revision of {target.label}")
    return kept


def _refuse_other(target: FoundTarget, revision: str, template: Json, holds: Mapping[str, Any]) -> None:
    images = [
        image_of(as_mappings(inside(one, "spec").get("containers")), target.container) for one in (holds, template)
    ]
    differences = list(template_differences(holds, template, target.container))
    if images[0] != images[1]:
        differences.insert(0, f"image {images[0]} -> {images[1]}")
    if differences:
        more = f" and {len(differences) - 3} more" if len(differences) > 3 else ""
        raise _refused(target, f"{revision} holds another template: {'; '.join(differences[:3])}{more}")


def _refused(target: FoundTarget, problem: str) -> UndoRefusedError:
    return UndoRefusedError(printable(problem), _HISTORY.format(target.namespace, target.label))


def _annotations(workload: Json, kept: Json) -> dict[str, Any]:
    """The Deployment's annotations after the undo: the revision's, and of its own those that always stay."""
    own, theirs = (as_mapping(inside(one, "metadata").get("annotations")) for one in (workload, kept))
    return {key: value for key, value in own.items() if key in _STAY} | {
        key: value for key, value in theirs.items() if key not in _STAY
    }
