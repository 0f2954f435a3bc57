"""What stops a drill, on every Kubernetes there is: who is seen around it, and a drill that a limit ends."""

from __future__ import annotations

import queue
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.engine.facts import AroundSeen, Fact, LookTold
from flowdrill.engine.source_ports import Source
from flowdrill.model.around import Neighbour, NodeState, Surrounding
from flowdrill.model.drill import Target
from flowdrill.model.events import End
from flowdrill.model.result import Verdict
from flowdrill.model.run_label import RUN_LABEL
from flowdrill.model.status import Status
from tests.contract.conftest import Place
from tests.contract.drilling import Drilled, carry_out, stand_on
from tests.contract.granting import kubeconfig_of
from tests.contract.playground import LONGEST_SECONDS, Playground

pytestmark = pytest.mark.drills

Wait = Callable[[Callable[[Fact], object]], Fact]


@pytest.fixture(scope="module")
def target(play: Playground) -> Iterator[Target]:
    name = f"app-{secrets.token_hex(3)}"
    play.deploy(name, replicas=0)
    yield Target(namespace=play.namespace, workload=f"deployment/{name}")
    play.delete("deployments", name)


@contextmanager
def opened(play: Playground, target: Target, own: Path | None = None) -> Iterator[KubernetesWorkload]:
    context, kubeconfig = (play.context, play.kubeconfig) if own is None else ("own", str(own))
    with closing(open_workload(context, target, kubeconfig=kubeconfig)) as workload:
        yield workload


@contextmanager
def watched(source: Source) -> Iterator[Wait]:
    """Watch; yields what returns the next fact that a condition holds for."""
    facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def wait(condition: Callable[[Fact], object]) -> Fact:
        end = time.monotonic() + LONGEST_SECONDS
        while True:
            fact = facts.get(timeout=max(0.1, end - time.monotonic()))
            if condition(fact):
                return fact

    source.start_watching(facts.put)
    try:
        yield wait
    finally:
        source.stop_watching()


def is_seen(what: Surrounding) -> Callable[[Fact], bool]:
    return lambda fact: isinstance(fact, AroundSeen) and fact.what == what


def is_complete(fact: Fact) -> bool:
    return isinstance(fact, LookTold) and fact.problem is None


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_another_workload_is_seen_to_be_ready_short_scaled_and_gone(
    play: Playground, target: Target, kind: str
) -> None:
    name, collection = f"near-{secrets.token_hex(3)}", f"{kind.lower()}s"
    label = f"{kind.lower()}/{name}"
    with opened(play, target) as workload, watched(workload.neighbour_look(())) as wait:
        wait(is_complete)
        play.deploy(name, kind=kind, replicas=2)
        wait(is_seen(Neighbour(label, 2, 2)))
        (first, _) = play.pods(name)
        play.raw("DELETE", play.core_path("pods", first["metadata"]["name"]))
        wait(lambda fact: _ready(fact, label) == 1)
        wait(lambda fact: _ready(fact, label) == 2)
        play.patch(collection, name, {"spec": {"replicas": 1}})
        wait(is_seen(Neighbour(label, 1, 1)))
        play.delete(collection, name)
        wait(is_seen(Neighbour(label, 0, 0)))


def _ready(fact: Fact, label: str) -> int | None:
    seen = fact.what if isinstance(fact, AroundSeen) else None
    return seen.ready if isinstance(seen, Neighbour) and seen.name == label else None


def test_the_target_and_what_drills_have_started_are_no_neighbours(play: Playground, target: Target) -> None:
    started, spared, near = (f"{name}-{secrets.token_hex(3)}" for name in ("started", "spared", "near"))
    for name in (started, spared, near):
        manifest = play.workload(name, replicas=0)
        if name == started:
            manifest["metadata"]["labels"] = {RUN_LABEL: "run-1"}
        play.raw("POST", play.apps_path("deployments"), manifest)
    seen: set[str] = set()
    with (
        opened(play, target) as workload,
        watched(workload.neighbour_look((f"deployment/{spared}",))) as wait,
    ):
        wait(lambda fact: seen.add(fact.what.name) if isinstance(fact, AroundSeen) else is_complete(fact))
    assert f"deployment/{near}" in seen
    assert not {target.workload, f"deployment/{started}", f"deployment/{spared}"} & seen
    for name in (started, spared, near):
        play.delete("deployments", name)


def test_nodes_are_seen_and_one_that_is_taken_away_is_gone(play: Playground, target: Target) -> None:
    """The node that goes was never ready: on a cluster that others use, too, no drill of theirs is stopped by it."""
    name = f"limits-{secrets.token_hex(3)}"
    taint = {"key": "flowdrill.dev/test", "effect": "NoSchedule"}
    with opened(play, target) as workload, watched(workload.node_look()) as wait:
        wait(lambda fact: isinstance(fact, AroundSeen) and isinstance(fact.what, NodeState) and fact.what.ready)
        wait(is_complete)
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": {"taints": [taint]}}
        play.raw("POST", "/api/v1/nodes", node)
        try:
            wait(lambda fact: isinstance(fact, AroundSeen) and fact.what.name == name)
        finally:
            play.raw("DELETE", f"/api/v1/nodes/{name}")
        wait(is_seen(NodeState(name, False, "it is gone from the cluster")))


def test_who_may_not_look_is_told_so_and_nothing_else(play: Playground, target: Target, tmp_path: Path) -> None:
    account = f"blind-{secrets.token_hex(3)}"
    play.core.create_namespaced_service_account(play.namespace, {"metadata": {"name": account}})
    play.kubectl("create", "role", account, "--verb=get", "--resource=deployments.apps")
    play.kubectl("create", "rolebinding", account, f"--role={account}", f"--serviceaccount={play.namespace}:{account}")
    own = kubeconfig_of(play, account, tmp_path)
    play.until(lambda: _may_get(play, account), "the role has taken effect")
    with opened(play, target, own) as workload:
        for look, resources in (
            (workload.neighbour_look(()), {"deployments", "statefulsets", "daemonsets"}),
            (workload.node_look(), {"nodes"}),
        ):
            with watched(look) as wait:
                told = wait(lambda fact: isinstance(fact, LookTold) and fact.problem)
            assert isinstance(told, LookTold)
            assert any(f"must not list {one}" in str(told.problem) for one in resources), told


def _may_get(play: Playground, account: str) -> bool:
    user = f"system:serviceaccount:{play.namespace}:{account}"
    return "yes" in play.kubectl("auth", "can-i", "get", "deployments.apps", f"--as={user}", check=False)


def told_limits(drilled: Drilled) -> dict[str, Status]:
    return {one.name: one.status for one in drilled.result.limits}


def test_a_drill_that_costs_as_many_bad_requests_as_it_may_stops_and_ends_restored(place: Place) -> None:
    with stand_on(place) as stand:
        drilled = carry_out(stand, stand.drill(limits={"bad_requests": 3}))
    assert drilled.outcome.end is End.LIMIT, drilled.told
    assert drilled.result.verdict is Verdict.INCONCLUSIVE
    assert drilled.result.reasons[0].startswith("stopped by a limit: bad_requests: "), drilled.told
    assert drilled.result.instants.broken is not None
    assert told_limits(drilled) == {
        "bad_requests": Status.FAIL,
        "wall_clock": Status.PASS,
        "other_workloads": Status.PASS,
        "nodes": Status.PASS,
    }, drilled.told
