"""What the engine may rely on, of the processes and of the fake that stands for them."""

from __future__ import annotations

import json
import os
import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from flowdrill.edges.chaostoolkit.activities import ActivityRoom, ChaosActivities
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.engine.facts import ActivityBegan, ActivityOver, Fact
from flowdrill.engine.ports import Activities, Clock
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ChaosPlan
from flowdrill.model.instant import seconds_to_ns
from tests.fakes.fake_activities import Act, FakeActivities
from tests.fakes.fake_time import FakeTime

HERE = Path(__file__).parent
QUICK, HANGING = ActivitySlot(ActivityPlace.DURING, "quick"), ActivitySlot(ActivityPlace.DURING, "hanging")
FAILING = ActivitySlot(ActivityPlace.AFTER, "failing")
PROBE = ActivitySlot(ActivityPlace.RESTORED, "probe")


def _python(name: str, func: str, **more: object) -> dict[str, object]:
    provider = {"type": "python", "module": "team_activities", "func": func}
    return {"name": name, "type": "action", "provider": provider, **more}


PLAN = ChaosPlan.model_validate_json(
    json.dumps(
        {
            "environment": ["TEAM_TOKEN"],
            "steady_state": [_python("probe", "answer", type="probe", tolerance=True)],
            "during": [
                _python("quick", "answer", at="broken"),
                _python("hanging", "hang", at="broken", limit="500ms"),
            ],
            "after": [_python("failing", "fail")],
        }
    )
)


class Kind(Protocol):
    """One implementation, with the time that it lives in."""

    activities: Activities
    clock: Clock

    def tell(self, fact: Fact) -> None: ...

    def next(self, seconds: float) -> Fact | None: ...


class Real:
    def __init__(self, folder: Path) -> None:
        pytest.importorskip("chaoslib")
        self.clock = MonotonicClock()
        environ = {**os.environ, "TEAM_TOKEN": "t"}
        self.activities = ChaosActivities(PLAN, ActivityRoom(HERE, environ, {}), self.clock, folder)
        self._facts: queue.SimpleQueue[Fact] = queue.SimpleQueue()

    def tell(self, fact: Fact) -> None:
        self._facts.put(fact)

    def next(self, seconds: float) -> Fact | None:
        try:
            return self._facts.get(timeout=seconds)
        except queue.Empty:
            return None


class Fake:
    def __init__(self) -> None:
        self.clock = FakeTime()
        self.activities = FakeActivities(self.clock, PLAN)
        self.activities.acts = {"hanging": Act(seconds=None), "failing": Act(end=ActivityEnd.FAILED, says="no luck")}

    def tell(self, fact: Fact) -> None:
        self.clock.tell(fact)

    def next(self, seconds: float) -> Fact | None:
        return self.clock.next(self.clock.now_ns() + seconds_to_ns(seconds))


@pytest.fixture(params=["real", "fake"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    made: Kind = Real(tmp_path) if request.param == "real" else Fake()
    assert made.activities.problems() == ()
    made.activities.start(made.tell)
    yield made
    made.activities.stop()


def both(kind: Kind) -> tuple[ActivityBegan, ActivityOver]:
    began, over = kind.next(60), kind.next(60)
    assert isinstance(began, ActivityBegan)
    assert isinstance(over, ActivityOver)
    assert began.slot == over.slot
    return began, over


def test_one_begins_and_is_over_in_this_order(kind: Kind) -> None:
    asked_ns = kind.clock.now_ns()
    kind.activities.begin(QUICK)
    began, over = both(kind)
    assert over.instant is not None
    assert asked_ns <= began.instant.earliest_ns <= over.instant.latest_ns <= over.arrived_ns
    assert (over.end, over.tolerance_met) == (ActivityEnd.DONE, None)
    assert kind.activities.evidence()


def test_one_begins_not_before_its_time(kind: Kind) -> None:
    at_ns = kind.clock.now_ns() + seconds_to_ns(0.2)
    kind.activities.begin(QUICK, at_ns)
    assert both(kind)[0].instant.earliest_ns >= at_ns


def test_a_probe_can_be_asked_more_than_once(kind: Kind) -> None:
    for _ in range(2):
        kind.activities.begin(PROBE)
        assert both(kind)[1].tolerance_met is True


def test_one_that_fails_says_why(kind: Kind) -> None:
    kind.activities.begin(FAILING)
    _, over = both(kind)
    assert over.end is ActivityEnd.FAILED
    assert "no luck" in over.says


def test_one_that_takes_too_long_is_ended(kind: Kind) -> None:
    kind.activities.begin(HANGING)
    assert both(kind)[1].end is ActivityEnd.TIMED_OUT


def test_one_that_waits_for_its_time_is_over_when_all_are_ended_and_others_can_begin_after(kind: Kind) -> None:
    kind.activities.begin(QUICK, kind.clock.now_ns() + seconds_to_ns(3600))
    kind.activities.stop()
    over = kind.next(60)
    assert isinstance(over, ActivityOver)
    assert (over.end, over.instant) == (ActivityEnd.STOPPED, None)
    kind.activities.begin(FAILING)
    assert both(kind)[1].end is ActivityEnd.FAILED


def test_nothing_is_told_of_one_that_was_never_asked_to_begin(kind: Kind) -> None:
    kind.activities.stop()
    assert kind.next(0.3) is None
    assert kind.activities.evidence() == ()
