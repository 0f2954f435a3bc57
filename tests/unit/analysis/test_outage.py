"""The outage against the truth: services that flip at known instants, however their requests overlap, hang or reset."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.analysis.outage import FailingWindow, RecoveryWatch, failing_window
from flowdrill.model.instant import Instant
from flowdrill.model.outcome import Outcome, Reason

MS = 1_000_000
SECOND = 1_000 * MS
OBJECTIVE = 2 * SECOND


def outcome(sent: int, known: int, bad: bool, number: int = 0) -> Outcome:
    """An outcome; one that would be known only after the latency objective is too slow since then."""
    if known - sent > OBJECTIVE:
        return Outcome(number, sent, sent, sent + OBJECTIVE, Reason.TOO_SLOW, None)
    return Outcome(number, sent, sent, known, Reason.FLOW_ERROR if bad else Reason.GOOD, 500 if bad else 200)


@dataclass(frozen=True)
class Down:
    """The truth: the service is down in [since, until)."""

    since: int
    until: int

    def at(self, now: int) -> bool:
        return self.since <= now < self.until


NEVER = 10**18
Service = Callable[[Down, int, int], tuple[int, bool]]  # (truth, sent, latency) -> (known, bad)


def decides_on_arrival(down: Down, sent: int, latency: int) -> tuple[int, bool]:
    return sent + latency, down.at(sent)


def decides_on_answering(down: Down, sent: int, latency: int) -> tuple[int, bool]:
    return sent + latency, down.at(sent + latency)


def resets_what_is_in_flight(down: Down, sent: int, latency: int) -> tuple[int, bool]:
    if sent < down.since <= sent + latency:
        return down.since, True
    return sent + latency, down.at(sent)


def hangs_for_good(down: Down, sent: int, latency: int) -> tuple[int, bool]:
    caught = sent < down.until and sent + latency >= down.since
    return (NEVER if caught else sent + latency), False


def stalls_and_goes_on(down: Down, sent: int, latency: int) -> tuple[int, bool]:
    caught = sent < down.until and sent + latency >= down.since
    return (down.until + latency if caught else sent + latency), False


SERVICES = [
    decides_on_arrival,
    decides_on_answering,
    resets_what_is_in_flight,
    hangs_for_good,
    stalls_and_goes_on,
]


def served(service: Service, down: Down, rng: random.Random, per_second: int, longest_ms: int) -> list[Outcome]:
    """Twelve seconds of requests on schedule with random latencies up to `longest_ms`."""
    found = []
    for number in range(12 * per_second):
        sent = number * SECOND // per_second
        known, bad = service(down, sent, rng.randrange(MS, longest_ms * MS))
        found.append(outcome(sent, known, bad, number))
    return sorted(found, key=lambda o: o.known_ns)


def holds(instant: Instant | None, truth: int) -> bool:
    return instant is not None and instant.earliest_ns <= truth <= instant.latest_ns


@pytest.mark.parametrize("service", SERVICES)
@given(
    since_ms=st.integers(1_000, 5_000),
    length_ms=st.integers(1, 4_000),
    per_second=st.sampled_from([5, 20, 100]),
    longest_ms=st.sampled_from([2, 40, 600, 1_900]),
    normal=st.sampled_from([0.0, 0.01]),
    seed=st.integers(0, 2**32),
)
def test_the_bounds_always_hold_the_truth(
    service: Service, since_ms: int, length_ms: int, per_second: int, longest_ms: int, normal: float, seed: int
) -> None:
    down = Down(since_ms * MS, (since_ms + length_ms) * MS)
    outcomes = served(service, down, random.Random(seed), per_second, longest_ms)
    window = failing_window(outcomes, normal_bad_ratio=normal, from_ns=down.since - 500 * MS)
    if window is None:  # so short that it met no request, or too few to stand out from the noise
        assert normal > 0 or not any(o.bad for o in outcomes)
        return
    assert holds(window.impact, down.since)
    assert holds(window.recovered, down.until)
    assert window.impact.latest_ns <= window.recovered.latest_ns


@pytest.mark.parametrize("service", [decides_on_arrival, decides_on_answering, resets_what_is_in_flight])
@pytest.mark.parametrize("per_second", [20, 100])
def test_with_quick_answers_the_bounds_are_one_request_interval_wide(service: Service, per_second: int) -> None:
    down = Down(3_333 * MS, 7_777 * MS)
    outcomes = served(service, down, random.Random(1), per_second, 4)
    window = failing_window(outcomes, normal_bad_ratio=0, from_ns=3 * SECOND)
    assert window is not None
    assert window.recovered is not None
    interval = SECOND // per_second
    for instant in (window.impact, window.recovered):
        assert instant.latest_ns - instant.earliest_ns <= interval + 4 * MS


def test_a_failure_with_no_good_answer_before_it_began_at_the_break_at_the_earliest() -> None:
    window = window_of("BBBgg")
    assert window.impact == Instant(-50, known(0))


def test_nothing_before_the_break_is_the_breaks_doing() -> None:
    assert failing_window(row("ggBBggg"), normal_bad_ratio=0, from_ns=known(4)) is None


def test_good_answers_only_are_no_failure() -> None:
    assert failing_window(row("ggg"), normal_bad_ratio=0, from_ns=0) is None
    assert failing_window([], normal_bad_ratio=0, from_ns=0) is None


def test_without_a_good_answer_afterwards_there_is_no_recovery() -> None:
    assert window_of("ggBgB").recovered is None


def test_after_a_clean_baseline_a_single_bad_answer_counts() -> None:
    window = window_of("g" * 200 + "B" + "g" * 200)
    assert (window.bad, window.stretches) == (1, 1)
    assert window.first_bad == window.last_bad


def test_a_partial_outage_is_one_stretch_from_its_first_to_its_last_bad_answer() -> None:
    window = window_of("ggg" + "gBgBBggB" * 40 + "ggg")
    assert (window.bad, window.stretches) == (160, 1)
    assert window.impact == Instant(sent(3), known(4))
    assert window.recovered == Instant(sent(322), known(323))


def test_in_a_partial_outage_good_answers_between_do_not_empty_the_bounds() -> None:
    rng = random.Random(3)
    for _ in range(200):
        outcomes = [
            outcome(number * 10 * MS, number * 10 * MS + rng.randrange(MS, 900 * MS), rng.random() < 0.3)
            for number in range(60)
        ]
        window = failing_window(outcomes, normal_bad_ratio=0, from_ns=0)
        assert window is not None
        assert window.impact.earliest_ns <= window.first_bad.known_ns == window.impact.latest_ns


def test_flapping_counts_from_the_first_onset_to_the_last_recovery_with_its_stretches() -> None:
    window = window_of("ggg" + "B" * 20 + "g" * 40 + "B" * 20 + "g" * 40 + "B" + "ggg")
    assert (window.bad, window.stretches) == (41, 3)
    assert window.impact == Instant(sent(2), known(3))
    assert window.recovered == Instant(sent(123), known(124))


@pytest.mark.parametrize("good", ["g" * 9, "g" * 15])
def test_a_short_pause_is_no_flapping(good: str) -> None:
    assert window_of("g" + "B" * 20 + good + "B" * 20 + "g").stretches == 1


def test_noise_as_in_the_baseline_is_no_failure() -> None:
    rng = random.Random(5)
    noise = row("".join("B" if rng.random() < 0.02 else "g" for _ in range(20_000)))
    assert failing_window(noise, normal_bad_ratio=0.02, from_ns=0) is None


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_with_a_noisy_baseline_the_failure_is_told_from_the_noise_around_it(share: float) -> None:
    off_by = []
    for seed in range(40):
        rng = random.Random(seed)
        shares = [0.02] * 600 + [share] * 300 + [0.02] * 600
        window = failing_window(
            row("".join("B" if rng.random() < p else "g" for p in shares)), normal_bad_ratio=0.02, from_ns=0
        )
        assert window is not None
        off_by += [abs(window.first_bad.sequence - 600), abs(window.last_bad.sequence - 899)]
    off_by.sort()
    assert off_by[len(off_by) // 2] <= 2 / share  # the median: within two bad answers of the truth
    assert off_by[-1] <= 60


def test_the_order_in_which_outcomes_arrive_does_not_matter() -> None:
    outcomes = row("ggg" + "B" * 20 + "g" * 40 + "B" * 20 + "g")
    shuffled = random.Random(1).sample(outcomes, len(outcomes))
    assert window_from(outcomes) == window_from(shuffled)


# --- rows of requests one after another, every 50 ms, answered within 10 ms


def sent(number: int) -> int:
    return number * 50 * MS


def known(number: int) -> int:
    return sent(number) + 10 * MS


def row(fates: str, first: int = 0) -> list[Outcome]:
    return [outcome(sent(number), known(number), fate == "B", number) for number, fate in enumerate(fates, start=first)]


def window_from(outcomes: Iterable[Outcome]) -> FailingWindow:
    window = failing_window(outcomes, normal_bad_ratio=0, from_ns=-50)
    assert window is not None
    return window


def window_of(fates: str) -> FailingWindow:
    return window_from(row(fates))


# --- whether the recovery has held

HOLD = 2 * SECOND  # 40 requests of a row


def watch(normal: float = 0.0) -> RecoveryWatch:
    return RecoveryWatch(normal_bad_ratio=normal, from_ns=0, hold_ns=HOLD)


def held_after(outcomes: list[Outcome], normal: float = 0.0) -> int | None:
    """Look after every outcome; return the number of outcomes at which the recovery first had held."""
    looking, seen = watch(normal), []
    for o in outcomes:
        seen.append(o)
        if looking.look(seen, o.known_ns).held:
            return len(seen)
    return None


def test_a_recovery_holds_after_its_hold_window_of_good_answers() -> None:
    assert held_after(row("ggBBB" + "g" * 100)) == 5 + 1 + 40


def test_without_a_failure_there_is_no_recovery_to_hold() -> None:
    assert held_after(row("g" * 100)) is None


def test_a_bad_answer_in_the_hold_window_starts_it_afresh() -> None:
    assert held_after(row("gBB" + "g" * 30 + "B" + "g" * 100)) == 34 + 1 + 40


def test_noise_as_in_the_baseline_does_not_start_it_afresh() -> None:
    at = held_after(row("g" * 50 + "B" * 20 + "g" * 30 + "B" + "g" * 100), normal=0.02)
    assert at is not None
    assert at <= 70 + 1 + 40 + 20  # a bad answer has the window computed anew, at most once a second


def test_silence_starts_the_hold_window_afresh() -> None:
    late = row("g" * 100, first=5 + 20 + 25)  # 1.25 s without an answer
    assert held_after(row("ggBBB" + "g" * 20) + late) == 25 + 1 + 40


def test_it_does_not_hold_while_nothing_comes() -> None:
    outcomes = row("gBB" + "g" * 20)
    assert not watch().look(outcomes, outcomes[-1].known_ns + 10 * SECOND).held


def test_requests_that_are_far_apart_are_no_silence() -> None:
    apart = [outcome(o.sequence * 3 * SECOND, o.sequence * 3 * SECOND + MS, o.bad) for o in row("gggBBBgggggg")]
    assert held_after(apart) == 8


def test_while_one_in_ten_answers_is_bad_nothing_is_recovered() -> None:
    outcomes = row("g" * 20 + "gggggB" * 20)
    assert watch(0.02).look(outcomes, outcomes[-1].known_ns).recovered is None


def test_what_it_says_is_what_the_whole_record_says() -> None:
    rng = random.Random(9)
    shares = [0.01] * 300 + [0.5] * 200 + [0.01] * 300
    outcomes = row("".join("B" if rng.random() < p else "g" for p in shares))
    looking = watch(0.01)
    for count in range(1, len(outcomes), 7):
        looking.look(outcomes[:count], outcomes[count - 1].known_ns)
    window = failing_window(outcomes, normal_bad_ratio=0.01, from_ns=0)
    assert window is not None
    assert looking.look(outcomes, outcomes[-1].known_ns + 999 * MS).recovered == window.recovered
