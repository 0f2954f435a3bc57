"""Each obstacle drilled, on every Kubernetes there is: the brake fails or holds, what it costs is measured, and all is
put back."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.rollback.command import Command
from flowdrill.edges.rollback.command import Place as CommandPlace
from flowdrill.edges.rollback.undo import Undo
from flowdrill.engine.ports import Clock
from flowdrill.engine.workload_ports import Workload
from flowdrill.model.drill import Target
from flowdrill.model.obstacle import ObstacleScene
from flowdrill.model.obstacle_plan import ControllerReverts
from flowdrill.model.result import Verdict
from flowdrill.model.rollback_plan import RollbackPlan
from flowdrill.model.status import Status
from tests.contract.conftest import Place
from tests.contract.drilling import Drilled, Stand, carry_out, stand_on
from tests.contract.playground import Json
from tests.contract.registry_gate import gate_to

pytestmark = pytest.mark.drills

RBAC = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{}"


@pytest.fixture
def stand(place: Place) -> Iterator[Stand]:
    with stand_on(place) as found:
        yield found


def assert_brake_failed(drilled: Drilled, obstacle: str) -> None:
    """The verdict says so and names what was in the way, and the outage that the restore ended has bounds."""
    result = drilled.result
    assert result.verdict is Verdict.FAIL, drilled.told
    assert result.reasons[0].startswith("brake_held: "), drilled.told
    assert f"(in the way: {obstacle})" in result.reasons[0]
    assert drilled.check("brake_held").status is Status.FAIL
    outage = result.measures.outage_until_restore
    assert result.measures.outage is None
    assert outage is not None, drilled.told
    assert 0 < outage.earliest <= outage.seconds <= outage.latest
    assert result.requests.bad > 0
    assert result.requests.error_budget is not None
    assert result.requests.error_budget.burned_ratio > 0


def test_a_deleted_stable_image_keeps_the_rollback_from_completing_where_nodes_must_pull(place: Place) -> None:
    with stand_on(place, imagePullPolicy="Always") as stand:
        drilled = carry_out(stand, stand.drill({"kind": "stable-image-deleted"}))
        assert_brake_failed(drilled, "stable-image-deleted")
        assert drilled.check("obstacle_stable_image_deleted").status is Status.PASS
        assert stand.tags() == {"1.0.0": stand.digest}
        (undo,) = drilled.undo.obstacles
        assert [line.rpartition("/manifests/")[2] for line in undo.by_hand] == [stand.digest, "1.0.0"]


def test_a_rolling_update_to_a_digest_needs_no_revision_no_eviction_and_no_registry_where_nodes_have_the_image(
    stand: Stand,
) -> None:
    play, names = stand.play, ("stable-image-deleted", "revision-pruned", "disruption-budget")
    (before,) = play.replica_sets("app")
    drilled = carry_out(stand, stand.drill(*({"kind": name} for name in names), limit="150s"))
    assert drilled.check("brake_held").status is Status.PASS, drilled.told
    assert f"(in the way: {', '.join(sorted(names, key=put_order(drilled)))})" in drilled.check("brake_held").observed
    assert drilled.check("rollback_completed").status is Status.PASS, drilled.told
    assert drilled.result.measures.outage is not None
    assert drilled.result.measures.outage_until_restore is None
    warning = drilled.check("obstacle_stable_image_deleted")
    assert (warning.status, "will not notice" in warning.observed) == (Status.WARNING, True)
    (after,) = play.replica_sets("app")
    assert after["metadata"]["name"] == before["metadata"]["name"], "it holds the same template"
    assert after["metadata"]["uid"] != before["metadata"]["uid"], "and was made anew"
    served = play.raw("GET", "/apis/policy")["preferredVersion"]["groupVersion"]
    assert play.raw("GET", f"/apis/{served}/namespaces/{play.namespace}/poddisruptionbudgets")["items"] == []


def test_an_undo_has_nothing_to_go_back_to_once_the_revision_is_pruned(stand: Stand) -> None:
    drill = stand.drill({"kind": "revision-pruned"}, rollback={"strategy": "undo"})
    assert_brake_failed(carry_out(stand, drill, Undo), "revision-pruned")


EVICT_FIRST = f"""#!{sys.executable}
# A team's rollback: no broken pod is to serve for one more second, so all are evicted before the image is set.
import os
from kubernetes import client, config

config.load_kube_config(os.environ["KUBECONFIG"], os.environ["FLOWDRILL_CONTEXT"])
core, apps, namespace = client.CoreV1Api(), client.AppsV1Api(), os.environ["FLOWDRILL_NAMESPACE"]
name, container = os.environ["FLOWDRILL_WORKLOAD"].partition("/")[2], os.environ["FLOWDRILL_CONTAINER"]
known = next(one for one in core.get_api_resources().resources if one.name == "pods/eviction")
for pod in core.list_namespaced_pod(namespace, label_selector="app=" + name).items:
    body = {{"apiVersion": "policy/" + known.version, "kind": "Eviction", "metadata": {{"name": pod.metadata.name}}}}
    core.create_namespaced_pod_eviction(pod.metadata.name, namespace, body)
