"""The worst case: the sum of a drill's own limits, and what that costs."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.worst_case import (
    LAST_LOOK_SECONDS,
    LEAST_RESTORE_SECONDS,
    PROVIDER_END_SECONDS,
    PROVIDER_START_SECONDS,
    SERVED_SECONDS,
    WARM_UP_SECONDS,
    Cap,
    expected,
    restore_seconds,
    worst_case,
)
from flowdrill.engine import baseline, provider_start, restore, rolling_back, undoing
from tests.fakes.world import SCENARIO, drill_of


def test_it_is_the_sum_of_the_limits_from_the_break_to_the_end_of_the_restore() -> None:
    drill = drill_of(
        baseline={"window": "20s"},
        detect={"limit": "60s"},
        rollback={"limit": "100s"},
        hold="10s",
        guard={"lease": "15s"},
    )
    found = worst_case(drill, SCENARIO)
    assert found.bad_seconds == 60 + (100 + 10) + 15 + 300
    assert found.whole_seconds == 1 + 20 + found.bad_seconds + 5
    assert found.bad_requests == 20 * found.bad_seconds
    month = 30 * 86400
    assert found.burned_ratio == pytest.approx(found.bad_seconds / (month * 0.001))
    assert found.stopped_by == ""


@pytest.mark.parametrize(
    ("more", "seconds"),
    [
        ({"rollback": {"limit": "400s"}}, 100 + 100),  # for the rollback, and for the restore, which has as long
        ({"rollback": {"limit": "300s", "command": ["./back.sh"]}}, 302),
        ({"rollback": {"limit": "300s", "by": "human", "take_over_after": "20m"}}, 20 * 60 - 180),
        ({"rollback": {"limit": "300s"}, "obstacles": [{"kind": "rollout-paused"}]}, 180),
        (
            {
                "rollback": {"limit": "300s"},
                "obstacles": [{"kind": "registry-down", "down": ["a"], "up": ["b"], "limit": "30s"}],
            },
            180 + 60,
        ),
    ],
)
def test_every_wait_that_a_drill_adds_makes_it_longer(more: dict[str, Any], seconds: float) -> None:
    usual = worst_case(drill_of(rollback={"limit": "300s"}), SCENARIO)
    assert worst_case(drill_of(**more), SCENARIO).bad_seconds - usual.bad_seconds == seconds


def test_a_limit_stops_it_earlier_but_not_before_everything_is_put_back() -> None:
    drill = drill_of(rollback={"limit": "100s"}, guard={"lease": "15s"})
    putting_back = restore_seconds(drill) + 15
    few, many = Cap("limits.bad_requests: 500", bad_requests=500), Cap("limits.budget: 90%", bad_requests=10**9)
    found, usual = worst_case(drill, SCENARIO, (few, many)), worst_case(drill, SCENARIO)
    assert (found.bad_requests, found.stopped_by) == (500 + 20 * (putting_back + 2), "limits.bad_requests: 500")
    assert found.burned_ratio < usual.burned_ratio
    assert found.bad_seconds == usual.bad_seconds
    clock = Cap("limits.wall_clock: 90s", seconds=70)
    found = worst_case(drill, SCENARIO, (clock, many))
    assert (found.bad_seconds, found.bad_requests) == (70 + putting_back, 20 * (70 + putting_back))
    assert usual.whole_seconds - found.whole_seconds == usual.bad_seconds - found.bad_seconds
    assert found.stopped_by == "limits.wall_clock: 90s"
    assert worst_case(drill, SCENARIO, (Cap("limits.wall_clock: 1h", seconds=3600),)) == usual


def test_what_is_expected_is_what_the_objective_for_the_outage_allows() -> None:
    found = expected(drill_of(objectives={"outage": "30s"}))
    assert found is not None
    assert (found.outage_seconds, found.bad_requests) == (30, 600)
    assert expected(drill_of(objectives={})) is None


def test_a_fault_that_no_rollback_ends_is_said_to_be_one() -> None:
    helpless = SCENARIO.model_copy(update={"rollback_helps": False})
    said = "The rollback does not end this fault"
    assert any(said in one for one in worst_case(drill_of(), helpless).beyond)
    assert not any(said in one for one in worst_case(drill_of(), SCENARIO).beyond)


def test_the_waits_are_those_of_the_engine() -> None:
    assert restore.LEAST_LIMIT_SECONDS == LEAST_RESTORE_SECONDS
    assert undoing._SERVED_SECONDS == SERVED_SECONDS
    assert rolling_back._LAST_LOOK_SECONDS == LAST_LOOK_SECONDS
    assert baseline._WARM_UP_SECONDS == WARM_UP_SECONDS
    assert provider_start._START_SECONDS == PROVIDER_START_SECONDS
    assert provider_start._END_SECONDS == PROVIDER_END_SECONDS
