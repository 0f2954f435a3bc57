"""Whole drills over a network that fails at each of their interesting requests, on every Kubernetes: no wrong verdict,
nothing is done twice, and everything is put back."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.errors import FencedError, GuardActsError
from flowdrill.model.events import End, ImageSet, Purpose
from flowdrill.model.status import Status
from tests.contract.conftest import Place
from tests.contract.drilling import SCENARIO, Drilled, Guarded, Stand, assert_nothing_left, drill_once, stand_on
from tests.contract.fault_proxy import Fault, FaultProxy, Passed, Rule, fault_proxy

pytestmark = pytest.mark.drills

LEASES, DEPLOYMENTS, REPLICA_SETS = "/leases", "/deployments/", "/replicasets/"
_MOST_TRIES = 5  # a busy machine has no steady baseline
# what only those patches have in their bodies
BREAK, BACK = "drill-wrong-version", '"kubernetes.io/change-cause": null'


@pytest.fixture(scope="module")
def embedded_stand(embedded_place: Place) -> Iterator[Stand]:
    with stand_on(embedded_place) as stand:
        yield stand


@pytest.fixture(scope="module")
def real_stand(real_place: Place) -> Iterator[Stand]:
    with stand_on(real_place) as stand:
        yield stand


@pytest.fixture
def embedded(embedded_stand: Stand) -> Iterator[tuple[Stand, FaultProxy]]:
    with fault_proxy(embedded_stand.play.kubeconfig, embedded_stand.play.context) as proxy:
        yield embedded_stand, proxy


@pytest.fixture
def real(real_stand: Stand) -> Iterator[tuple[Stand, FaultProxy]]:
    with fault_proxy(real_stand.play.kubeconfig, real_stand.play.context) as proxy:
        yield real_stand, proxy


def broken_by(proxy: FaultProxy) -> list[Passed]:
    """The patches to the broken image that the API server has accepted."""
    return [one for one in proxy.writes if one.accepted and any(BREAK in image for image in one.images())]


def carried_out(stand: Stand, proxy: FaultProxy, *rules: Rule, **more: str) -> Drilled:
    """Carry out a drill with these faults, and see that everything is as it was, and that nothing was done twice."""
    template, tags = stand.template(), stand.tags()
    for _ in range(_MOST_TRIES):
        proxy.writes.clear()
        proxy.rules[:] = [Rule(**{name: getattr(rule, name) for name in _WRITTEN}) for rule in rules]
        drilled = drill_once(stand, stand.drill(limit="20s", **more), kubeconfig=proxy.kubeconfig)
        if drilled.outcome.end is not End.UNSTEADY:
            break
    assert not proxy.unmet(), drilled.told
    assert stand.template() == template, drilled.told
    assert stand.tags() == tags, drilled.told
    assert_nothing_left(stand)
    assert len(broken_by(proxy)) <= 1, [(one.status, one.body) for one in proxy.writes]
    return drilled


_WRITTEN = ("fault", "method", "path", "watch", "times", "skip", "status", "seconds", "body")


def assert_passed(drilled: Drilled, proxy: FaultProxy) -> None:
    """The brake held, and the break lies within what was measured."""
    assert drilled.outcome.error is None, drilled.told
    late = all(
        reason.startswith("load_on_schedule: ") for reason in drilled.result.reasons
    )  # this machine was too busy
    assert drilled.result.verdict == "pass" or (drilled.result.verdict == "inconclusive" and late), drilled.told
    (broken,) = broken_by(proxy)
    (told,) = [one for one in drilled.events if isinstance(one, ImageSet) and one.purpose is Purpose.BREAK]
    assert broken.answered_ns is not None
    assert told.instant.earliest_ns <= broken.forwarded_ns <= broken.answered_ns <= told.instant.latest_ns


ANSWERS_LOST = (  # was it accepted?
    Rule(Fault.RESET_AFTER, "POST", LEASES),
    Rule(Fault.RESET_WITHIN, "PATCH", DEPLOYMENTS, body=BREAK),
    Rule(Fault.RESET_WITHIN, "PATCH", DEPLOYMENTS, body=BACK),
    Rule(Fault.RESET_AFTER, "DELETE", REPLICA_SETS),
    Rule(Fault.RESET_AFTER, "DELETE", LEASES),
)
REQUESTS_LOST = (
    Rule(Fault.RESET_BEFORE, "POST", LEASES),
    Rule(Fault.RESET_BEFORE, "PATCH", DEPLOYMENTS, body=BREAK, times=2),
    Rule(Fault.RESET_BEFORE, "PATCH", DEPLOYMENTS, body=BACK, times=2),
    Rule(Fault.RESET_BEFORE, "DELETE", REPLICA_SETS),
    Rule(Fault.RESET_BEFORE, "DELETE", LEASES),
)
BUSY = (
    Rule(Fault.ANSWER, "POST", LEASES, status=429),
    Rule(Fault.ANSWER, "PATCH", DEPLOYMENTS, body=BREAK, status=429, times=2),
    Rule(Fault.ANSWER, "PATCH", DEPLOYMENTS, body=BACK, status=500, times=2),
    Rule(Fault.ANSWER, "DELETE", REPLICA_SETS, status=429),
    Rule(Fault.ANSWER, "DELETE", LEASES, status=429),
)
LATE_AND_OLD = (
    Rule(Fault.DELAY, "PATCH", DEPLOYMENTS, body=BREAK, seconds=1),
    Rule(Fault.DELAY, "PATCH", DEPLOYMENTS, body=BACK, seconds=1),
    Rule(Fault.EXPIRED, "GET", "/pods", watch=True, times=2),
    Rule(Fault.ANSWER, "GET", "/deployments", watch=True, status=410, times=2),
    Rule(Fault.RESET_BEFORE, "GET", "/replicasets", watch=True, times=3),
)
FAULTS = {
    "answers lost": ANSWERS_LOST,
    "requests lost": REQUESTS_LOST,
    "busy": BUSY,
    "late and old": LATE_AND_OLD,
}


@pytest.mark.parametrize("rules", FAULTS.values(), ids=FAULTS)
def test_a_drill_passes_over_a_network_that_fails_at_each_of_its_requests(
    embedded: tuple[Stand, FaultProxy], rules: tuple[Rule, ...]
) -> None:
    stand, proxy = embedded
    drilled = carried_out(stand, proxy, *rules)
    assert_passed(drilled, proxy)
    assert drilled.check("nothing_left_behind").status is Status.PASS, drilled.told


@pytest.mark.kubernetes
@pytest.mark.parametrize("rules", [ANSWERS_LOST, LATE_AND_OLD], ids=["answers lost", "late and old"])
def test_a_drill_on_a_real_cluster_passes_over_a_network_that_fails_at_its_requests(
    real: tuple[Stand, FaultProxy], rules: tuple[Rule, ...]
) -> None:
    stand, proxy = real
    assert_passed(carried_out(stand, proxy, *rules), proxy)


def test_a_restore_does_not_believe_an_answer_from_before_the_break(embedded: tuple[Stand, FaultProxy]) -> None:
    stand, proxy = embedded
    over, stale = threading.Event(), Rule(Fault.STALE, "GET", "/deployments", times=4)
    refused = Rule(Fault.ANSWER, "PATCH", DEPLOYMENTS, body=BACK, status=403)  # the restore sends it, too
    thread = when(over, lambda: broken_by(proxy), lambda: proxy.rules.append(stale))
    try:
        drilled = carried_out(stand, proxy, refused)
    finally:
        over.set()
        thread.join()
    assert stale.met == stale.times
    assert drilled.check("rollback_accepted").status is Status.FAIL
    assert drilled.check("ends_on_stable_digest").status is Status.PASS
    assert drilled.outcome.error is None, drilled.told


LEASE_SECONDS = 5


def has_taken_over(guards: FaultProxy) -> list[Passed]:
    """The guard's patches of the Lease that the API server has accepted."""
    return [one for one in guards.writes if one.accepted and LEASES in one.path]


