"""What every `Workload` promises: the fake that the engine's tests use, and the real one."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from flowdrill.engine.workload_ports import Workload
from flowdrill.errors import DrillRefusedError, ForbiddenError, UndoRefusedError
from flowdrill.model.access import Actor
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind
from tests.contract.bench import ALLOWED, FORBIDDEN, Bench, roll_out, runs_only, told, watch


def undo(bench: Bench, run_id: str) -> Undo:
    return Undo(run_id, f"{bench.kind}/app", "demo", "flow", bench.stable, None, host="a-host")


def test_fits_the_port(bench: Bench) -> None:
    workload: Workload = bench.workload
    assert workload is not None


def test_snapshot_shows_a_healthy_workload(bench: Bench) -> None:
    seen = bench.workload.snapshot()
    assert seen.kind is bench.kind
    assert seen.image == bench.stable
    assert seen.containers == ("flow",)
    assert (seen.wanted_replicas, seen.ready_replicas, seen.available_replicas) == (2, 2, 2)
    assert not seen.paused
    assert not seen.on_delete
    assert seen.change_cause is None
    assert len(seen.pods) == 2
    for pod in seen.pods:
        assert pod.image == bench.stable
        assert pod.image_digest == bench.stable.partition("@")[2]
        assert pod.scheduled
        assert pod.pulled
        assert pod.started
        assert pod.ready
        assert pod.in_endpoints
        assert not pod.deleting
        assert pod.template_hash
        assert pod.waiting_reason is None


def test_watching_begins_with_the_state_now(bench: Bench) -> None:
    now = bench.workload.snapshot()
    watch(bench)
    bench.until(lambda: bench.facts)
    assert told(bench)[0].uid == now.uid
    assert told(bench)[0].image == bench.stable
    bench.workload.stop_watching()


def test_watching_shows_the_rollout_until_it_is_complete(bench: Bench) -> None:
    watch(bench)
    bench.workload.set_image(bench.broken, "break")
    bench.until(lambda: runs_only(told(bench)[-1], bench.broken))
    bench.until(lambda: all(pod.in_endpoints for pod in told(bench)[-1].pods))
    bench.workload.stop_watching()
    seen = told(bench)
    assert all(one != other for one, other in pairwise(seen)), "a snapshot was told twice"
    assert any(one.image == bench.broken and one.updated_replicas < 2 for one in seen)
    assert {pod.image_digest for pod in seen[-1].pods} == {bench.broken.partition("@")[2]}
    new = {pod.uid for pod in seen[-1].pods}
    stages = {uid: [p for one in seen for p in one.pods if p.uid == uid] for uid in new}
    assert all(pods[-1].in_endpoints and pods[-1].pulled and not pods[0].ready for pods in stages.values())


def test_nothing_is_told_after_watching_stopped(bench: Bench) -> None:
    watch(bench)
    bench.until(lambda: bench.facts)
    bench.workload.stop_watching()
    count = len(bench.facts)
    roll_out(bench, bench.broken)
    assert len(bench.facts) == count


def test_stopping_twice_or_without_a_watch_is_harmless(bench: Bench) -> None:
    bench.workload.stop_watching()
    watch(bench)
    bench.workload.stop_watching()
    bench.workload.stop_watching()


def test_watching_can_begin_again(bench: Bench) -> None:
    watch(bench)
    bench.workload.stop_watching()
    bench.facts.clear()
    watch(bench)
    bench.until(lambda: bench.facts)
    assert told(bench)[-1].image == bench.stable
    bench.workload.stop_watching()


def test_change_cause_is_set_and_taken_away_with_the_image(bench: Bench) -> None:
    bench.workload.set_image(bench.broken, "flowdrill: break")
    seen = bench.workload.snapshot()
    assert (seen.image, seen.change_cause) == (bench.broken, "flowdrill: break")
    bench.workload.set_image(bench.stable, None)
    seen = bench.workload.snapshot()
    assert (seen.image, seen.change_cause) == (bench.stable, None)


def test_a_dry_run_changes_nothing(bench: Bench) -> None:
    before = bench.workload.snapshot()
    bench.workload.would_accept(bench.broken)
    after = bench.workload.snapshot()
    assert (after.image, after.generation, after.change_cause) == (before.image, before.generation, None)


def test_an_identity_without_permission_is_refused_with_its_name_and_nothing_changes(bench: Bench) -> None:
    workload = bench.for_responder(FORBIDDEN)
    with pytest.raises(ForbiddenError, match=FORBIDDEN) as would:
        workload.would_accept(bench.broken, by=Actor.RESPONDER)
    with pytest.raises(ForbiddenError, match=f"{FORBIDDEN} must not patch {bench.kind}s"):
        workload.set_image(bench.broken, "break", by=Actor.RESPONDER)
    assert "Role in namespace" in would.value.remedy
    assert bench.workload.snapshot().image == bench.stable


def test_an_identity_with_permission_may_set_the_image(bench: Bench) -> None:
    workload = bench.for_responder(ALLOWED)
    assert workload.responder == ALLOWED
    workload.would_accept(bench.broken, by=Actor.RESPONDER)
    workload.set_image(bench.broken, "break", by=Actor.RESPONDER)
    assert bench.workload.snapshot().image == bench.broken


def test_a_second_run_is_refused_and_told_who_holds_the_workload(bench: Bench) -> None:
    where = bench.workload.lock(undo(bench, "run-1"))
    assert where.startswith(f"lease/flowdrill-{bench.kind}-")
    with pytest.raises(DrillRefusedError, match=r"run run-1 on host a-host") as refused:
        bench.workload.lock(undo(bench, "run-2"))
    assert "flowdrill restore" in refused.value.remedy
    bench.workload.unlock("run-1")
    bench.workload.lock(undo(bench, "run-2"))


def test_locking_again_by_the_same_run_is_harmless(bench: Bench) -> None:
    assert bench.workload.lock(undo(bench, "run-1")) == bench.workload.lock(undo(bench, "run-1"))


def test_another_run_cannot_give_the_workload_back(bench: Bench) -> None:
    bench.workload.lock(undo(bench, "run-1"))
    bench.workload.unlock("run-2")
    with pytest.raises(DrillRefusedError):
        bench.workload.lock(undo(bench, "run-3"))
    bench.workload.unlock("run-1")
    bench.workload.unlock("run-1")


def test_only_the_revisions_of_the_broken_image_are_forgotten(bench: Bench) -> None:
    roll_out(bench, bench.broken)
    roll_out(bench, bench.stable)
    assert bench.workload.forget_image(bench.broken) == ()
    (kept,) = bench.workload.forget_image(bench.stable)
    assert "current revision" in kept
    assert bench.workload.forget_image(bench.broken) == ()


def test_a_stateful_set_stuck_on_a_broken_pod_is_freed(bench: Bench) -> None:
    bench.workload.set_image(bench.unpullable, None)
    bench.until(lambda: any(p.image == bench.unpullable for p in bench.workload.snapshot().pods))
    bench.workload.set_image(bench.stable, None)
    stateful = bench.kind is WorkloadKind.STATEFULSET
    freed: list[str] = []

    def back() -> bool:
        freed.extend(bench.workload.free_stuck_pods(bench.unpullable))
        return runs_only(bench.workload.snapshot(), bench.stable)

    bench.until(back)
    assert len(freed) == (1 if stateful else 0)


def test_ready_pods_are_never_freed(bench: Bench) -> None:
    assert bench.workload.free_stuck_pods(bench.stable) == ()


def test_evidence_has_manifests_and_logs_under_safe_names(bench: Bench) -> None:
    found = bench.workload.evidence((bench.stable,))
    names = [name for name, _, _ in found]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+", name) for name in names)
    assert "workload.yaml" in names
    assert sum(name.startswith("log-") for name in names) == 2
    assert all(what for _, what, _ in found)
    assert not any(name.startswith("log-") for name, _, _ in bench.workload.evidence((bench.broken,)))


def test_a_deleted_pod_is_replaced_and_another_of_its_name_is_left(bench: Bench) -> None:
    one = bench.workload.snapshot().pods[0]
    bench.workload.delete_pod(one.name, "uid-of-another")
    assert one.uid in {pod.uid for pod in bench.workload.snapshot().pods if not pod.deleting}
    bench.workload.delete_pod(one.name, one.uid)

    def replaced() -> bool:
        pods = bench.workload.snapshot().pods
        return len(pods) == 2 and all(pod.ready and pod.uid != one.uid for pod in pods)

    bench.until(replaced)
    bench.workload.delete_pod(one.name, one.uid)
    assert replaced()


def test_surroundings_name_the_present_revision_and_those_before_it(bench: Bench) -> None:
    (only,) = bench.workload.surroundings().revisions
    assert (only.image, only.current, only.differences) == (bench.stable, True, ())
    bench.workload.set_image(bench.broken, "break")

    def images() -> list[tuple[str, bool]]:
        return [(one.image, one.current) for one in bench.workload.surroundings().revisions]

    bench.until(lambda: images() == [(bench.broken, True), (bench.stable, False)])
    bench.workload.set_image(bench.stable, "roll back")
    bench.until(lambda: images() == [(bench.stable, True), (bench.broken, False)])
    seen = bench.workload.surroundings()
    assert (seen.revision_limit, seen.opponents, seen.unknown, seen.pull_secrets) == (10, (), (), ())
    assert seen.node_platforms == ("linux/amd64",)
    assert all(not one.differences for one in seen.revisions)


def test_an_undo_brings_back_the_revision_with_its_whole_template(bench: Bench) -> None:
    before, revision = bench.workload.template(), current_revision(bench)
    roll_out(bench, bench.broken, "break")
    assert bench.workload.template() != before
    workload = bench.for_responder(ALLOWED)
    workload.undo_to(revision, before, by=Actor.RESPONDER, dry_run=True)
    assert bench.workload.snapshot().image == bench.broken
    workload.undo_to(revision, before, by=Actor.RESPONDER)
    bench.until(lambda: runs_only(bench.workload.snapshot(), bench.stable))
    assert bench.workload.template() == before
    bench.until(lambda: current_revision(bench) == revision)


def test_an_undo_is_refused_where_the_revision_is_gone_or_holds_another_template(bench: Bench) -> None:
    before, revision = bench.workload.template(), current_revision(bench)
    roll_out(bench, bench.broken)
    with pytest.raises(UndoRefusedError, match=f"{revision} holds another template"):
        bench.workload.undo_to(revision, bench.workload.template())
    with pytest.raises(UndoRefusedError, match=r"/not-there, which held the stable template, is no longer kept"):
        bench.workload.undo_to(f"{revision.partition('/')[0]}/not-there", before)
    with pytest.raises(ForbiddenError, match=FORBIDDEN):
        bench.for_responder(FORBIDDEN).undo_to(revision, before, by=Actor.RESPONDER)
    assert bench.workload.snapshot().image == bench.broken


def current_revision(bench: Bench) -> str:
    return next((one.name for one in bench.workload.surroundings().revisions if one.current), "")
