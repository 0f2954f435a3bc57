"""The guard in the cluster: with the Role printed for it, on every Kubernetes; as a Job, where there are Jobs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.edges.guard.post import Post
from flowdrill.edges.kubernetes.guard_job import KubernetesGuardJob, open_guard_job
from flowdrill.errors import ClusterError
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.events import Event
from flowdrill.model.guard_plan import InClusterGuard
from flowdrill.report.rbac_manifests import roles_for
from flowdrill.standing_in.restoring import Broken, NoFolder, stand_in
from tests.contract.bench import ask_registry
from tests.contract.conftest import Place
from tests.contract.drilling import NAME, SCENARIO, stand_on
from tests.contract.granting import applied, kubeconfig_of
from tests.contract.guard_image import push_guard_image
from tests.contract.playground import Playground
from tests.contract.test_restore_contract import DeadDrill, dead_drill

ACCOUNT = "flowdrill-guard"


@contextmanager
def job_on(play: Playground, image: str, account: str = ACCOUNT) -> Iterator[KubernetesGuardJob]:
    target = Target(namespace=play.namespace, workload=f"deployment/{NAME}")
    plan, access = InClusterGuard(image=image, service_account=account), RegistryAccess(plain_http=True)
    with open_guard_job(play.context, target, plan, access, kubeconfig=play.kubeconfig) as job:
        yield job


def jobs(play: Playground) -> list[str]:
    items = play.raw("GET", f"/apis/batch/v1/namespaces/{play.namespace}/jobs")["items"]
    return [str(one["metadata"]["name"]) for one in items]


def granted(dead: DeadDrill) -> None:
    """Apply what is printed for the guard, and nothing else."""
    stand = dead.stand
    drill = stand.drill(guard={"in_cluster": {"image": "img"}})
    roles = roles_for("guard", drill.target, guard_needs(drill, SCENARIO))
    applied(stand.play, roles, f"system:serviceaccount:{stand.play.namespace}:{ACCOUNT}", makes_account=True)


@pytest.mark.parametrize("kind", ["deployment", "statefulset"])
def test_what_is_printed_for_the_guard_is_enough_to_put_everything_back(
    place: Place, tmp_path: Path, kind: str
) -> None:
    with stand_on(place, kind=kind) as stand, dead_drill(stand, in_cluster={"image": "img"}) as dead:
        granted(dead)
        own = kubeconfig_of(stand.play, ACCOUNT, tmp_path)
        broken = Broken(dead.undo, Post("own", str(own), "/"), access=RegistryAccess(plain_http=True))
        events = list[Event]()
        done = stand_in(broken, "guard-in-cluster", "test", NoFolder(), events.append, holds_what_is_left=True)
        assert (done.error, done.theirs, done.left) == (None, None, ()), events
        dead.assert_restored()


def test_what_may_not_be_deleted_stays_on_the_lease_for_people(place: Place) -> None:
    with stand_on(place) as stand, dead_drill(stand, in_cluster={"image": "img"}) as dead:
        post = Post(stand.play.context, stand.play.kubeconfig, "/")
        nowhere = RegistryAccess(ca_file="/not/there")
        broken = Broken(dead.undo, post, access=nowhere)
        done = stand_in(broken, "guard-in-cluster", "test", NoFolder(), lambda _: None, holds_what_is_left=True)
        if done.left == ():
            pytest.skip("a registry on loopback is always reached")
        assert stand.template() == dead.template
        assert dead.standing() == "asks"
        assert dead.restore().done.left == ()
        dead.assert_restored()


def test_a_cluster_without_jobs_refuses_with_one_clear_error(embedded_place: Place) -> None:
    with stand_on(embedded_place) as stand, job_on(stand.play, "img", "default") as job:
        with pytest.raises(ClusterError, match="this cluster has no Jobs"):
            job.try_out("run-1")
        with job_on(stand.play, "img", "nobody") as nobody, pytest.raises(ClusterError, match="service account nobody"):
            nobody.try_out("run-1")


@pytest.mark.kubernetes
def test_a_job_in_the_cluster_puts_back_what_a_dead_host_has_left_broken(real_place: Place) -> None:
    user = {"runAsUser": 65534}
    with stand_on(real_place, securityContext=user) as stand:
        repository = f"{stand.play.namespace}-guard"
        image = push_guard_image(real_place.registry, real_place.image, repository)
        try:
            with dead_drill(stand, in_cluster={"image": image}) as dead, job_on(stand.play, image) as job:
                granted(dead)
                job.try_out(dead.undo.run_id)
                job.create(dead.undo)
                job.create(dead.undo)  # an answer may be lost
                with pytest.raises(ClusterError, match="is there already"):
                    job.try_out("another")
                stand.play.until(lambda: job.unready() is None, "it watches")
                stand.play.until(lambda: stand.template() == dead.template, "it has put the stable image back")
                stand.play.until(lambda: jobs(stand.play) == [], "it has taken itself away")
                stand.play.until(lambda: job.remove(dead.undo.run_id) is None, "its pod has ended")
                stand.play.until(lambda: stand.play.complete(NAME), "the stable image runs")
                dead.assert_restored()
                (told,) = stand.play.events("FlowdrillGuard")
                assert "everything is as it was before the drill" in told
        finally:
            ask_registry(real_place.registry, "DELETE", f"{repository}/manifests/{image.partition('@')[2]}")
