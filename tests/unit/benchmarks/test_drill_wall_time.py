"""What a drill's wall time consists of."""

from __future__ import annotations

import pytest
from drill_wall_time_parts.pieces import BACK, DETECTED, FIRST_ROLLOUT, IRREDUCIBLE, OWN_CLUSTER, Told, overhead, pieces

from flowdrill.model.events import (
    BaselineHeld,
    Check,
    Checked,
    ClockPair,
    End,
    Event,
    EvidenceTaken,
    ImageSet,
    Phase,
    PhaseStarted,
    Purpose,
    RecoveryHeld,
    RolledBack,
    RunEnded,
    RunStarted,
)
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.status import Status


def at(seconds: float) -> int:
    return seconds_to_ns(seconds)


def instant(seconds: float) -> Instant:
    return Instant(at(seconds), at(seconds))


def events(rolled_back: float = 17) -> tuple[Event, ...]:
    """A run that starts at 10 s."""
    pair = ClockPair(0, 0)
    return (
        RunStarted(at(10), "r", "0", "sha256:0", pair, "c", "v1", "h"),
        PhaseStarted(at(10.2), Phase.BASELINE),
        BaselineHeld(at(14.1), Instant(at(11), at(14)), 30, 0, 0.01),
        ImageSet(at(14.6), Purpose.BREAK, "b", instant(14.5), None),
        ImageSet(at(16.1), Purpose.ROLL_BACK, "s", instant(16), None),
        RolledBack(at(rolled_back), instant(rolled_back)),
        RecoveryHeld(at(19.1)),
        Checked(at(19.3), Check("ends_on_stable_digest", Status.PASS, "", "")),
        EvidenceTaken(at(19.5), "load/locust_stats.csv", "statistics"),
        RunEnded(at(20), End.COMPLETED, "", pair),
    )


def told(cluster: float | None = None, deploying: float | None = None) -> Told:
    """Users are hit at 15 s, it is detected at 15.9 s, and they are served again at 17 s and for the 2 s after that."""
    times = [None if one is None else at(one) for one in (cluster, deploying)]
    return Told(at(9), *times, 5.0, 5.9, 7.0, 2.0, at(20.3), at(20.4))


def test_every_second_is_in_one_piece() -> None:
    found = pieces(events(), told())
    assert sum(found.values()) == pytest.approx(20.4 - 9)
    assert min(found.values()) >= 0


def test_the_overhead_is_what_is_left_beside_window_outage_rollback_and_hold() -> None:
    found = pieces(events(), told())
    assert sum(found.get(name, 0) for name in IRREDUCIBLE) == pytest.approx(3 + 0.5 + 0.9 + 3)
    assert overhead(found) == pytest.approx(11.4 - 7.4)


def test_the_hold_and_a_rollout_that_ends_within_it_are_not_counted_twice() -> None:
    assert pieces(events(rolled_back=18), told())[BACK] == pytest.approx(3)
    assert pieces(events(rolled_back=19.05), told())[BACK] == pytest.approx(3.05)


def test_a_cluster_of_its_own_is_told_apart_and_its_first_rollout_cannot_be_shortened() -> None:
    found = pieces(events(), told(cluster=9.3, deploying=9.6))
    assert (found[OWN_CLUSTER], found[FIRST_ROLLOUT]) == (pytest.approx(0.3), pytest.approx(0.4))
    assert overhead(found) == pytest.approx(11.4 - 7.4 - 0.3 - 0.4 - 0.1)


def test_a_run_that_was_not_broken_has_no_such_pieces() -> None:
    with pytest.raises(ValueError, match="no image was set to break"):
        pieces(tuple(one for one in events() if not isinstance(one, ImageSet)), told())


def test_a_detection_before_the_impact_is_known_takes_no_time_from_others() -> None:
    early = Told(at(9), None, None, 5.9, 5.0, 7.0, 2.0, at(20.3), at(20.4))
    assert pieces(events(), early)[DETECTED] == 0
