"""Restored means restored: nothing of the drill is left, and nothing of anybody else's is overwritten; each is noticed
when it happens all the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.rollback.over import Over
from flowdrill.engine.as_before_check import check_as_before, take_standing
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import RestorePorts
from flowdrill.engine.standing_in import put_everything_back
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.events import Check, Checked, Event, EvidenceTaken, Noted
from flowdrill.model.instant import Instant
from flowdrill.model.result import Verdict
from flowdrill.model.rollback import RollbackRequest, RollbackTaken
from flowdrill.model.standing import Standing
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_registry import BROKEN_DIGEST
from tests.fakes.world import REPOSITORY, STABLE, STABLE_DIGEST, TAGGED, World, drill_of

CAUSE = "kubernetes.io/change-cause"
EARLIER = f"{REPOSITORY}@sha256:{'9' * 64}"
KINDS = pytest.mark.parametrize("kind", list(WorkloadKind))
DIFF = "restored-as-before.diff"


def world_with_history(**more: Any) -> World:
    """A workload with an earlier revision, which `rollout undo` would go to."""
    world = World(**more)
    world.workload.revisions.insert(0, EARLIER)
    world.workload.kept_containers[EARLIER] = world.workload.container
    world.registry.digests.add(EARLIER.partition("@")[2])
    return world


def checked(world: World) -> Check:
    return world.check("restored_as_before")


@KINDS
@pytest.mark.parametrize("image", [STABLE, TAGGED])
@pytest.mark.parametrize("way", ["set-image", "undo"])
def test_after_a_whole_drill_there_is_no_difference(kind: WorkloadKind, image: str, way: str) -> None:
    world = world_with_history(kind=kind, image=image, drill=drill_of(rollback={"strategy": way}))
    assert world.run().error is None
    assert (checked(world).status, checked(world).observed) == (Status.PASS, "no difference")
    assert world.workload.revisions == [EARLIER, image]
    assert world.workload.notes.of_revisions.get(image, {}) == {}
    assert world.evidence.files[DIFF].endswith("\n# no difference\n")
    assert f"evidence/{DIFF}" in [one.path for one in world.all_of(EvidenceTaken)]
    assert world.problems_left() == ["images"], "the earlier one, which is none of the drill's"


@KINDS
def test_a_revision_that_the_rollback_has_used_gets_its_place_back(kind: WorkloadKind) -> None:
    world = world_with_history(kind=kind, image=TAGGED)
    world.workload.revisions.insert(0, STABLE)  # the same image by digest, before the earlier one
    world.workload.kept_containers[STABLE] = world.workload.container
    world.run()
    assert checked(world).status is Status.PASS
    undo = world.evidence.undo
    assert undo is not None
    assert [one.image for one in take_standing(undo, world.ports()).revisions] == [STABLE, EARLIER, TAGGED]


@KINDS
@pytest.mark.parametrize("image", [STABLE, TAGGED])
def test_a_full_history_loses_no_revision(kind: WorkloadKind, image: str) -> None:
    world = world_with_history(kind=kind, image=image)
    oldest = f"{REPOSITORY}@sha256:{'8' * 64}"
    world.workload.revisions.insert(0, oldest)
    world.registry.digests.add(oldest.partition("@")[2])
    world.workload.revision_limit = 2
    world.run()
    assert checked(world).status is Status.PASS
    assert (world.workload.revisions, world.workload.revision_limit) == ([oldest, EARLIER, image], 2)


def test_a_history_that_cannot_be_given_room_loses_its_oldest_revision_and_says_so() -> None:
    world = world_with_history()
    world.workload.revisions.insert(0, f"{REPOSITORY}@sha256:{'8' * 64}")
    world.registry.digests.add(f"sha256:{'8' * 64}")
    world.workload.revision_limit = 2

    def refused(limit: int) -> None:
        raise ClusterError("revisionHistoryLimit cannot be changed", "leave it")

    world.workload.set_revision_limit = refused  # type: ignore[method-assign]
    world.run()
    assert checked(world).status is Status.WARNING
    assert "changed by the controller (the history was full) meanwhile" in checked(world).observed
    noted = "the drill's revisions may push the oldest ones out: revisionHistoryLimit cannot be changed"
    assert noted in [one.text for one in world.all_of(Noted)]


def test_a_limit_that_might_lose_the_stable_revision_is_the_drills_to_find_out() -> None:
    world = World()
    world.workload.revision_limit = 1
    limits: list[int] = []
    world.workload.set_revision_limit = limits.append  # type: ignore[method-assign]
    world.run()
    assert limits == []


def test_whoever_stands_in_compares_too_and_takes_the_drills_limit_back() -> None:
    world = world_with_history(image=TAGGED)
    world.workload.revision_limit = 2
    undo, before = interrupted(world)
    told: list[Event] = []
    parts = {name: getattr(world, name) for name in ("workload", "registry", "provider", "evidence", "obstacles")}
    ports = RestorePorts(clock=world.time, **parts)

    def pause(seconds: float) -> None:
        world.time.next(world.time.now_ns() + round(seconds * 1e9))

    done = put_everything_back(undo, ports, pause, Narrator(world.time, told.append), before=before)
    assert (done.error, done.theirs, done.left) == (None, None, ())
    (check,) = (e.check for e in told if isinstance(e, Checked) and e.check.name == "restored_as_before")
    assert check.status is Status.PASS
    assert world.workload.revision_limit == 2


def interrupted(world: World) -> tuple[Undo, Standing]:
    """Break the workload as a harness does that is killed then."""

    class KilledError(BaseException):
        pass

    def killed() -> None:
        raise KilledError

    world.at_the_break = killed
    kept = world.workload.standing
    with pytest.raises(KilledError):
        world.run()
    assert kept is not None
    assert world.evidence.undo is not None
    assert world.evidence.standing is not None
    return world.evidence.undo, world.evidence.standing


def test_how_it_stood_is_written_down_before_anything_is_broken() -> None:
    world = World(image=TAGGED)
    kept: list[Standing | None] = []
    world.at_the_break = lambda: kept.append(world.evidence.standing)
    world.run()
    (before,) = kept
    assert before is not None
    assert before.tags == {
        f"{REPOSITORY}:drill-edge-missing-{'b' * 12}@{BROKEN_DIGEST}": None,
        TAGGED: STABLE_DIGEST,
    }


def test_a_change_cause_that_people_left_on_the_stable_revision_is_taken_off() -> None:
    drill = drill_of(rollback={"by": "human", "take_over_after": "60s"})
    world = World(drill=drill)
    world.at_the_break = lambda: world.time.after(3, lambda: world.workload.people_set(STABLE, "kubectl-set"))
    world.run()
    assert checked(world).status is Status.PASS
    assert world.workload.notes.of_revisions[STABLE] == {}


def test_what_the_change_cause_of_a_revision_was_comes_back() -> None:
    world = World()
    world.workload.notes.of_revisions[STABLE] = {CAUSE: "release 7", "team/note": "kept"}
    world.at_the_break = lambda: world.time.after(1, lambda: world.workload.people_set(STABLE, "kubectl-set"))
    world.run()
    assert world.workload.notes.of_revisions[STABLE] == {CAUSE: "release 7", "team/note": "kept"}
    assert checked(world).status is Status.PASS


class NotedRollback:
    """A rollback that sets the image alone, as `kubectl set image` does."""

    def __init__(self, world: World) -> None:
        self._world = world

    def begin(self, request: RollbackRequest) -> Over:
        now_ns = self._world.time.now_ns()
        self._world.workload.people_set(request.image, "kubectl-set")
        return Over(RollbackTaken("kubectl", now_ns, Instant(now_ns, now_ns)))


Change = Callable[[World], object]
THEIRS: list[tuple[str, Change, str]] = [
    (
        "an env var",
        lambda world: world.workload.people_set_env("DEBUG", "1", "kubectl-edit"),
        'env[DEBUG].value: not set -> "[redacted]',
    ),
    ("a scaling", lambda world: setattr(world.workload, "wanted_replicas", 3), "spec.replicas: 2 -> 3"),
    (
        "an annotation",
        lambda world: world.workload.people_annotate("team/note", "look", "kubectl-annotate"),
        'metadata.annotations.team/note: not set -> "look"',
    ),
]


@pytest.mark.parametrize(("what", "change", "said"), THEIRS, ids=[one[0] for one in THEIRS])
def test_what_somebody_else_changed_meanwhile_stays_and_is_named(what: str, change: Change, said: str) -> None:
    world = World()
    world.at_the_break = lambda: world.time.after(1, lambda: change(world))
    outcome = world.run()
    assert outcome.error is None, what
    found = checked(world)
    assert found.status is Status.WARNING
    assert said in re.sub(r" \(changed by .*? meanwhile, left as it is\)", "", found.observed)
    assert "meanwhile, left as it is" in found.observed
    assert "left by the drill" not in world.evidence.files[DIFF]


def test_somebody_who_changes_something_is_named_by_their_program() -> None:
    world = World()
    world.at_the_break = lambda: world.workload.people_annotate("team/note", "look", "kubectl-annotate")
    world.run()
    assert "changed by kubectl-annotate meanwhile" in checked(world).observed
    assert world.workload.notes.own == {"team/note": "look"}


def test_a_change_cause_that_somebody_else_has_noted_stays() -> None:
    world = World()
    world.at_the_break = lambda: world.time.after(1, lambda: setattr(world.workload, "change_cause", "JIRA-12"))
    world.rollback = NotedRollback(world)
    world.run()
    assert world.workload.change_cause == "JIRA-12"
    assert checked(world).status is Status.WARNING
    said = 'change-cause (changed by somebody else meanwhile, left as it is): not set -> "JIRA-12"'
    assert said in checked(world).observed


def test_an_image_that_somebody_else_has_set_is_theirs() -> None:
    world = World()
    theirs = f"{REPOSITORY}@sha256:{'7' * 64}"
    world.at_the_break = lambda: world.time.after(2, lambda: world.workload.people_set(theirs, "kubectl-set"))
    world.run()
    assert world.workload.image == theirs
    assert checked(world).status is Status.WARNING
    assert "changed by kubectl-set meanwhile, left as it is" in checked(world).observed


def test_somebody_who_goes_back_to_an_earlier_revision_has_changed_where_an_undo_goes() -> None:
    world = world_with_history()
    world.at_the_break = lambda: world.time.after(2, lambda: world.workload.people_set(EARLIER, "kubectl"))
    world.run()
    assert world.workload.image == EARLIER
    assert checked(world).status is Status.WARNING
    assert "`rollout undo` of deployment/app goes to" in world.evidence.files[DIFF]


def compare(world: World, spoil: Change) -> tuple[Check, list[Event]]:
    """Carry a drill out, spoil something as a defect of the restore would, and compare."""
    world.run()
    undo, before = world.evidence.undo, world.evidence.standing
    assert undo is not None
    spoil(world)
    told: list[Event] = []
    check_as_before(undo, before, world.ports(), world.time.pass_seconds, Narrator(world.time, told.append))
    (check,) = (one.check for one in told if isinstance(one, Checked))
    return check, told


def left_image(world: World) -> None:
    world.workload.set_image(f"{REPOSITORY}:drill-edge-missing-{'b' * 12}@{BROKEN_DIGEST}", None)


def left_tag(world: World) -> None:
    world.registry.tagged[f"drill-edge-missing-{'b' * 12}"] = BROKEN_DIGEST
    world.registry.digests.add(BROKEN_DIGEST)


def pruned(world: World) -> None:
    world.workload.revisions.remove(EARLIER)


def stuck_revision(world: World) -> None:
    world.workload.revisions.insert(1, f"{REPOSITORY}:drill-edge-missing-{'b' * 12}@{BROKEN_DIGEST}")
    world.workload.undeletable_revision = "it still has 1 replicas"


LEFTOVERS: list[tuple[Change, str]] = [
    (left_image, "containers[flow].image: "),
    (left_tag, "tag registry.test/flows/greeting:drill-edge-missing-"),
    (pruned, "no longer kept"),
    (pruned, "`rollout undo` of deployment/app goes to: replicaset/"),
    (stuck_revision, "not kept -> kept, with image"),
    (lambda world: setattr(world.workload, "paused", True), "spec.paused: not set -> true"),
    (lambda world: world.workload.notes.leftovers.append("pod/provider-1"), "pod/provider-1: not set -> left by"),
]


@pytest.mark.parametrize(("spoil", "said"), LEFTOVERS)
def test_each_kind_of_leftover_is_noticed(spoil: Change, said: str) -> None:
    world = world_with_history()
    check, _ = compare(world, spoil)
    assert check.status is Status.FAIL
    assert said in check.observed
    assert "the drill has left it" in check.detail
    assert "@@ left by the drill" in world.evidence.files[DIFF]


def test_a_leftover_fails_the_drill() -> None:
    world = world_with_history()
    world.at_the_break = lambda: world.time.after(1, lambda: pruned(world))
    world.run()
    assert checked(world).status is Status.FAIL
    assert report_of(world.record()).result.verdict is Verdict.FAIL


def test_what_cannot_be_mended_is_said_once_and_fails() -> None:
    world = World()

    def refused(name: str, annotations: object) -> None:
        raise ForbiddenError(f"{name}: must not patch replicasets", "allow it")

    def spoil(world: World) -> None:
        world.workload.notes.of_revisions[STABLE] = {CAUSE: "flowdrill run-1: break"}
        world.workload.annotate = refused  # type: ignore[method-assign]

    check, told = compare(world, spoil)
    assert check.status is Status.FAIL
    assert [one.text for one in told if isinstance(one, Noted)] == [
        "replicaset/app-1 keeps annotations of the drill: replicaset/app-1: must not patch replicasets"
    ]


def test_what_may_not_be_read_is_unknown_and_never_the_same() -> None:
    world = World()
    world.workload.notes.unreadable = ("revisions: must not list replicasets",)
    world.run()
    assert checked(world).status is Status.UNKNOWN
    assert "not compared: revisions: must not list" in checked(world).detail
    assert "# not compared: revisions" in world.evidence.files[DIFF]


def test_a_cluster_that_cannot_be_asked_any_more_leaves_it_unknown() -> None:
    world = World()

    def away(world: World) -> None:
        world.workload.go_away(60)

    check, _ = compare(world, away)
    assert check.status is Status.UNKNOWN
    assert "cannot be reached" in check.observed


def test_a_registry_that_cannot_be_asked_leaves_its_tags_unknown() -> None:
    check, _ = compare(World(image=TAGGED), lambda world: setattr(world.registry, "away", True))
    assert check.status is Status.UNKNOWN
    assert "cannot be reached" in check.detail


def test_what_was_not_kept_is_not_known() -> None:
    world = World()
    world.run()
    undo, told = world.evidence.undo, list[Event]()
    assert undo is not None
    check_as_before(undo, None, world.ports(), lambda _: None, Narrator(world.time, told.append))
    (check,) = (one.check for one in told if isinstance(one, Checked))
    assert check.status is Status.UNKNOWN


def test_another_workload_of_that_name_is_somebody_elses() -> None:
    world = World()
    world.run()
    undo, before, told = world.evidence.undo, world.evidence.standing, list[Event]()
    assert undo is not None
    assert before is not None
    other = replace(before, uid="another")
    check_as_before(undo, other, world.ports(), lambda _: None, Narrator(world.time, told.append))
    (check,) = (one.check for one in told if isinstance(one, Checked))
    assert check.status is Status.WARNING
    assert check.observed == (
        "deployment/app (changed by somebody else meanwhile, left as it is): this one -> deleted, and made anew"
    )


def test_a_standing_that_cannot_be_read_before_the_drill_ends_it_unbroken() -> None:
    world = World()

    def away(undo: object) -> Standing:
        raise ClusterError("the API server cannot be reached", "see that it runs")

    world.workload.standing = away  # type: ignore[method-assign]
    outcome = world.run()
    assert outcome.error is not None
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_secrets_are_in_no_standing() -> None:
    world = World()
    world.run()
    undo = world.evidence.undo
    assert undo is not None
    assert '"right"' not in repr(take_standing(undo, world.ports()))
