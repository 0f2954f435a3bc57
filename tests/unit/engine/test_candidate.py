"""A candidate in place of a broken release: it must serve, and is rolled back all the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import ValidationError

from flowdrill.analysis.detecting_limit import detecting_limit_seconds
from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.verification import verified_by
from flowdrill.analysis.worst_case import worst_case
from flowdrill.engine.run import RunOutcome
from flowdrill.errors import ForbiddenError
from flowdrill.model.drill import Drill
from flowdrill.model.events import Decided, End, ImageSet, Purpose
from flowdrill.model.result import Result, Verdict
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from tests.fakes.world import SCENARIO, World, drill_of

IMAGE = f"registry.test/flow@sha256:{'c' * 64}"


def candidate_of(**more: object) -> Scenario:
    plan = {
        "scenario": "candidate",
        "story": "s",
        "changes": {"candidate": {"image": IMAGE}},
        "symptom": "nothing",
        "seen_by_users": "right answers",
    }
    return Scenario.model_validate_json(json.dumps({**plan, **more}))


class CandidateWorld(World):
    """Where the release is a candidate."""

    def __init__(self, *, drill: Drill | None = None, bites: bool = False, **workload: Any) -> None:
        super().__init__(drill=drill or drill_of(detect={"limit": "30s"}), scenario=candidate_of(), **workload)
        self.bites = bites

    def result(self) -> tuple[RunOutcome, Result]:
        outcome = self.run()
        return outcome, report_of(self.record()).result


def status_of(result: Result, name: str) -> Status | None:
    return next((one.status for one in (*result.checks, *result.objectives) if one.name == name), None)


def test_a_candidate_that_serves_is_rolled_back_by_the_brake_and_passes() -> None:
    world = CandidateWorld()
    outcome, result = world.result()
    assert (outcome.end, result.verdict) == (End.COMPLETED, Verdict.PASS)
    assert [one.purpose for one in world.all_of(ImageSet)][:2] == [Purpose.BREAK, Purpose.ROLL_BACK]
    by = "the plan: a candidate is rolled back once it has served for 30.00 s, whatever it does"
    assert world.all_of(Decided)[0].by == by
    for name in ("candidate_serves", "users_served_on_the_way_back", "rollback_completed", "recovery_held"):
        assert status_of(result, name) is Status.PASS
    assert [one.name for one in result.objectives] == ["time_to_recover", "outage"]
    assert result.never_hit
    assert {one.status for one in result.objectives} == {Status.PASS}
    assert result.measures.outage is not None
    assert result.measures.outage.seconds == 0
    assert world.problems_left() == []


def test_a_candidate_serves_from_when_it_is_on_every_replica() -> None:
    slow = drill_of(detect={"limit": "30s"}, rollback={"limit": "120s"}, objectives={"outage": "60s"})
    world = CandidateWorld(drill=slow, step_seconds=5.8)
    _, result = world.result()
    assert result.verdict is Verdict.PASS
    (released, *_), (decided, *_) = world.all_of(ImageSet), world.all_of(Decided)
    assert decided.at_ns - released.at_ns > 40 * 10**9
    (serves,) = [one for one in result.checks if one.name == "candidate_serves"]
    assert serves.observed == "served for 30.00 s on every replica as the stable version did"


def test_a_candidate_that_is_never_on_every_replica_is_not_known_to_serve() -> None:
    slow = drill_of(detect={"limit": "30s"}, rollback={"limit": "10s"}, objectives={"outage": "60s"})
    world = CandidateWorld(drill=slow, step_seconds=8.0)
    _, result = world.result()
    (serves,) = [one for one in result.checks if one.name == "candidate_serves"]
    assert (serves.status, serves.observed) == (Status.UNKNOWN, "it was never on every replica")
    assert world.all_of(Decided)[0].by == "the limit: the candidate was not on every replica within 10.00 s"
    assert result.verdict is not Verdict.PASS
    assert world.problems_left() == []


def test_its_worst_case_counts_the_time_until_it_is_on_every_replica() -> None:
    drill = drill_of(detect={"limit": "30s"}, rollback={"limit": "120s"})
    with_candidate, without = worst_case(drill, candidate_of()), worst_case(drill, SCENARIO)
    assert with_candidate.bad_seconds - without.bad_seconds == 120
    assert detecting_limit_seconds(drill, candidate_of()) == 150
    assert detecting_limit_seconds(drill, SCENARIO) == 30


def test_the_way_back_from_it_verifies_the_stable_image() -> None:
    verified = verified_by(CandidateWorld().result()[1])
    assert verified is not None
    assert verified.digest == f"sha256:{'a' * 64}"


def test_a_candidate_at_which_a_detector_fires_fails_and_is_rolled_back_at_once() -> None:
    world = CandidateWorld(bites=True)
    outcome, result = world.result()
    assert (outcome.end, result.verdict) == (End.COMPLETED, Verdict.FAIL)
    assert result.reasons[0].startswith("candidate_serves: sequential fired")
    assert "users were hit: " in result.reasons[0]
    assert world.all_of(Decided)[0].by == "policy: sequential detected"
    assert status_of(result, "time_to_detect") is None
    assert status_of(result, "time_to_recover") is Status.PASS
    assert status_of(result, "users_served_on_the_way_back") is None
    assert world.problems_left() == []


def test_users_who_are_hit_only_while_it_is_rolled_back_fail_it() -> None:
    world = CandidateWorld()
    taken: list[int] = []

    def hit() -> bool:
        back = [one.instant.latest_ns for one in world.all_of(ImageSet) if one.purpose is Purpose.ROLL_BACK]
        taken.extend(back[:1])
        return bool(back) and world.time.now_ns() < back[0] + 3_000_000_000

    world.fails = hit
    _, result = world.result()
    assert taken
    assert result.verdict is Verdict.FAIL
    assert (status_of(result, "candidate_serves"), status_of(result, "users_served_on_the_way_back")) == (
        Status.PASS,
        Status.FAIL,
    )


@pytest.mark.parametrize("purpose", [Purpose.BREAK, Purpose.ROLL_BACK])
def test_a_request_that_a_rollout_loses_is_told_and_stops_no_release(purpose: Purpose) -> None:
    world = CandidateWorld(drill=drill_of(detect={"limit": "30s"}))
    lost: list[int] = []

    def lose_one() -> bool:
        began = [one.instant.latest_ns for one in world.all_of(ImageSet) if one.purpose is purpose]
        if not began or lost or world.time.now_ns() < began[0] + 200_000_000:
            return False
        lost.append(world.time.now_ns())
        return True

    world.fails = lose_one
    _, result = world.result()
    assert result.requests.bad == 1
    name = "candidate_serves" if purpose is Purpose.BREAK else "users_served_on_the_way_back"
    (check,) = [one for one in result.checks if one.name == name]
    assert check.status is Status.WARNING
    assert f", of {result.requests.total}" in check.observed
    assert result.verdict is Verdict.PASS, result.reasons


def test_a_way_back_that_is_refused_fails_it() -> None:
    world = CandidateWorld()
    refused: list[str] = []

    class Refused:
        def begin(self, request: object) -> object:
            refused.append("asked")
            raise ForbiddenError("on-call may not patch it", "give it the right")

    world.rollback = Refused()  # type: ignore[assignment]
    _, result = world.result()
    assert refused
    assert result.verdict is Verdict.FAIL
    assert status_of(result, "rollback_accepted") is Status.FAIL
    assert world.problems_left() == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"symptom": "bad-answers"}, "needs `symptom: nothing`"),
        (
            {"changes": {"candidate": {"image": IMAGE}, "env": {"set": {"A": "b"}}}},
            "goes with .* alone",
        ),
        ({"changes": {"candidate": {"image": IMAGE, "source": "flow.json"}}}, "exactly one of image, source"),
        ({"changes": {"candidate": {}}}, "exactly one of image, source"),
        ({"changes": {"candidate": {"image": "flow:1.0"}}}, "should match pattern"),
    ],
)
def test_a_candidate_is_released_as_it_is(more: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        candidate_of(**more)


def test_a_candidate_may_bring_an_environment_of_its_own() -> None:
    changes = {"candidate": {"source": "flow.json"}, "workload": {"env": {"set": {"MODE": "new"}}}}
    assert candidate_of(changes=changes).changes.workload.env.set == {"MODE": "new"}
