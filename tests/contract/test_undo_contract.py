"""An undo is what `kubectl rollout undo` is, on every Kubernetes: ours on one workload, kubectl's on its twin."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.errors import UndoRefusedError
from flowdrill.model.drill import Target
from flowdrill.model.workload import WorkloadKind
from tests.contract.playground import Json, Playground

CAUSE = "kubernetes.io/change-cause"
OFTEN_NEW = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "ownerReferences", "generateName")
HASHES = ("pod-template-hash", "controller-revision-hash", "controller.kubernetes.io/hash")


@pytest.fixture(params=list(WorkloadKind))
def kind(request: pytest.FixtureRequest) -> WorkloadKind:
    return WorkloadKind(request.param)


@pytest.fixture
def twins(play: Playground, kind: WorkloadKind) -> Iterator[tuple[str, str]]:
    """Two workloads with the same three revisions. Nothing needs to run for that."""
    mark = secrets.token_hex(3)
    names = (f"ours-{mark}", f"kube-{mark}")
    for name in names:
        play.deploy(name, kind=kind.capitalize() if kind == "deployment" else "StatefulSet", replicas=0)
        release(play, kind, name, "first", env=[{"name": "A", "value": "1"}], resources={"limits": {"cpu": "1"}})
        release(play, kind, name, "second", env=[{"name": "A", "value": "2"}, {"name": "B", "value": "new"}])
    yield names
    for name in names:
        play.delete(f"{kind}s", name)


def release(play: Playground, kind: WorkloadKind, name: str, cause: str, **container: Any) -> None:
    """A new template, with a note on why, and one of the team's own."""
    template = {
        "metadata": {"annotations": {"release": cause}},
        "spec": {"containers": [{"name": "main", **container}]},
    }
    notes = {CAUSE: cause, f"team/{cause}": "noted"}
    play.patch(f"{kind}s", name, {"metadata": {"annotations": notes}, "spec": {"template": template}})
    play.until(lambda: play.complete(name, f"{kind}s"), f"{name} is at {cause}")


def opened(play: Playground, kind: WorkloadKind, name: str) -> KubernetesWorkload:
    target = Target(namespace=play.namespace, workload=f"{kind}/{name}")
    return open_workload(play.context, target, kubeconfig=play.kubeconfig)


def revision_of(workload: KubernetesWorkload, number: int) -> str:
    (found,) = (one.name for one in workload.surroundings().revisions if one.number == number)
    return found


def template_at(play: Playground, kind: WorkloadKind, name: str, revision: str) -> Json:
    """What the workload's template is once that revision is back."""
    resource = "replicasets" if kind is WorkloadKind.DEPLOYMENT else "controllerrevisions"
    kept = play.raw("GET", play.apps_path(resource, revision.partition("/")[2]))
    template: Json = (kept.get("spec") or kept["data"]["spec"])["template"]
    (template["metadata"].get("labels") or {}).pop("pod-template-hash", None)
    return {key: value for key, value in template.items() if key != "$patch"}


def seen(play: Playground, kind: WorkloadKind, name: str) -> Json:
    """The workload and its revisions, with nothing in it that two twins cannot share."""
    resource = "replicasets" if kind is WorkloadKind.DEPLOYMENT else "controllerrevisions"
    workload = play.read(f"{kind}s", name)
    kept = play.raw("GET", play.apps_path(resource), labelSelector=f"app={name}")["items"]
    revisions = [{key: one.get(key) for key in ("metadata", "spec", "data", "revision")} for one in kept]
    found = {"metadata": workload["metadata"], "spec": workload["spec"], "revisions": revisions}
    text = re.sub(rf"{name}(-[a-z0-9]+)?", "NAME", json.dumps(_without_news(found), sort_keys=True))
    plain: Json = json.loads(text)
    plain["revisions"] = sorted(json.dumps(one, sort_keys=True) for one in plain["revisions"])
    return plain


