"""A drill is killed in the middle, at instants that a seed has chosen. The same for all phases, many times more:
`test_kill_endurance.py`."""

from __future__ import annotations

import signal
import time

import pytest

from tests.real.kill.arena import Arena
from tests.real.kill.kills import (
    ERROR,
    SIGINT,
    assert_as_before,
    assert_cut_off_unless_ended,
    assert_guard_restored,
    hit,
    kill_locust,
    kill_one_guard,
    kill_the_cluster,
    kill_the_guard,
    kill_the_harness,
)
from tests.real.kill.moments import (
    BROKEN,
    DECIDED,
    GUARDED,
    OF_THE_CLUSTER,
    OF_THE_HARNESS,
    UNDER_LOAD,
    Instant,
    instants,
)
from tests.real.kill.stage import ALLOWED_SECONDS, LEASE_SECONDS, until

pytestmark = pytest.mark.drills

_SEED = "a sample"


@pytest.mark.parametrize("instant", instants(OF_THE_HARNESS, 6, _SEED), ids=str)
def test_a_harness_that_is_killed_leaves_nothing_broken(arena: Arena, instant: Instant) -> None:
    kill_the_harness(arena, instant)


@pytest.mark.parametrize("instant", instants(UNDER_LOAD, 2, _SEED), ids=str)
def test_a_run_whose_locust_is_killed_puts_everything_back(arena: Arena, instant: Instant) -> None:
    kill_locust(arena, instant)


@pytest.mark.parametrize("instant", instants(GUARDED, 2, _SEED), ids=str)
def test_a_run_whose_guard_is_killed_starts_another_and_goes_on(arena: Arena, instant: Instant) -> None:
    kill_the_guard(arena, instant)


@pytest.mark.parametrize(
    ("instant", "away_seconds"),
    list(zip(instants(OF_THE_CLUSTER, 2, _SEED), (0.0, 1.5 * LEASE_SECONDS), strict=True)),
    ids=str,
)
def test_an_api_server_that_is_killed_and_started_again_finds_everything_put_back(
    arena: Arena, instant: Instant, away_seconds: float
) -> None:
    kill_the_cluster(arena, instant, away_seconds)


def test_the_second_guard_restores_when_the_harness_dies_after_the_first(arena: Arena) -> None:
    with hit(arena, Instant(BROKEN, 0.2)) as drill:
        first = kill_one_guard(drill)
        until(lambda: "ended by itself" in drill.notes() and drill.guards() not in ([], [first]), "there is another")
        killed = drill.kill_harness()
        assert_as_before(arena, drill, "guard and harness", killed)
        assert_guard_restored(arena, drill)
        assert_cut_off_unless_ended(drill)


@pytest.mark.parametrize("instant", [Instant(BROKEN, 0.3), Instant(DECIDED, 0.0)], ids=str)
def test_a_harness_that_was_stopped_for_longer_than_its_lease_stands_aside(arena: Arena, instant: Instant) -> None:
    with hit(arena, instant) as drill:
        stopped = drill.kill("the harness", drill.pid, signal.SIGSTOP)
        until(lambda: any(one["event"] == "guard ended" for one in drill.guard_events), "the guard has ended")
        awaited = arena.current.until_as_before(stopped, ALLOWED_SECONDS)
        arena.noted("stopped", awaited)
        assert not awaited.problems, f"{awaited}\n{drill.told()}"
        drill.kill("the harness", drill.pid, signal.SIGCONT)
        assert drill.wait() == ERROR, drill.told()
        assert "this run does nothing more" in drill.log.read_text(), drill.told()
        assert_as_before(arena, drill, "going on again", time.monotonic())
        assert_guard_restored(arena, drill)


def test_one_sigint_puts_everything_back_and_reports(arena: Arena) -> None:
    with hit(arena, Instant(BROKEN, 0.3)) as drill:
        killed = drill.kill("the harness", drill.pid, signal.SIGINT)
        assert drill.wait() == SIGINT, drill.told()
        assert_as_before(arena, drill, "SIGINT", killed)
        assert drill.end == "interrupted", drill.told()
        assert drill.guard_events == [], drill.told()
        assert (drill.run / "report.html").is_file(), drill.told()


def test_a_second_sigint_hands_over_to_the_guard_at_once(arena: Arena) -> None:
    with hit(arena, Instant(BROKEN, 0.3)) as drill:
        killed = drill.kill("the harness", drill.pid, signal.SIGINT)
        until(lambda: "SIGINT received" in drill.notes(), "the first was heard")
        again = drill.kill("the harness, again", drill.pid, signal.SIGINT)
        assert drill.wait() == SIGINT, drill.told()
        assert time.monotonic() - again < 2, drill.told()
        assert "SIGINT again: the guard puts everything back" in drill.log.read_text(), drill.told()
        assert_as_before(arena, drill, "SIGINT twice", killed)
        assert_guard_restored(arena, drill)
        assert_cut_off_unless_ended(drill)