image = {{"name": container, "image": os.environ["FLOWDRILL_STABLE_IMAGE"]}}
apps.patch_namespaced_deployment(name, namespace, {{"spec": {{"template": {{"spec": {{"containers": [image]}}}}}}}})
"""


def test_a_disruption_budget_stops_a_rollback_that_begins_with_evictions(stand: Stand, tmp_path: Path) -> None:
    script = tmp_path / "evict-first"
    script.write_text(EVICT_FIRST)
    script.chmod(0o755)
    play, argv = stand.play, ("./evict-first",)
    place = CommandPlace(tmp_path, play.namespace, "deployment/app", "main", play.context, play.kubeconfig)

    def command(_: Workload, clock: Clock) -> Command:
        return Command(argv, place, os.environ, clock)

    drill = stand.drill({"kind": "disruption-budget"}, limit="20s", rollback={"command": list(argv)})
    drilled = carry_out(stand, drill, command, near=tmp_path)
    assert_brake_failed(drilled, "disruption-budget")
    assert "violate the pod's disruption budget" in drilled.evidence["rollback-command.txt"]


def put_order(drilled: Drilled) -> Callable[[str], int]:
    return [one.name for one in drilled.result.obstacles].index


def test_a_responder_whose_permission_was_removed_is_refused(stand: Stand) -> None:
    play = stand.play
    before = on_call(stand)
    subject = f"system:serviceaccount:{play.namespace}:on-call"
    drilled = carry_out(stand, stand.drill({"kind": "permission-removed"}, rollback={"as": subject}))
    assert_brake_failed(drilled, "permission-removed")
    assert f"{subject} must not patch" in drilled.result.reasons[0]
    bindings = play.raw("GET", RBAC.format(play.namespace, "rolebindings"))["items"]
    assert [kept(one) for one in bindings] == [before]


def on_call(stand: Stand) -> Json:
    """A service account that may roll back; return its RoleBinding."""
    play = stand.play
    play.core.create_namespaced_service_account(play.namespace, {"metadata": {"name": "on-call"}})
    named = {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["get", "list", "watch", "patch"]}
    listed = {"apiGroups": ["apps", ""], "resources": ["replicasets", "pods"], "verbs": ["list"]}
    role = {"metadata": {"name": "roll-back"}, "rules": [named, listed]}
    play.raw("POST", RBAC.format(play.namespace, "roles"), role)
    binding = {
        "metadata": {"name": "on-call", "labels": {"team": "on-call"}, "annotations": {"why": "the pager"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "roll-back"},
        "subjects": [{"kind": "ServiceAccount", "name": "on-call", "namespace": play.namespace}],
    }
    return kept(play.raw("POST", RBAC.format(play.namespace, "rolebindings"), binding))


def kept(binding: Json) -> Json:
    """What people write of a RoleBinding."""
    meta = {key: binding["metadata"].get(key) for key in ("name", "labels", "annotations")}
    return {**meta, "roleRef": binding["roleRef"], "subjects": binding["subjects"]}


def test_a_paused_rollout_takes_the_patch_and_rolls_nothing_back(stand: Stand) -> None:
    drilled = carry_out(stand, stand.drill({"kind": "rollout-paused"}))
    assert_brake_failed(drilled, "rollout-paused")
    assert drilled.check("rollback_accepted").status is Status.PASS
    assert "paused" not in stand.play.read("deployments", "app")["spec"]


def test_a_controller_that_reverts_the_rollback_wins_until_it_is_taken_away(stand: Stand) -> None:
    drilled = carry_out(stand, stand.drill({"kind": "controller-reverts"}))
    assert_brake_failed(drilled, "controller-reverts")
    assert drilled.check("rollback_accepted").status is Status.PASS
    assert drilled.result.instants.triggered is not None
    assert drilled.result.instants.rolled_back is None
    done = drilled.evidence["obstacle-controller-reverts.txt"].splitlines()
    assert any(line.endswith(f"in place of {stand.image}") for line in done)


def test_a_controller_that_reverts_leaves_somebody_elses_deployment_alone(stand: Stand) -> None:
    play, target = stand.play, Target(namespace=stand.play.namespace, workload="deployment/app")
    with open_workload(play.context, target, kubeconfig=play.kubeconfig, rollback=RollbackPlan()) as workload:
        controller = workload.obstacle(ControllerReverts(kind="controller-reverts"))
        assert controller is not None
        broken, theirs = f"{stand.image.partition('@')[0]}:broken", f"{stand.image.partition('@')[0]}:theirs"
        controller.look(ObstacleScene("run-1", stand.image, stand.image, broken, None))
        controller.put()
        play.until(lambda: controller._stream is not None, "it watches")  # type: ignore[attr-defined]
        for image, until in ((broken, broken), (stand.image, broken), (theirs, theirs)):
            workload.set_image(image, None)
            play.until(lambda until=until: workload.snapshot().image == until, f"it is {until}")
        said = f"somebody has set {theirs}: nothing more is reverted\n"
        play.until(lambda: controller.evidence()[0][2].endswith(said), "it has ended by itself")
        assert controller.take_away() is None
        workload.set_image(stand.image, None)
    assert f"in place of {stand.image}" in controller.evidence()[0][2]


def test_a_registry_that_is_down_keeps_the_rollback_from_completing_where_nodes_must_pull(
    place: Place, tmp_path: Path
) -> None:
    """The embedded cluster's own is switched off. Anybody else's is not ours: the nodes reach it by a gate of ours."""
    with ExitStack() as stack:
        obstacle: Json = {"kind": "registry-down"}
        registry = None
        if place.context != CONTEXT:
            gate = stack.enter_context(gate_to(place.registry, tmp_path))
            registry = gate.address
            obstacle |= {"down": ["touch", str(gate.shut)], "up": ["rm", "-f", str(gate.shut)]}
        stand = stack.enter_context(stand_on(place, registry=registry, imagePullPolicy="Always"))
        assert_brake_failed(carry_out(stand, stand.drill(obstacle), near=tmp_path), "registry-down")