def when(stop: threading.Event, condition: Callable[[], object], then: Callable[[], None]) -> threading.Thread:
    """Do something as soon as `condition` holds, or never once the test is over."""

    def wait() -> None:
        while not stop.wait(0.02):
            if condition():
                then()
                return

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


@contextmanager
def cut_off(stand: Stand, ours: FaultProxy, guards: FaultProxy, at: Callable[[], object]) -> Iterator[None]:
    """The harness is cut off from when `at` says until the guard has taken over."""
    over = threading.Event()
    threads = [when(over, at, ours.cut), when(over, lambda: has_taken_over(guards), ours.mend)]
    try:
        yield
    finally:
        over.set()
        for one in threads:
            one.join()


def drill_cut_off(stand: Stand, ours: FaultProxy, out: Path, at: Callable[[], object]) -> tuple[Drilled, FaultProxy]:
    """A guarded drill whose harness loses the cluster for longer than its lease: the guard puts everything back, and
    nothing of the harness is carried out meanwhile."""
    template, tags = stand.template(), stand.tags()
    drill = stand.drill(limit="20s", guard={"lease": f"{LEASE_SECONDS}s"})
    for _ in range(_MOST_TRIES):
        with (
            fault_proxy(stand.play.kubeconfig, stand.play.context) as guards,
            RunFolder.create(out, drill, SCENARIO, datetime.now(UTC)) as folder,
            cut_off(stand, ours, guards, at),
        ):
            guarded = Guarded(folder.path, guards.kubeconfig, guards.context, Fence())
            drilled = drill_once(stand, drill, kubeconfig=ours.kubeconfig, guarded=guarded)
        if drilled.outcome.end is not End.UNSTEADY:
            break
    # the latter where the guard was done, and the Lease given back, before the harness has looked again
    assert isinstance(drilled.outcome.error, (GuardActsError, FencedError)), drilled.told
    assert drilled.result.verdict == "inconclusive"
    assert stand.template() == template
    assert stand.tags() == tags
    assert_nothing_left(stand)
    began_ns, ended_ns = has_taken_over(guards)[0].forwarded_ns, guards.writes[-1].forwarded_ns
    together = [one for one in ours.writes if one.accepted and began_ns < one.forwarded_ns < ended_ns]
    assert together == [], "the guard and the harness have acted at once"
    return drilled, guards


def test_a_harness_that_loses_the_cluster_for_longer_than_its_lease_leaves_everything_to_the_guard(
    embedded: tuple[Stand, FaultProxy], tmp_path: Path
) -> None:
    stand, proxy = embedded
    drill_cut_off(stand, proxy, tmp_path, lambda: broken_by(proxy))
    assert len(broken_by(proxy)) == 1


def test_a_break_that_arrives_after_the_guard_has_put_everything_back_is_refused(
    embedded: tuple[Stand, FaultProxy], tmp_path: Path
) -> None:
    stand, proxy = embedded
    proxy.rules.append(Rule(Fault.HOLD, "PATCH", DEPLOYMENTS, body=BREAK))
    template = stand.template()
    drill_cut_off(stand, proxy, tmp_path, proxy.held_back.is_set)
    proxy.let_go.set()
    stand.play.until(lambda: any(one.answered_ns for one in breaks(proxy)), "the late break is answered")
    assert [one.status for one in breaks(proxy)] == [409]
    assert stand.template() == template


def breaks(proxy: FaultProxy) -> list[Passed]:
    """The patches to the broken image that were passed on."""
    return [one for one in proxy.writes if any(BREAK in image for image in one.images())]
