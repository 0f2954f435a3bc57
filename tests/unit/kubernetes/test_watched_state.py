from __future__ import annotations

from flowdrill.edges.kubernetes.watched_state import Source, WatchedState
from flowdrill.engine.facts import Fact, WorkloadChanged
from tests.unit.kubernetes.objects import DEPLOYMENT, pod, replica_set, workload


def test_told_instants_never_go_back() -> None:
    told: list[Fact] = []
    state = WatchedState(DEPLOYMENT, told.append)
    for source, items in ((Source.WORKLOAD, [workload()]), (Source.REVISIONS, [replica_set()])):
        state.replace(source, items, 100)
    for source in (Source.PODS, Source.PULLED_EVENTS, Source.PROBE_EVENTS, Source.ENDPOINTS):
        state.replace(source, [], 100)
    # the second arrived before the first, on another watch, and waited longer for the lock
    state.apply(Source.PODS, "ADDED", pod("a"), 120)
    state.apply(Source.WORKLOAD, "MODIFIED", workload(readyReplicas=1), 110)
    state.apply(Source.PODS, "ADDED", pod("b"), 130)
    assert [fact.arrived_ns for fact in told if isinstance(fact, WorkloadChanged)] == [100, 120, 120, 130]
