"""A guard that sees nothing but the Lease, in fake time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from flowdrill.edges.kubernetes.lease import HeldLease
from flowdrill.errors import ClusterAwayError, GuardActsError
from flowdrill.model.undo import Undo, undo_digest, undo_to_json
from flowdrill.standing_in.guarding_by_lease import LeaseGuard, Watched

UNDO = Undo("run-1", "deployment/app", "demo", "flow", "img:1", None, host="me")
OWN = "run-1/guard-in-cluster-abcde"
LEASE = HeldLease("flowdrill-deployment-app", "run-1", "then", "t0", 15.0, undo_to_json(UNDO), "")
DONE = "everything is as it was before the drill"


class Scene:
    """A Lease over time, and what came of acting."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lease: HeldLease | None = LEASE
        self.later: list[tuple[float, Callable[[], None]]] = []
        self.away = False
        self.cannot_act = False
        self.acted: list[tuple[float, Undo]] = []
        self.comes: list[str | Exception | None] = [DONE]
        self.said: list[str] = []

    def look(self) -> HeldLease | None:
        if self.away:
            raise ClusterAwayError("the API server is away", "wait")
        return self.lease

    def try_out(self) -> None:
        if self.cannot_act:
            raise ClusterAwayError("cannot act", "wait")

    def act(self, undo: Undo) -> str | None:
        self.acted.append((self.now, undo))
        assert self.lease is not None
        self.lease = replace(self.lease, holder=OWN, renewed=f"own at {self.now}")
        came = self.comes.pop(0)
        if isinstance(came, Exception):
            raise came
        return came

    def pause(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds
        assert self.now < 10_000, "it waits for ever"
        for due in [one for one in self.later if one[0] <= self.now]:
            self.later.remove(due)
            due[1]()

    def renews(self, every: float, until: float, holder: str = "run-1", begin: float = 0) -> None:
        def renewal(at: float) -> Callable[[], None]:
            def do() -> None:
                assert self.lease is not None
                self.lease = replace(self.lease, holder=holder, renewed=f"{holder} at {at}")

            return do

        at = begin + every
        while at < until:
            self.later.append((at, renewal(at)))
            at += every

    def at(self, seconds: float, **changes: object) -> None:
        def do() -> None:
            for name, value in changes.items():
                setattr(self, name, value)

        self.later.append((seconds, do))

    def watch(self) -> str:
        guard = LeaseGuard(
            Watched("run-1", undo_digest(UNDO), OWN),
            look=self.look,
            try_out=self.try_out,
            act=self.act,
            now_seconds=lambda: self.now,
            pause=self.pause,
            say=self.said.append,
        )
        return guard.watch()


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_it_acts_once_nobody_has_renewed_for_the_lease_and_five_seconds(scene: Scene) -> None:
    scene.renews(3, until=100)
    assert scene.watch() == DONE
    ((at, undo),) = scene.acted
    assert 99 + 20 <= at <= 99 + 20 + 2 * 3
    assert undo == UNDO


def test_a_lease_that_is_gone_or_about_another_run_ends_it_and_nothing_is_done(scene: Scene) -> None:
    scene.renews(3, until=100)
    scene.at(101, lease=None)
    assert scene.watch() == "the Lease is gone: everything is put back"
    scene.lease = replace(LEASE, holder="run-2")
    assert "about another run" in scene.watch()
    assert scene.acted == []


def test_the_guard_beside_the_harness_acts_first(scene: Scene) -> None:
    scene.renews(3, until=50)
    scene.renews(2, begin=48 + 15, until=120, holder="run-1/guard")
    scene.at(121, lease=None)
    assert "gone" in scene.watch()
    assert scene.acted == []


def test_an_undo_that_was_changed_is_not_believed_at_first_or_later(scene: Scene) -> None:
    forged = replace(LEASE, undo=undo_to_json(replace(UNDO, image="evil:1")))
    scene.lease = forged
    scene.at(1000, lease=None)
    assert "gone" in scene.watch()
    assert scene.acted == []
    assert scene.said == [
        "the undo on lease/flowdrill-deployment-app is not the run's any more, and is not believed: "
        "nothing can be put back by it"
    ]
    scene.lease, scene.later = LEASE, []
    scene.at(scene.now + 10, lease=forged)
    assert scene.watch() == DONE
    assert scene.acted[0][1] == UNDO
    assert scene.said[-1].endswith("is not believed: the one from the beginning is used")


def test_one_that_is_started_again_goes_on_where_an_evicted_one_ended(scene: Scene) -> None:
    scene.lease = replace(LEASE, holder="run-1/guard-in-cluster-other")
    assert scene.watch() == DONE
    assert len(scene.acted) == 1


def test_an_api_server_that_is_away_ends_nothing_and_leaves_the_harness_time_to_renew(scene: Scene) -> None:
    scene.renews(3, until=50)
    scene.at(50, away=True)
    scene.at(500, away=False)
    scene.renews(3, begin=500, until=540)
    scene.at(541, lease=None)
    assert "gone" in scene.watch()
    assert scene.acted == []
    assert scene.said.count("the API server is away") == 1


def test_what_fails_is_tried_again_until_it_is_done(scene: Scene) -> None:
    scene.comes = [ClusterAwayError("gone again", "wait"), None, DONE]
    assert scene.watch() == DONE
    assert len(scene.acted) == 3
    assert scene.acted[2][0] - scene.acted[0][0] < 20, "it holds the Lease: it need not wait for its own silence"


def test_somebody_else_who_takes_over_is_left_to_it_and_watched(scene: Scene) -> None:
    scene.comes = [GuardActsError("run-1/guard holds the drill's Lease", "wait"), DONE]
    act = scene.act

    def taken(undo: Undo) -> str | None:
        try:
            return act(undo)
        except GuardActsError:
            assert scene.lease is not None
            scene.lease = replace(scene.lease, holder="run-1/guard")
            raise

    scene.act = taken  # type: ignore[method-assign]
    assert scene.watch() == DONE
    assert scene.acted[1][0] - scene.acted[0][0] >= 20


def test_it_says_that_it_watches_only_once_it_could_act(scene: Scene) -> None:
    scene.cannot_act = True
    scene.at(30, cannot_act=False)
    assert scene.watch() == DONE
    assert scene.acted[0][0] >= 30 + 20 - 1
    assert scene.said == ["cannot act"]
