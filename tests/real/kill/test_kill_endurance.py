"""Drills are killed at many instants over all phases: an hour, so not part of `make test`. See CONTRIBUTING.md."""

from __future__ import annotations

import random

import pytest

from tests.real.kill.arena import Arena
from tests.real.kill.kills import kill_locust, kill_the_cluster, kill_the_guard, kill_the_harness
from tests.real.kill.moments import GUARDED, OF_THE_CLUSTER, OF_THE_HARNESS, UNDER_LOAD, Instant, instants
from tests.real.kill.stage import LEASE_SECONDS

pytestmark = pytest.mark.endurance
_SEED = "endurance"
_AWAY = random.Random(_SEED)


@pytest.mark.parametrize("instant", instants(OF_THE_HARNESS, 60, _SEED), ids=str)
def test_the_harness(arena: Arena, instant: Instant) -> None:
    kill_the_harness(arena, instant)


@pytest.mark.parametrize("instant", instants(UNDER_LOAD, 10, _SEED), ids=str)
def test_locust(arena: Arena, instant: Instant) -> None:
    kill_locust(arena, instant)


@pytest.mark.parametrize("instant", instants(GUARDED, 10, _SEED), ids=str)
def test_the_guard(arena: Arena, instant: Instant) -> None:
    kill_the_guard(arena, instant)


@pytest.mark.parametrize(
    ("instant", "away_seconds"),
    [(one, round(_AWAY.uniform(0, 3 * LEASE_SECONDS), 1)) for one in instants(OF_THE_CLUSTER, 10, _SEED)],
    ids=str,
)
def test_the_api_server(arena: Arena, instant: Instant, away_seconds: float) -> None:
    kill_the_cluster(arena, instant, away_seconds)
