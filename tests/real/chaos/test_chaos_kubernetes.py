"""Experiments with the `chaos` command on a real Kubernetes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real.chaos.experimenting import Bench, bench_on
from tests.real.chaos.test_chaos_run import assert_whole, is_broken
from tests.real.kill.arena import Arena
from tests.real.kill.stage import until

pytestmark = pytest.mark.kubernetes


@pytest.fixture
def bench(real_arena: Arena, tmp_path: Path) -> Iterator[Bench]:
    with bench_on(real_arena, tmp_path) as found:
        yield found


def test_an_experiment_is_a_drill(bench: Bench) -> None:
    assert_whole(bench)


@pytest.mark.endurance
def test_a_chaos_that_is_killed_leaves_nothing_broken(bench: Bench) -> None:
    with bench.chaos(bench.experiment()) as running:
        until(lambda: is_broken(running), "the service is broken", 200)
        bench.assert_as_before(running.kill_harness())
