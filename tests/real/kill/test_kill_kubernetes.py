"""Drills on a real Kubernetes are killed in the middle."""

from __future__ import annotations

import pytest

from tests.real.kill.arena import Arena
from tests.real.kill.kills import kill_the_harness
from tests.real.kill.moments import OF_THE_HARNESS, Instant, instants

pytestmark = pytest.mark.kubernetes
_ALWAYS = 2
_ALL = instants(OF_THE_HARNESS, 10, "kubernetes")


@pytest.mark.parametrize(
    "instant",
    [*_ALL[:_ALWAYS], *(pytest.param(one, marks=pytest.mark.endurance) for one in _ALL[_ALWAYS:])],
    ids=str,
)
def test_a_harness_that_is_killed_leaves_nothing_broken(real_arena: Arena, instant: Instant) -> None:
    kill_the_harness(real_arena, instant)
