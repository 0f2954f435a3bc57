"""How the workload stands, and the little that is mended of it: annotations, and revisions of the drill's own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json, Query, labels_query
from flowdrill.edges.kubernetes.patching import patch_query
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.revision_history import NUMBER, current_of, number_of, sorted_revisions, template_of
from flowdrill.edges.kubernetes.revisions import delete_revision
from flowdrill.edges.kubernetes.snapshot import image_of, owned_pods
from flowdrill.edges.kubernetes.standing_fields import standing_marks, standing_object
from flowdrill.edges.kubernetes.target import FoundTarget, workloads_path
from flowdrill.errors import ForbiddenError
from flowdrill.model.json_shapes import as_mapping, as_mappings, as_text, inside
from flowdrill.model.run_label import RUN_LABEL, run_label
from flowdrill.model.standing import TEMPLATE, KeptRevision, Standing, StandingObject, StrayPod, fingerprint
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind

_HASHES = ("pod-template-hash", "controller-revision-hash")
_MOST_REVISIONS = 100


def standing_of(api: Api, target: FoundTarget, undo: Undo) -> Standing:
    """Return how the workload stands, with what the drill of `undo` changes beside it, and what it has made. What may
    not be read is named in it."""
    unread: list[str] = []
    workload = api.get(target.path)
    kept = sorted_revisions(target, _listed(api, target.revisions, target.selector, "revisions", unread))
    pods = _listed(api, target.core("pods"), target.selector, "pods", unread)
    run = labels_query({"matchLabels": {RUN_LABEL: run_label(undo.run_id)}})
    own = _listed(api, target.core("pods"), run, "pods of the run", unread)
    current = current_of(target.kind, workload, kept)
    names = (*undo.beside, *(() if undo.started is None else (undo.started,)))
    return Standing(
        uid=str(workload["metadata"]["uid"]),
        workload=standing_object(workload),
        revisions=tuple(_revision(target, one) for one in reversed(kept[:_MOST_REVISIONS])),
        current=None if current is None else _name(target, current),
        strays=tuple(_strays(target, workload, kept, current, pods, undo)),
        beside={name: _beside(api, target, name, unread) for name in names},
        made=tuple(f"pod/{printable(str(one['metadata']['name']))}" for one in own),
        unread=tuple(unread),
    )


def annotate(api: Api, target: FoundTarget, name: str, annotations: Mapping[str, str | None]) -> None:
    """Set annotations of the workload, or of a revision of it (None removes one), and nothing else."""
    kind, _, own_name = name.partition("/")
    path = target.path if name == target.label else f"{target.revisions}/{own_name}"
    if name != target.label and not target.revisions.endswith(f"/{kind}s"):
        raise ValueError(f"{name} is no revision of {target.label}")
    api.patch(path, {"metadata": {"annotations": dict(annotations)}}, patch_query(dry_run=False))


def renumber(api: Api, target: FoundTarget, name: str, number: int) -> None:
    """Give a revision that is not the current one another number: `rollout undo` goes by it."""
    if target.kind is WorkloadKind.DEPLOYMENT:
        annotate(api, target, name, {NUMBER: str(number)})
        return
    api.patch(f"{target.revisions}/{name.partition('/')[2]}", {"revision": number}, patch_query(dry_run=False))


def set_revision_limit(api: Api, target: FoundTarget, limit: int) -> None:
    """Set how many old revisions the workload keeps."""
    api.patch(target.path, {"spec": {"revisionHistoryLimit": limit}}, patch_query(dry_run=False))


def forget_revision(api: Api, target: FoundTarget, name: str) -> str | None:
    """Delete one revision that no pod is of; return why it is left, or None."""
    return delete_revision(api, target, name.partition("/")[2])


def _listed(api: Api, path: str, query: Query, what: str, unread: list[str]) -> list[Json]:
    return _read(lambda: api.items(path, query), what, unread) or []


def _read(get: Callable[[], Any], what: str, unread: list[str]) -> Any:
    try:
        return get()
    except ForbiddenError as error:
        unread.append(f"{what}: {error.problem}")
        return None


def _revision(target: FoundTarget, one: Json) -> KeptRevision:
    template = template_of(target.kind, one)
    containers = as_mappings(inside(template, "spec").get("containers"))
    image = image_of(containers, target.container)
    others = [{**each, "image": None} if each.get("name") == target.container else each for each in containers]
    without = {**template, "spec": {**inside(template, "spec"), "containers": others}}
    fields = {TEMPLATE: f"#{fingerprint(without)}", **standing_marks(one)}
    return KeptRevision(_name(target, one), printable(image or ""), fields, number_of(target.kind, one))


def _name(target: FoundTarget, one: Json) -> str:
    kind = "replicaset" if target.kind is WorkloadKind.DEPLOYMENT else "controllerrevision"
    return f"{kind}/{printable(str(one['metadata'].get('name')))}"


def _strays(
    target: FoundTarget, workload: Json, kept: list[Json], current: Json | None, pods: list[Json], undo: Undo
) -> Iterable[StrayPod]:
    """Pods of another template than the workload's, and of the drill's images, whosever they are by now."""
    made = {str(one.reference) for one in undo.made}
    wanted = (
        _hash_of(current)
        if target.kind is WorkloadKind.DEPLOYMENT
        else as_text(inside(workload, "status").get("updateRevision"))
    )
    own = {str(pod["metadata"]["uid"]) for pod in owned_pods(target.kind, workload, kept, pods)}
    for pod in sorted(pods, key=lambda pod: str(pod["metadata"]["name"])):
        image = image_of(as_mappings(inside(pod, "spec").get("containers")), target.container) or ""
        of_another = str(pod["metadata"]["uid"]) in own and wanted is not None and _hash_of(pod) != wanted
        if of_another or image in made:
            yield StrayPod(printable(str(pod["metadata"]["name"])), printable(image))


def _hash_of(item: Json | None) -> str | None:
    labels = inside(item, "metadata", "labels")
    return next((found for one in _HASHES if (found := as_text(labels.get(one))) is not None), None)


def _beside(api: Api, target: FoundTarget, name: str, unread: list[str]) -> StandingObject | None:
    kind, _, own_name = name.partition("/")
    within = target.core("configmaps") if kind == "configmap" else workloads_path(target.namespace, WorkloadKind(kind))
    try:
        found = _read(lambda: api.get(f"{within}/{own_name}"), name, unread)
    except AnswerError as error:
        if error.status != 404:
            raise
        return None
    return None if found is None else standing_object(as_mapping(found))
