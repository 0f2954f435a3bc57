"""What the benchmark of detection rests on: the optimum, the streams, the polls, the model of Prometheus."""

from __future__ import annotations

import math
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from detection import OURS, Round, alarms_of
from detection_parts.noise import noise_of, our_false_alarms
from detection_parts.optimum import cusum_requests, cusum_seconds, slots_to_first_order
from detection_parts.polls import noticed_ns
from detection_parts.product import alarms_in, clocks_of
from detection_parts.prometheus import Scraped, fired
from detection_parts.stream import Kind, Recording, stream_of

S = 1_000_000_000


def recording() -> Recording:
    """Twenty requests a second, each answered after 3 ms."""
    known = np.arange(1, 301, dtype=np.int64) * S // 20
    return Recording(20, 15, known, np.full(300, 3_000_000, dtype=np.int64))


def test_where_all_fail_the_optimum_is_so_many_bad_requests_in_a_row() -> None:
    in_a_row = (1 / 0.02**3 - 1) / (1 - 0.02)  # the mean number of requests until three in a row are bad
    assert cusum_requests(0.02, 1.0, in_a_row * 0.99) == pytest.approx(3)
    assert cusum_requests(0.02, 1.0, in_a_row * 1.01) == pytest.approx(4)
    assert cusum_seconds(0.02, 1.0, in_a_row * 0.99 / 20, 20) == pytest.approx(
        2.5 / 20
    )  # it begins between two requests


def test_the_optimum_is_what_a_simulated_cusum_takes() -> None:
    normal, failing, between, chance = 0.05, 0.5, 2000.0, random.Random(5)
    up, down = math.log(failing / normal), math.log((1 - failing) / (1 - normal))

    def taken(ratio: float, limit: float) -> float:
        total, times = 0, 400
        for _ in range(times):
            statistic = 0.0
            while statistic < limit:
                statistic = max(0.0, statistic + (up if chance.random() < ratio else down))
                total += 1
        return total / times

    limit = next(limit for limit in np.arange(3, 9, 0.25) if taken(normal, float(limit)) >= between)
    assert cusum_requests(normal, failing, between) == pytest.approx(taken(failing, float(limit)), rel=0.15)


def test_of_slots_in_which_all_fail_only_the_normal_ratio_counts() -> None:
    assert slots_to_first_order(0.01, 1.0, 10, 1e6) == pytest.approx(3, rel=1e-3)  # a hundredth for each slot
    few, many = (slots_to_first_order(0.01, 0.2, requests, 1e6) for requests in (2, 50))
    assert many < few  # more requests, less chance


@pytest.mark.parametrize("kind", Kind)
def test_a_stream_fails_from_one_instant_on(kind: Kind) -> None:
    stream = stream_of(recording(), kind, np.random.default_rng(1), 0.5)
    assert not stream.bad[stream.known_ns < stream.hit_ns].any()
    share = stream.bad[stream.known_ns >= stream.hit_ns].mean()
    wanted = {Kind.FULL: 1, Kind.HALF: 0.5, Kind.FIFTH: 0.2, Kind.BURSTS: 0.2, Kind.DRIFT: 0.15, Kind.NONE: 0}[kind]
    assert share == pytest.approx(wanted, abs=0.05)
    assert np.diff(stream.known_ns).min() > 0


def test_a_probe_must_fail_so_often_in_a_row() -> None:
    assert noticed_ns(lambda at_ns: at_ns >= 25 * S, 3 * S, 10, 100 * S, 3) == 53 * S
    assert noticed_ns(lambda at_ns: at_ns % (20 * S) == 3 * S, 3 * S, 10, 100 * S, 2) is None


def test_one_false_alarm_in_all_rounds_misses_the_goal() -> None:
    rounds = [Round({OURS: None})] * 12
    assert not alarms_of("none", OURS, rounds).missed
    assert alarms_of("none", OURS, [*rounds, Round({OURS: 7.0})]).missed


def test_bursts_take_as_many_requests_however_long_they_are() -> None:
    for slots in (1, 4):
        noise = noise_of(200_000, 2, slots, seed=1)
        assert noise.bad.sum() / (2 * 200_000) == pytest.approx(0.009, rel=0.1)


def test_the_detector_bears_bursts_of_a_slot_and_calls_longer_ones_an_outage() -> None:
    assert our_false_alarms(noise_of(20_000, 2, 1, seed=1)) == 0
    longer = noise_of(20_000, 2, 5, seed=1)
    assert our_false_alarms(longer) >= 0.9 * longer.bursts


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, of Debian's prometheus")
def test_prometheus_fires_at_the_evaluation_that_replay_says(tmp_path: Path) -> None:
    """Drift crosses a limit slowly: often 45 of 900 requests are bad, exactly 5 %."""
    chance = np.random.default_rng(7)
    runs, modelled = [], []
    for at in range(45):
        stream = stream_of(recording(), (Kind.DRIFT, Kind.FIFTH, Kind.BURSTS)[at % 3], chance, chance.random())
        clocks = clocks_of(stream, chance.random(), at % 14 + 1)
        runs.append(Scraped(stream, clocks))
        modelled.append(alarms_in(stream, clocks).rules_ns)
    assert fired(runs, tmp_path) == modelled
