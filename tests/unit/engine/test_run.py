"""A run in fake time: what it does, in which order, and that everything is put back whatever happens."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.engine.run import run
from flowdrill.errors import (
    ClusterError,
    DrillRefusedError,
    LoadError,
    PlanError,
    RunFolderError,
    TakenOverError,
)
from flowdrill.model.audit_facts import AuditFacts, ClaimedName
from flowdrill.model.events import (
    AuditFactsTold,
    BaselineHeld,
    BrokenImageMade,
    Decided,
    Detected,
    End,
    ImageSet,
    Noted,
    Phase,
    PhaseStarted,
    Purpose,
    RecoveryHeld,
    RolledBack,
    RunEnded,
    RunStarted,
    UndoRegistered,
)
from flowdrill.model.images import PreparedImage
from flowdrill.model.result import Verdict
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind, WorkloadSnapshot
from tests.fakes.fake_load import FakeLoad
from tests.fakes.fake_registry import BROKEN_DIGEST
from tests.fakes.world import STABLE, TAGGED, World, drill_of

KINDS = pytest.mark.parametrize("kind", list(WorkloadKind))


@KINDS
def test_a_whole_drill_breaks_detects_rolls_back_and_leaves_nothing_behind(kind: WorkloadKind) -> None:
    world = World(kind=kind)
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    assert [event.phase for event in world.all_of(PhaseStarted)] == list(Phase)
    assert [event.purpose for event in world.all_of(ImageSet)] == [Purpose.BREAK, Purpose.ROLL_BACK]
    for kind_of_event in (Detected, Decided, RolledBack, RecoveryHeld, BrokenImageMade):
        assert len(world.all_of(kind_of_event)) == 1
    assert isinstance(world.events[0], RunStarted)
    assert isinstance(world.events[-1], RunEnded)
    assert world.check("ends_on_stable_digest").status is Status.PASS
    assert world.check("nothing_left_behind").status is Status.PASS
    assert world.problems_left() == []


def test_the_undo_is_written_down_twice_before_anything_is_broken() -> None:
    world = World()
    world.run()
    kinds = [type(event) for event in world.events]
    assert kinds.index(UndoRegistered) < kinds.index(ImageSet)
    assert world.evidence.undo is not None
    assert world.evidence.undo.image == STABLE


def test_the_rollback_is_sent_as_the_identity_that_would_take_it_and_the_restore_as_the_harness() -> None:
    world = World(drill=drill_of(rollback={"as": "on-call"}), image=TAGGED)
    world.run()
    assert [(event.purpose, event.identity) for event in world.all_of(ImageSet)] == [
        (Purpose.BREAK, None),
        (Purpose.ROLL_BACK, "on-call"),
        (Purpose.RESTORE, None),
    ]


def test_a_workload_deployed_by_tag_is_rolled_back_by_digest_and_gets_its_tag_back() -> None:
    world = World(image=TAGGED)
    assert world.run().end is End.COMPLETED
    assert [event.image for event in world.all_of(ImageSet)][1:] == [STABLE, TAGGED]
    assert world.workload.image == TAGGED
    assert world.check("ends_on_stable_digest").status is Status.PASS


def test_logs_of_the_broken_pods_are_kept_before_they_are_gone() -> None:
    world = World()
    world.run()
    assert [name for name in world.evidence.files if name.startswith("log-")]


def test_evidence_that_cannot_be_had_stops_nothing() -> None:
    world = World()
    world.workload.evidence_problem = ClusterError("pods/log is forbidden", "allow it")
    assert world.run().end is End.COMPLETED
    assert any("evidence could not be taken" in note.text for note in world.all_of(Noted))


def test_a_noisy_baseline_ends_the_run_before_anything_is_broken() -> None:
    world = World()
    world.noise_every = 3
    outcome = world.run()
    assert outcome.end is End.UNSTEADY
    assert "requests were bad" in outcome.why
    assert world.all_of(ImageSet) == []
    assert world.all_of(BrokenImageMade) == []
    assert world.problems_left() == []


def test_a_baseline_with_too_few_requests_says_what_to_change() -> None:
    world = World(drill=drill_of(baseline={"window": "5s"}))
    world.noise_every = 70
    outcome = world.run()
    assert outcome.end is End.UNSTEADY
    assert "longer baseline.window" in outcome.why


def test_a_service_that_answers_nobody_is_no_baseline() -> None:
    world = World()
    world.load._answer = lambda _sequence, _now: None
    outcome = world.run()
    assert outcome.end is End.UNSTEADY
    assert world.problems_left() == []


@pytest.mark.parametrize(("latency_seconds", "end"), [(1.9, End.COMPLETED), (6.0, End.UNSTEADY)])
def test_answers_may_take_as_long_as_the_objective_says(latency_seconds: float, end: End) -> None:
    world = World(drill=drill_of(baseline={"window": "8s", "max_bad_ratio": "10%"}))
    world.load = FakeLoad(world.time, world.answer, latency_seconds=latency_seconds)
    outcome = world.run()
    assert outcome.end is end, outcome.why
    assert ("too slow" in outcome.why) is (end is End.UNSTEADY)


def test_a_little_noise_is_normal_and_the_drill_goes_on() -> None:
    world = World(drill=drill_of(baseline={"window": "60s"}))
    world.noise_every = 100
    assert world.run().end is End.COMPLETED
    (held,) = world.all_of(BaselineHeld)
    assert held.bad > 0
    assert world.problems_left() == []


def test_a_fault_that_does_not_bite_is_inconclusive_and_taken_back() -> None:
    world = World(drill=drill_of(detect={"limit": "20s"}))
    world.bites = False
    outcome = world.run()
    assert outcome.end is End.NOT_BROKEN
    assert world.all_of(Decided) == []
    assert world.problems_left() == []


# Two ways to end a run in mid-air, at every half second of it: the worst instants are those nobody thinks of.
INSTANTS = [n / 2 for n in range(2, 90)]


@pytest.mark.parametrize("seconds", INSTANTS)
def test_a_signal_at_any_instant_restores(seconds: float) -> None:
    world = World(kind=WorkloadKind.STATEFULSET if int(seconds * 2) % 2 else WorkloadKind.DEPLOYMENT)
    world.stop_after(seconds)
    outcome = world.run()
    assert outcome.stop_signal == "SIGINT" or outcome.end is End.COMPLETED
    assert world.problems_left() == []


@pytest.mark.parametrize("seconds", INSTANTS)
def test_locust_dying_at_any_instant_restores(seconds: float) -> None:
    world = World()
    world.time.after(seconds, world.load.die)
    outcome = world.run()
    assert isinstance(outcome.error, LoadError) or outcome.end is End.COMPLETED
    assert world.problems_left() == []


def test_a_second_signal_while_restoring_does_not_stop_the_restore() -> None:
    world = World()
    for seconds in (20, 20.1, 20.5, 21):
        world.stop_after(seconds)
    assert world.run().end is End.INTERRUPTED
    assert world.problems_left() == []


def test_a_break_whose_answer_is_lost_is_restored_all_the_same() -> None:
    world = World()
    accept = world.workload.set_image

    def accepted_but_not_answered(image: str, change_cause: str | None, **more: Any) -> None:
        accept(image, change_cause, **more)
        if BROKEN_DIGEST in image:
            raise ClusterError("the connection was reset", "try again")

    world.workload.set_image = accepted_but_not_answered  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.end is End.FAILED
    assert world.problems_left() == []


def test_a_rollback_that_is_refused_in_the_emergency_is_a_finding_and_the_harness_restores() -> None:
    world = World(drill=drill_of(rollback={"as": "on-call"}))
    world.time.after(16.5, lambda: world.workload.forbid.add("on-call"))
    outcome = world.run()
    assert (outcome.end, outcome.error) == (End.COMPLETED, None)
    assert world.check("rollback_accepted").status is Status.FAIL
    assert world.problems_left() == []


def test_broken_pods_that_never_become_ready_do_not_block_the_restore_of_a_statefulset() -> None:
    broken = f"{STABLE.partition('@')[0]}:drill-edge-missing-{'b' * 12}@{BROKEN_DIGEST}"
    drill = drill_of(detect={"limit": "20s"}, rollback={"limit": "20s"})
    world = World(drill=drill, kind=WorkloadKind.STATEFULSET, never_ready={broken})
    world.run()
    assert world.problems_left() == []
    assert any("deleted pod" in note.text for note in world.all_of(Noted))


def test_the_load_gets_ready_while_preflight_looks_and_sends_nothing_yet() -> None:
    world, seen = World(), []
    snapshot = world.workload.snapshot

    def looked() -> WorkloadSnapshot:
        seen.append((world.load.ready, world.load.running))
        return snapshot()

    world.workload.snapshot = looked  # type: ignore[method-assign]
    world.run()
    assert seen[0] == (True, False)
    assert not world.load.ready


def test_a_workload_that_cannot_be_put_back_keeps_its_undo_and_says_how_to_do_it_by_hand() -> None:
    world = World(drill=drill_of(rollback={"limit": "5s"}))
    world.time.after(16.5, lambda: world.workload.forbid.add(None))
    outcome = world.run()
    check = world.check("ends_on_stable_digest")
    assert check.status is Status.FAIL
    assert check.detail == f"kubectl -n demo set image deployment/app flow={STABLE}"
    assert outcome.error is not None
    assert "kubectl" in outcome.error.remedy
    assert world.workload.undo is not None
    assert BROKEN_DIGEST in world.registry.digests, "pods that still run it may have to pull it again"
    assert not world.load.ready


def test_what_the_registry_will_not_delete_is_said() -> None:
    world = World()
    world.registry.deletes = False
    world.run()
    check = world.check("nothing_left_behind")
    assert check.status is Status.FAIL
    assert "does not allow deletes" in check.observed


def test_a_lost_watch_does_not_keep_the_workload_broken() -> None:
    world = World(drill=drill_of(rollback={"limit": "10s"}))
    world.time.after(16.5, lambda: world.workload.lose_watch("connection refused"))
    world.run()
    assert world.problems_left() == []
    assert any("watch lost" in note.text for note in world.all_of(Noted))


@pytest.mark.parametrize("written", range(1, 40, 3))
def test_a_journal_that_cannot_be_written_any_more_does_not_stop_the_restore(written: int) -> None:
    world = World()
    world.journal_fails_after = written
    assert isinstance(world.run().error, RunFolderError)
    assert world.problems_left() == []


def test_a_defect_of_our_own_restores_before_it_is_raised() -> None:
    world = World()

    def defect(images: tuple[str, ...]) -> tuple[tuple[str, str, str], ...]:
        raise ZeroDivisionError

    world.workload.evidence = defect  # type: ignore[method-assign]
    with pytest.raises(ZeroDivisionError):
        world.run()
    assert world.problems_left() == []
    assert world.all_of(RunEnded)[0].end is End.FAILED


def test_an_api_server_that_is_away_when_the_restore_begins_is_waited_for() -> None:
    world = World()
    world.time.after(19, lambda: world.workload.go_away(60))
    world.stop_after(19)
    assert world.run().end is End.INTERRUPTED
    assert world.problems_left() == []
    assert world.check("ends_on_stable_digest").status is Status.PASS
    assert any("restoring, trying again" in note.text for note in world.all_of(Noted))


THEIRS = f"{STABLE.partition('@')[0]}@sha256:{'d' * 64}"


def test_what_somebody_deployed_during_the_baseline_is_neither_broken_nor_replaced() -> None:
    world = World()
    world.time.after(8, lambda: world.workload.set_image(THEIRS, "release 2"))
    outcome = world.run()
    assert outcome.error is not None
    assert "was changed since preflight" in outcome.error.problem
    assert [image for image, _, _ in world.workload.patches] == [THEIRS]
    assert world.workload.undo is None
    assert BROKEN_DIGEST not in world.registry.digests


@pytest.mark.parametrize("seconds", [17, 18, 19, 20, 22, 25])
def test_what_somebody_deployed_during_the_drill_is_left_alone(seconds: float) -> None:
    world = World()
    world.time.after(seconds, lambda: world.workload.set_image(THEIRS, "hotfix"))
    outcome = world.run()
    assert isinstance(outcome.error, TakenOverError)
    assert world.workload.image == THEIRS
    assert world.workload.change_cause == "hotfix"
    assert world.check("ends_on_stable_digest").status is Status.UNKNOWN
    assert world.workload.undo is None
    assert BROKEN_DIGEST not in world.registry.digests
    assert report_of(world.record()).result.verdict is Verdict.INCONCLUSIVE


def test_a_signal_while_the_image_is_pushed_comes_before_the_break() -> None:
    world = World()
    push = world.registry.push

    def slow_push(prepared: PreparedImage) -> None:
        world.stop_after(0)
        world.time.pass_seconds(30)
        push(prepared)

    world.registry.push = slow_push  # type: ignore[method-assign]
    assert world.run().end is End.INTERRUPTED
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_answers_that_wait_in_the_inbox_while_the_engine_is_busy_are_no_failure() -> None:
    world = World(patch_seconds=0.6)
    world.load._latency_seconds = 1.5
    push = world.registry.push

    def slow_push(prepared: PreparedImage) -> None:
        world.time.pass_seconds(1.0)
        push(prepared)

    world.registry.push = slow_push  # type: ignore[method-assign]
    world.run()
    (detected,) = world.all_of(Detected)
    broken = world.all_of(ImageSet)[0]
    impact = report_of(world.record()).result.instants.impact
    assert impact is not None
    assert detected.instant.earliest_ns > broken.instant.latest_ns
    assert world.problems_left() == []


def test_replicas_that_somebody_else_scaled_are_not_a_broken_workload() -> None:
    world = World()

    def scale() -> None:
        world.workload.wanted_replicas = 3

    world.time.after(18, scale)
    world.run()
    assert world.check("ends_on_stable_digest").status is Status.PASS
    assert any("scaled from 2 to 3" in note.text for note in world.all_of(Noted))
    assert world.problems_left() == []


def test_a_snapshot_from_before_the_rollback_does_not_prove_it() -> None:
    world = World(drill=drill_of(rollback={"limit": "20s"}))
    world.time.after(10, lambda: world.workload.lose_watch("connection refused"))
    world.run()
    assert world.all_of(RolledBack) == []
    assert world.problems_left() == []


def test_users_wait_for_the_restore_and_not_for_evidence_when_the_rollback_is_refused() -> None:
    world = World(drill=drill_of(rollback={"as": "on-call"}))
    world.time.after(16.5, lambda: world.workload.forbid.add("on-call"))
    world.run()
    assert list(world.evidence.files) == ["restored-as-before.diff"]


def test_a_locust_that_falls_silent_ends_the_drill_and_is_no_recovery() -> None:
    world = World()
    world.time.after(17, world.load.stand_still)
    outcome = world.run()
    assert isinstance(outcome.error, LoadError)
    assert world.problems_left() == []


def refused(world: World, error: type[Exception], said: str) -> None:
    held = world.workload.undo
    outcome = world.run()
    assert outcome.end is End.REFUSED
    assert isinstance(outcome.error, error)
    assert said in str(outcome.error)
    assert world.workload.patches == []
    assert BROKEN_DIGEST not in world.registry.digests
    assert world.workload.undo == held
    assert not world.load.ready
    assert world.load.records == []


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (f"{STABLE.partition('@')[0]}:latest", "the tag 'latest' moves"),
        (STABLE.partition("@")[0], "no tag and no digest"),
        ("NOT AN IMAGE", "no image reference"),
    ],
)
def test_a_stable_image_nobody_can_name_is_refused(image: str, said: str) -> None:
    refused(World(image=image), DrillRefusedError, said)


def test_a_tag_that_moved_is_refused() -> None:
    world = World(image=TAGGED)
    world.registry.tagged["1.0.0"] = "sha256:" + "c" * 64
    world.registry.digests.add("sha256:" + "c" * 64)
    refused(world, DrillRefusedError, "the tag has moved")


def test_a_stable_image_that_is_gone_is_refused() -> None:
    world = World()
    world.registry.digests.clear()
    refused(world, DrillRefusedError, "gone: no such manifest")
    assert world.check("stable_image_retained").status is Status.FAIL


def test_a_scenario_that_matches_nothing_is_refused() -> None:
    world = World()
    world.registry.applies = False
    refused(world, PlanError, "no edge matches")


def test_a_missing_permission_of_the_rollbacks_identity_is_refused() -> None:
    world = World(drill=drill_of(rollback={"as": "on-call"}), forbid={"on-call"})
    refused(world, DrillRefusedError, "on-call must not patch")
    assert world.check("responder_may_roll_back").status is Status.FAIL


@pytest.mark.parametrize(("attribute", "value"), [("paused", True), ("on_delete", True), ("wanted_replicas", 0)])
def test_a_workload_that_would_not_roll_is_refused(attribute: str, value: object) -> None:
    world = World()
    setattr(world.workload, attribute, value)
    refused(world, DrillRefusedError, "workload_healthy")


def test_a_second_drill_on_the_same_workload_is_refused_and_the_first_ones_lock_kept() -> None:
    world = World()
    world.workload.lock(Undo("other", "deployment/app", "demo", "flow", STABLE, None, "there"))
    refused(world, DrillRefusedError, "a drill is already running")


def test_a_load_that_does_not_start_unlocks_the_workload() -> None:
    world = World()
    world.load.fails_to_start = True
    outcome = world.run()
    assert isinstance(outcome.error, LoadError)
    assert world.problems_left() == []


def test_a_push_that_is_refused_leaves_the_workload_alone() -> None:
    world = World()
    world.registry.accepts_push = False
    assert world.run().error is not None
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_what_only_this_run_knows_follows_its_start_and_nothing_where_nobody_said_it() -> None:
    facts = AuditFacts(ran_by=ClaimedName("Ada Lovelace", "--ran-by"))
    world, silent = World(), World()
    run(replace(world.order(), audit=facts), world.ports(), world.emit)
    silent.run()
    assert [type(one) for one in world.events[:2]] == [RunStarted, AuditFactsTold]
    assert [one.facts for one in world.all_of(AuditFactsTold)] == [facts]
    assert silent.all_of(AuditFactsTold) == []