def _without_news(value: Any) -> Any:
    if isinstance(value, dict):
        apart = {*OFTEN_NEW, *HASHES}
        return {key: _without_news(one) for key, one in value.items() if key not in apart}
    return [_without_news(one) for one in value] if isinstance(value, list) else value


def test_ours_leaves_what_kubectls_leaves(play: Playground, kind: WorkloadKind, twins: tuple[str, str]) -> None:
    ours, theirs = twins
    assert seen(play, kind, ours) == seen(play, kind, theirs)
    with closing(opened(play, kind, ours)) as workload:
        revision = revision_of(workload, 2)
        workload.undo_to(revision, template_at(play, kind, ours, revision))
    play.kubectl("rollout", "undo", f"{kind}/{theirs}", "--to-revision=2")
    for name in twins:
        play.until(lambda name=name: play.complete(name, f"{kind}s"), f"{name} is back")
    # the controller writes the revisions' annotations in its own time
    play.until(lambda: seen(play, kind, ours) == seen(play, kind, theirs), "both undos left the same")
    after = seen(play, kind, ours)
    (container,) = after["spec"]["template"]["spec"]["containers"]
    assert container["env"] == [{"name": "A", "value": "1"}]
    assert after["spec"]["template"]["metadata"]["annotations"] == {"release": "first"}
    wanted = "first" if kind is WorkloadKind.DEPLOYMENT else "second"
    assert after["metadata"]["annotations"][CAUSE] == wanted, "a StatefulSet's own annotations stay, as with kubectl"


def test_a_dry_run_keeps_nothing(play: Playground, kind: WorkloadKind, twins: tuple[str, str]) -> None:
    name = twins[0]
    before = seen(play, kind, name)
    with closing(opened(play, kind, name)) as workload:
        revision = revision_of(workload, 2)
        workload.undo_to(revision, template_at(play, kind, name, revision), dry_run=True)
        current = revision_of(workload, 3)
        workload.undo_to(current, workload.template(), dry_run=True)
    assert seen(play, kind, name) == before


def test_a_revision_that_was_pruned_or_holds_something_else_is_refused(
    play: Playground, kind: WorkloadKind, twins: tuple[str, str]
) -> None:
    name = twins[0]
    with closing(opened(play, kind, name)) as workload:
        revision = revision_of(workload, 2)
        holds = template_at(play, kind, name, revision)
        other = r'holds another template: env A: "2" -> "1"; env B: "new" -> not set'
        with pytest.raises(UndoRefusedError, match=other):
            workload.undo_to(revision, workload.template())
        resource = "replicaset" if kind is WorkloadKind.DEPLOYMENT else "controllerrevision"
        play.kubectl("delete", resource, revision.partition("/")[2])
        with pytest.raises(UndoRefusedError, match=f"{revision}, which held the stable template, is no longer kept"):
            workload.undo_to(revision, holds)
        assert "env" in str(workload.template())
    assert "2" in play.kubectl("rollout", "undo", f"{kind}/{name}", "--to-revision=2", check=False)


def test_a_paused_deployment_is_refused_as_kubectl_refuses_it(play: Playground) -> None:
    kind, name = WorkloadKind.DEPLOYMENT, f"paused-{secrets.token_hex(3)}"
    play.deploy(name, replicas=0)
    release(play, kind, name, "first", env=[{"name": "A", "value": "1"}])
    play.kubectl("rollout", "pause", f"deployment/{name}")
    with closing(opened(play, kind, name)) as workload:
        revision = revision_of(workload, 1)
        with pytest.raises(UndoRefusedError, match="is paused") as refused:
            workload.undo_to(revision, template_at(play, kind, name, revision))
    assert f"rollout resume deployment/{name}" in refused.value.remedy
    assert "paused" in play.kubectl("rollout", "undo", f"deployment/{name}", "--to-revision=1", check=False)
    play.delete("deployments", name)
