"""A run and its guard: one of them puts things back, and never both."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports, RestorePorts
from flowdrill.engine.standing_in import put_everything_back
from flowdrill.errors import (
    ClusterAwayError,
    ClusterError,
    DrillRefusedError,
    FencedError,
    GuardActsError,
    GuardError,
    NotRestoredError,
)
from flowdrill.model.events import Checked, ImageSet, Purpose
from flowdrill.model.images import BrokenImage
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo
from flowdrill.model.workload import WorkloadKind
from tests.fakes.fake_guard import FakeGuard
from tests.fakes.fake_obstacle import FakeObstacle
from tests.fakes.world import REPOSITORY, STABLE, TAGGED, World, drill_of


def guarded(**world: Any) -> tuple[World, FakeGuard]:
    made = World(**world)
    made.guard = FakeGuard(made.time)
    return made, made.guard


def test_the_guard_is_ready_before_anything_is_broken_and_let_go_after_everything_is_put_back() -> None:
    world, guard = guarded()
    world.at_the_break = lambda: guard.asked.append("break")
    lock, unlock = world.workload.lock, world.workload.unlock

    def locked(undo: Undo) -> str:
        guard.asked.append("lock")
        assert world.evidence.undo == undo, "it is written down by then"
        return lock(undo)

    def unlocked(run_id: str) -> None:
        guard.asked.append("unlock")
        unlock(run_id)

    world.workload.lock = locked  # type: ignore[method-assign]
    world.workload.unlock = unlocked  # type: ignore[method-assign]
    assert world.run().error is None
    assert guard.asked == ["begin", "lock", "keep lease", "ready", "break", "stop renewing", "unlock", "dismiss"]
    assert guard.undo == world.evidence.undo


def test_nothing_is_broken_without_a_guard_that_could_act() -> None:
    world, guard = guarded()
    guard.not_ready = GuardError("the guard did not get ready", "see its log")
    outcome = world.run()
    assert isinstance(outcome.error, GuardError)
    assert world.workload.patches == []
    assert world.problems_left() == []


def test_the_guard_of_a_run_that_is_refused_the_lock_is_let_go() -> None:
    world, guard = guarded()

    def refused(_: Undo) -> str:
        raise DrillRefusedError("another run has been faster", "wait")

    world.workload.lock = refused  # type: ignore[method-assign]
    outcome = world.run()
    assert isinstance(outcome.error, DrillRefusedError)
    assert guard.asked == ["begin", "dismiss"]


def test_a_run_that_finds_its_lease_lost_while_it_cleans_up_stands_aside() -> None:
    world, guard = guarded()
    guard.lost = GuardActsError("run-1/guard holds the drill's Lease", "see guard.jsonl")
    outcome = world.run()
    assert isinstance(outcome.error, GuardActsError)
    assert guard.asked[-2:] == ["stop renewing", "end"]
    assert world.workload.undo is not None, "the Lease is the guard's now"


@pytest.mark.parametrize("comes_back", [True, False])
def test_a_run_that_is_fenced_while_it_cleans_up_waits_until_it_knows(comes_back: bool) -> None:
    world, guard = guarded()
    delete, refusals = world.registry.delete, 3

    def fenced(image: BrokenImage) -> tuple[str, ...]:
        nonlocal refusals
        if comes_back and not refusals:
            return delete(image)
        if refusals:
            refusals -= 1
            if not comes_back and not refusals:
                guard.take_over()
        raise FencedError("nothing is written to the cluster", "wait")

    world.registry.delete = fenced  # type: ignore[method-assign]
    outcome = world.run()
    if comes_back:
        assert outcome.error is None
        assert world.check("nothing_left_behind").status is Status.PASS
        assert world.problems_left() == []
    else:
        assert isinstance(outcome.error, GuardActsError)
        assert guard.asked[-1] == "end"


@pytest.mark.parametrize("seconds", [0.1, 3.0, 8.0])
def test_a_run_whose_guard_acts_touches_nothing_any_more(seconds: float) -> None:
    world, guard = guarded(never_ready=())
    world.at_the_break = lambda: world.time.after(seconds, guard.take_over)
    patches: list[int] = []
    take_over = guard.take_over

    def noted() -> None:
        patches.append(len(world.workload.patches))
        take_over()

    guard.take_over = noted  # type: ignore[method-assign]
    outcome = world.run()
    assert isinstance(outcome.error, GuardActsError)
    assert "everything is as it was before the drill" in outcome.error.problem
    assert patches == [len(world.workload.patches)]
    assert guard.asked[-1] == "end"
    assert world.workload.undo is not None, "the Lease is the guard's now"
    assert not world.load.running


def test_a_guard_that_acts_while_the_run_restores_goes_on_alone() -> None:
    world, guard = guarded()

    def cut_off_and_stopped() -> None:
        world.time.after(1, lambda: world.workload.go_away(120))
        world.stop_after(2)
        world.time.after(30, guard.take_over)

    world.at_the_break = cut_off_and_stopped
    outcome = world.run()
    assert isinstance(outcome.error, GuardActsError)
    assert not [one for one in world.all_of(ImageSet) if one.purpose is Purpose.RESTORE]


@pytest.mark.parametrize("there", [True, False])
def test_what_the_run_cannot_put_back_is_left_to_the_guard(there: bool) -> None:
    world, guard = guarded()
    guard.is_there = there
    world.at_the_break = lambda: world.time.after(1, lambda: world.workload.go_away(10_000))
    outcome = world.run()
    assert isinstance(outcome.error, NotRestoredError)
    assert outcome.error.remedy.startswith("the guard goes on trying (process 1); or " if there else "put it back: ")
    assert guard.asked[-1] == "leave"
    assert "dismiss" not in guard.asked


def test_a_lease_that_cannot_be_given_back_is_left_to_the_guard() -> None:
    world, guard = guarded()

    def away(_: str) -> None:
        raise ClusterError("the API server is away", "wait")

    world.workload.unlock = away  # type: ignore[method-assign]
    world.run()
    assert guard.asked[-1] == "leave"
    assert world.check("nothing_left_behind").status is Status.FAIL


def test_what_cannot_be_removed_while_the_cluster_is_away_is_removed_when_it_is_back() -> None:
    world, _ = guarded()
    forget, away = world.workload.forget_image, 3

    def later(image: str) -> tuple[str, ...]:
        nonlocal away
        away -= 1
        if away >= 0:
            raise ClusterAwayError("the API server cannot be reached", "wait")
        return forget(image)

    world.workload.forget_image = later  # type: ignore[method-assign]
    assert world.run().error is None
    assert world.check("nothing_left_behind").status is Status.PASS
    assert world.problems_left() == []


class Killed(BaseException):
    """What SIGKILL is to a process: nothing of it happens any more."""


class Mortal:
    """A port that is of no more use once the process is dead."""

    def __init__(self, port: Any, world: World) -> None:
        self._port, self._world = port, world

    def __getattr__(self, name: str) -> Any:
        if getattr(self._world, "dead", False):
            raise Killed
        return getattr(self._port, name)


def killed_at(event: int, world: World) -> bool:
    """Carry out a run that dies at its n-th event; return whether it got that far."""
    world.dead = False  # type: ignore[attr-defined]
    emit = world.emit
    made = world.ports()
    names = ("workload", "registry", "load", "evidence", "rollback", "provider")
    parts = {name: getattr(made, name) for name in Ports.__dataclass_fields__}
    mortal = {name: Mortal(parts[name], world) for name in names if parts[name] is not None}
    world.ports = lambda: Ports(**{**parts, **mortal})  # type: ignore[method-assign]

    def until_then(one: Any) -> None:
        if len(world.events) >= event:
            world.dead = True  # type: ignore[attr-defined]
            raise Killed
        emit(one)

    world.emit = until_then  # type: ignore[method-assign]
    try:
        world.run()
    except Killed:
        world.load.stop()  # Locust dies with its parent
        world.emit = emit  # type: ignore[method-assign]
        return True
    return False


def passing(world: World, seconds: float) -> None:
    """Let time pass, and what is due in it happen."""
    until_ns = world.time.now_ns() + round(seconds * 1e9)
    while world.time.next(until_ns) is not None:
        pass


def stand_in(world: World) -> None:
    undo = world.evidence.undo or world.workload.undo
    if undo is None:
        return
    parts = {name: getattr(world, name) for name in ("workload", "registry", "provider", "evidence", "obstacles")}
    ports = RestorePorts(clock=world.time, **parts)
    tell = Narrator(world.time, world.emit)
    done = put_everything_back(undo, ports, lambda seconds: passing(world, seconds), tell)
    assert (done.error, done.theirs, done.left) == (None, None, ())
    world.workload.unlock(undo.run_id)


def kill_everywhere(make: Any) -> None:
    """Kill a run at each of its events, and see that whoever stands in puts everything back."""
    event = 1
    while killed_at(event, world := make()):
        stand_in(world)
        assert world.problems_left() == [], f"killed at event {event}: {world.events[-1]}"
        stand_in(world)  # once more does no harm
        assert world.problems_left() == []
        event += 1
    assert event > 20, "the run was killed at too few instants"


@pytest.mark.parametrize(("kind", "image"), [("deployment", STABLE), ("statefulset", TAGGED)])
def test_whoever_stands_in_for_a_run_that_was_killed_anywhere_puts_everything_back(kind: str, image: str) -> None:
    target = {"namespace": "demo", "workload": f"{kind}/app"}

    def make() -> World:
        return World(drill=drill_of(target=target), image=image, kind=WorkloadKind(kind))

    kill_everywhere(make)


def test_a_history_that_was_given_room_has_its_length_back_by_what_the_undo_alone_tells() -> None:
    raised: list[int] = []

    def make() -> World:
        world = World(drill=drill_of(policy={"revisions": 0}))
        world.workload.revision_limit = 2
        for number in (7, 8):
            earlier = f"{REPOSITORY}@sha256:{str(number) * 64}"
            world.workload.revisions.insert(0, earlier)
            world.workload.kept_containers[earlier] = world.workload.container
        world.at_the_break = lambda: raised.append(world.workload.revision_limit)
        made.append(world)
        return world

    made: list[World] = []
    kill_everywhere(make)
    assert set(raised) == {5}
    assert {one.workload.revision_limit for one in made} == {2}


def test_a_paused_rollout_is_resumed_by_whoever_stands_in() -> None:
    def make() -> World:
        world = World(drill=drill_of(detect={"limit": "40s"}))

        def paused(is_paused: bool) -> None:
            world.workload.pause(paused=is_paused)

        world.obstacles = (FakeObstacle("rollout-paused", lambda: paused(True), lambda: paused(False)),)
        return world

    kill_everywhere(make)


def test_somebody_elses_release_is_left_alone_by_whoever_stands_in() -> None:
    world, theirs = World(), f"{REPOSITORY}:2.0.0"
    world.at_the_break = lambda: world.time.after(1, lambda: world.workload.people_set(theirs, "kubectl"))
    assert killed_at(10_000, world) is False or world.evidence.undo is not None
    undo = world.evidence.undo
    assert undo is not None
    parts = {name: getattr(world, name) for name in ("workload", "registry", "evidence")}
    tell = Narrator(world.time, world.emit)
    ports = RestorePorts(clock=world.time, **parts)
    done = put_everything_back(undo, ports, lambda seconds: passing(world, seconds), tell)
    assert done.theirs is not None
    assert "(field manager kubectl) set the image" in done.theirs.problem
    assert world.workload.image == theirs
    checks = [one.check for one in world.all_of(Checked) if one.check.name == "ends_on_stable_digest"]
    assert checks[-1].status is Status.UNKNOWN
