"""Threshold rules: by hand, and against a plain recomputation of what a monitoring system would see."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from flowdrill.analysis.counters import Before, Counter, EveryOutcome, Scraped
from flowdrill.analysis.detector import PIPE_GRACE_NS, Alarm
from flowdrill.analysis.threshold_rules import Schedule, ThresholdDetector, detector_after
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.outcome import Outcome, Reason
from flowdrill.model.rule import ThresholdRule, parse_threshold_rule

S = 1_000_000_000
NOTHING_BEFORE = Before(-1)


def outcome(seconds: float, *, bad: bool = False, latency: float = 0.01, reason: Reason | None = None) -> Outcome:
    known = seconds_to_ns(seconds)
    fate = reason or (Reason.HTTP_STATUS if bad else Reason.GOOD)
    return Outcome(0, 0, known - seconds_to_ns(latency), known, fate, None)


def steady(seconds: float, per_second: int = 10, until: float = 0.0) -> list[Outcome]:
    """Good outcomes up to `until`."""
    return [outcome(until - seconds + (n + 1) / per_second) for n in range(round(seconds * per_second))]


def failing(from_: float, to: float, per_second: int = 10) -> list[Outcome]:
    return [outcome(from_ + (n + 1) / per_second, bad=True) for n in range(round((to - from_) * per_second))]


def fired_after(detector: ThresholdDetector, outcomes: Sequence[Outcome], until: float) -> Alarm | None:
    for one in outcomes:
        detector.take(one)
        alarm = detector.advance(one.known_ns)
        if alarm is not None:
            return alarm
    return detector.advance(seconds_to_ns(until) + PIPE_GRACE_NS)


def seconds_until_fired(text: str, outcomes: Sequence[Outcome], until: float = 1000.0) -> float | None:
    """A failure at 0 after a minute of health, 10 requests/s."""
    detector = detector_after(parse_threshold_rule(text), steady(60), 0, 60)
    alarm = fired_after(detector, outcomes, until)
    return None if alarm is None else alarm.slot_end_ns / S


# --- by hand


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("bad_ratio > 5% over 1m", 4),  # 3 s are exactly 5 % of a minute, and not more
        ("bad_ratio > 5% over 1m every 15s", 15),
        ("bad_ratio > 5% over 1m for 10s", 14),
        ("bad_ratio > 5% over 1m for 1m every 15s", 75),
        ("bad_ratio > 50% over 10s", 6),
        ("bad_ratio > 99.9% over 10s", 10),
        ("bad_ratio > 1.44% over 1h", 52),  # 51.84 s
        ("bad_ratio > 1.44% over 1h and 5m", 52),
        ("bad_ratio > 1.44% over 10s and 1h", 52),  # the slower one counts
        ("bad_ratio > 0% over 1m", 1),
        ("p95 > 1s over 1m", None),  # what fails at once is not slow
    ],
)
def test_a_full_outage_fires_each_rule_at_its_hour(text: str, seconds: float | None) -> None:
    assert seconds_until_fired(text, failing(0, 200), until=200) == seconds


def test_the_alarm_tells_what_was_seen_and_comes_once() -> None:
    rule = parse_threshold_rule("bad_ratio > 5% over 1m")
    detector = detector_after(rule, steady(60), 0, 60)
    alarm = fired_after(detector, failing(0, 30), 30)
    assert alarm == Alarm(newest_outcome_ns=4 * S, statistic=40 / 600, threshold=0.05, slot_end_ns=4 * S)
    assert fired_after(detector, failing(30, 60), 60) is None
    assert detector.firing


def test_for_begins_again_when_the_condition_does_not_hold() -> None:
    rule = "bad_ratio > 50% over 2s for 5s"
    gap = [*failing(0, 5), *steady(2, until=7), *failing(7, 20)]
    assert seconds_until_fired("bad_ratio > 50% over 2s", gap) == 2
    assert seconds_until_fired(rule, failing(0, 20)) == 7
    # half of the window fails from 1 s to 6 s: it holds at 2, 3, 4, 5; not at 6 and 7; again from 9
    assert seconds_until_fired(rule, gap) == 14


def test_a_window_without_traffic_has_no_value() -> None:
    detector = ThresholdDetector(parse_threshold_rule("bad_ratio > 5% over 1s"), Schedule(0, 0), NOTHING_BEFORE)
    assert detector.advance(100 * S) is None
    detector.take(outcome(100.5, bad=True))
    alarm = detector.advance(110 * S)
    assert alarm is not None
    assert alarm.slot_end_ns == 101 * S
    assert detector.advance(110 * S) is None
    assert not detector.firing  # 102 to 109: nothing there


def test_with_again_it_tells_each_time_that_it_begins_to_fire() -> None:
    rule = parse_threshold_rule("bad_ratio > 50% over 2s")
    detector = ThresholdDetector(rule, Schedule(0, 0), NOTHING_BEFORE, again=True)
    for one in [*failing(0, 3), *steady(3, until=6), *failing(6, 9)]:
        detector.take(one)
    alarms = [alarm.slot_end_ns // S for _ in range(5) if (alarm := detector.advance(20 * S)) is not None]
    assert alarms == [1, 8]


@pytest.mark.parametrize(
    ("percentile", "slow_of_20", "fires"), [("p95", 1, False), ("p95", 2, True), ("p90", 2, False), ("p50", 11, True)]
)
def test_a_percentile_is_the_nearest_rank(percentile: str, slow_of_20: int, fires: bool) -> None:
    rule = parse_threshold_rule(f"{percentile} > 1s over 2s")
    detector = ThresholdDetector(rule, Schedule(2 * S, 2 * S), NOTHING_BEFORE)
    for number in range(20):
        detector.take(outcome(1 + number / 20, latency=1.5 if number < slow_of_20 else 1.0))
    assert (detector.advance(2 * S + PIPE_GRACE_NS) is not None) is fires


def test_a_request_past_the_objective_is_slower_than_every_limit() -> None:
    detector = ThresholdDetector(parse_threshold_rule("p95 > 2s over 5s"), Schedule(3 * S, 3 * S), NOTHING_BEFORE)
    detector.take(outcome(2.5, latency=2.0, reason=Reason.TOO_SLOW))
    alarm = detector.advance(4 * S)
    assert alarm is not None
    assert (alarm.statistic, alarm.threshold) == (1.0, 0.05)


def test_what_is_still_in_the_pipe_is_waited_for_and_what_is_late_counts_at_once() -> None:
    detector = ThresholdDetector(parse_threshold_rule("bad_ratio > 50% over 5s"), Schedule(S, S), NOTHING_BEFORE)
    assert detector.advance(S + PIPE_GRACE_NS - 1) is None
    detector.take(outcome(0.9, bad=True))
    assert detector.advance(S + PIPE_GRACE_NS) is not None
    late = ThresholdDetector(parse_threshold_rule("bad_ratio > 50% over 5s"), Schedule(S, S), NOTHING_BEFORE)
    assert late.advance(S + PIPE_GRACE_NS) is None
    late.take(outcome(0.9, bad=True))
    alarm = late.advance(2 * S + PIPE_GRACE_NS)
    assert alarm is not None
    assert alarm.slot_end_ns == 2 * S


def test_memory_does_not_grow_with_the_window() -> None:
    counter = EveryOutcome([3600 * S], NOTHING_BEFORE, start_ns=0, every_ns=15 * S)
    for second in range(7200):
        for _ in range(10):
            counter.count(second * S + 1, bad=False)
        if second % 15 == 0:
            counter.bad_ratio(second * S, 3600 * S)
    (window,) = counter._windows.values()
    assert len(window._leaving) <= 3600 // 15 + 2


# --- as Prometheus sees it


def prometheus(text: str, scrape_at: float, evaluate_at: float = 0.0) -> float | None:
    """A full outage at 0 after a minute of health at 10 requests/s; scrapes and evaluations at these phases."""
    schedule = Schedule(seconds_to_ns(evaluate_at), seconds_to_ns(scrape_at))
    detector = detector_after(parse_threshold_rule(text), steady(60), 0, 60, schedule)
    alarm = fired_after(detector, failing(0, 300), 300)
    return None if alarm is None else alarm.slot_end_ns / S


@pytest.mark.parametrize(
    ("scrape_at", "evaluate_at", "seconds"),
    [
        (0.0, 0.0, 75),  # scraped at 15: pending at 15, firing at 75
        (1.0, 0.0, 90),  # scraped at 1: 10 bad of 450; at 16: seen by the evaluation at 30
        (14.0, 0.0, 75),  # scraped at 14
        (4.0, 4.5, 64.5),  # scraped at 4: 40 bad of 450 between the samples
        (4.0, 3.9, 78.9),  # the evaluation comes just before the scrape
    ],
)
def test_scrapes_and_evaluations_add_to_the_for(scrape_at: float, evaluate_at: float, seconds: float) -> None:
    assert prometheus("bad_ratio > 5% over 1m for 1m every 15s scrape 15s", scrape_at, evaluate_at) == seconds


def test_a_counter_that_began_at_zero_is_not_extrapolated_to_below() -> None:
    counter = Scraped([60 * S], Before(0), scrape_ns=20 * S, scrape_at_ns=10 * S)
    for second in range(1, 61):
        counter.count(second * S, bad=second > 30)
    # samples at 10, 30 and 50 s: 40 of them, 20 bad, over 40 s; 10 s on either side, and at 10 s there were no bad ones
    assert counter.bad_ratio(60 * S, 60 * S) == pytest.approx((20 * (40 + 0 + 10)) / (40 * (40 + 10 + 10)))


@pytest.mark.parametrize(("bad", "fires"), [(43, True), (45, False)])
def test_a_ratio_of_exactly_the_limit_is_rounded_as_prometheus_rounds_it(bad: int, fires: bool) -> None:
    """promtool says the same of these counters: `rate(bad[1m]) / rate(all[1m]) > 0.05` holds for 43 of 860 alone."""
    counter = Scraped([60 * S], Before(0, 20.0, 0.02), scrape_ns=15 * S, scrape_at_ns=4 * S)
    counter.count(30 * S, bad=False, requests=19 * bad)
    counter.count(40 * S, bad=True, requests=bad)
    ratio = counter.bad_ratio(60 * S, 60 * S)
    assert ratio == pytest.approx(0.05)
    assert (ratio > 0.05) is fires


def test_two_samples_are_needed() -> None:
    counter = Scraped([60 * S], Before(0), scrape_ns=40 * S, scrape_at_ns=30 * S)
    counter.count(20 * S, bad=True)
    assert counter.bad_ratio(49 * S, 60 * S) == pytest.approx(59 / 60)  # at -10 and 30 s
    assert counter.bad_ratio(50 * S, 60 * S) is None  # only at 30 s: the window does not hold its beginning


# --- against a plain recomputation

_fates = st.lists(
    st.tuples(st.integers(1, 60_000), st.booleans(), st.integers(1, 2500)), max_size=60
)  # (known in ms, whether bad, latency in ms)
_befores = st.sampled_from([Before(0), Before(0, 5.0), Before(0, 5.0, 0.1)])
_windows = st.lists(st.sampled_from([3000, 10_000, 17_300, 40_000]), min_size=1, max_size=2, unique=True)


def made(fates: Sequence[tuple[int, bool, int]]) -> list[Outcome]:
    return sorted(
        (outcome(ms / 1000, bad=bad, latency=latency / 1000) for ms, bad, latency in fates), key=lambda o: o.known_ns
    )


def plain_ratio(outcomes: Sequence[Outcome], before: Before, at_ns: int, window_ns: int) -> float | None:
    seen = [one.bad for one in outcomes if at_ns - window_ns < one.known_ns <= at_ns]
    earlier = max(0.0, before.until_ns - at_ns + window_ns) / S * before.requests_per_second
    total = len(seen) + earlier
    return (sum(seen) + earlier * before.bad_ratio) / total if total else None


def plain_increase(samples: Sequence[tuple[int, float]], start_ns: int, end_ns: int) -> float:
    """`increase` of a counter without resets, from the description of `extrapolatedRate`."""
    (first_ns, first), (last_ns, last) = samples[0], samples[-1]
    sampled = (last_ns - first_ns) / S
    average = sampled / (len(samples) - 1)
    to_start, to_end = (first_ns - start_ns) / S, (end_ns - last_ns) / S
    if to_start >= average * 1.1:
        to_start = average / 2
    if last > first:
        to_start = min(to_start, sampled * (first / (last - first)))
    if to_end >= average * 1.1:
        to_end = average / 2
    return (last - first) * (sampled + to_start + to_end) / sampled


def prometheus_ratio(
    outcomes: Sequence[Outcome], before: Before, at_ns: int, window_ns: int, scrapes: Sequence[int]
) -> float | None:
    """Two counters, far above zero but for the bad one of a service that was without fault."""
    far = 1e6

    def counters(at: int) -> tuple[float, float]:
        known = [one.bad for one in outcomes if one.known_ns <= at]
        earlier = min(0.0, (at - before.until_ns) / S) * before.requests_per_second
        bad = sum(known) + earlier * before.bad_ratio
        return far + len(known) + earlier, bad + (far if before.bad_ratio else 0)

    seen = [(at, *counters(at)) for at in scrapes if at_ns - window_ns < at <= at_ns]
    if len(seen) < 2:
        return None
    all_, bad = ([(one[0], one[column]) for one in seen] for column in (1, 2))
    total = plain_increase(all_, at_ns - window_ns, at_ns)
    return plain_increase(bad, at_ns - window_ns, at_ns) / total if total > 1e-9 else None


@given(_fates, _befores, _windows, st.sampled_from([500, 1000, 7000]))
def test_the_stream_says_what_a_recomputation_says(
    fates: list[tuple[int, bool, int]], before: Before, windows: list[int], every_ms: int
) -> None:
    outcomes, windows_ns, every_ns = made(fates), [ms * 1_000_000 for ms in windows], every_ms * 1_000_000
    counter = EveryOutcome(windows_ns, before, start_ns=0, every_ns=every_ns)
    require_same(counter, outcomes, windows_ns, every_ns, lambda at, w: plain_ratio(outcomes, before, at, w))


@given(
    _fates, _befores, _windows, st.sampled_from([500, 1000, 1400]), st.integers(-5000, 5000), st.sampled_from([1, 7])
)
def test_scraped_counters_say_what_prometheus_would_compute(
    fates: list[tuple[int, bool, int]],
    before: Before,
    windows: list[int],
    scrape_ms: int,
    scrape_at_ms: int,
    every_seconds: int,
) -> None:
    outcomes, windows_ns = made(fates), [ms * 1_000_000 for ms in windows]
    scrape_ns, at_ns = scrape_ms * 1_000_000, scrape_at_ms * 1_000_000
    counter = Scraped(windows_ns, before, scrape_ns=scrape_ns, scrape_at_ns=at_ns)
    scrapes = [at_ns + k * scrape_ns for k in range(-200, 200)]
    require_same(
        counter,
        outcomes,
        windows_ns,
        every_seconds * S,
        lambda at, w: prometheus_ratio(outcomes, before, at, w, scrapes),
    )


def require_same(
    counter: Counter, outcomes: Sequence[Outcome], windows_ns: Sequence[int], every_ns: int, plain
) -> None:
    waiting = list(outcomes)
    for at_ns in range(0, 61 * S, every_ns):
        while waiting and waiting[0].known_ns <= at_ns:
            one = waiting.pop(0)
            counter.count(one.known_ns, bad=one.bad)
        for window_ns in windows_ns:
            expected = plain(at_ns, window_ns)
            assert counter.bad_ratio(at_ns, window_ns) == (
                None if expected is None else pytest.approx(expected, abs=1e-6)  # its counters are far from zero
            )


@given(
    _fates,
    st.sampled_from([5, 20, 50]),
    _windows,
    st.sampled_from(["0s", "3s", "10s"]),
    st.sampled_from(["500ms", "1s", "7s"]),
    st.sampled_from(["bad_ratio", "p90"]),
)
def test_a_rule_fires_when_a_plain_evaluation_fires(
    fates: list[tuple[int, bool, int]], percent: int, windows: list[int], held: str, every: str, measure: str
) -> None:
    over = " and ".join(f"{ms}ms" for ms in windows)
    limit = f"bad_ratio > {percent}%" if measure == "bad_ratio" else "p90 > 2s"
    rule = parse_threshold_rule(f"{limit} over {over} for {held} every {every}")
    outcomes = made(fates)
    detector = ThresholdDetector(rule, Schedule(0, 0), Before(0))
    alarm = fired_after(detector, outcomes, 120)
    expected = plainly_fired(rule, outcomes)
    assert (None if alarm is None else alarm.slot_end_ns) == expected


def plainly_fired(rule: ThresholdRule, outcomes: Sequence[Outcome]) -> int | None:
    """Prometheus' state machine: inactive, pending since, firing."""
    tolerated, since = rule.measure.tolerated_ratio, None
    for at_ns in range(0, 120 * S + 1, seconds_to_ns(rule.every_seconds)):
        ratios = []
        for window in rule.windows_seconds:
            seen = [one for one in outcomes if at_ns - seconds_to_ns(window) < one.known_ns <= at_ns]
            wrong = [one.bad if tolerates_bad(rule) else one.known_ns - one.sent_ns > 2 * S for one in seen]
            ratios.append(sum(wrong) / len(seen) if seen else None)
        assume(all(ratio is None or abs(ratio - tolerated) > 1e-9 for ratio in ratios))
        if not all(ratio is not None and ratio > tolerated for ratio in ratios):
            since = None
            continue
        since = at_ns if since is None else since
        if at_ns - since >= seconds_to_ns(rule.for_seconds):
            return at_ns
    return None


def tolerates_bad(rule: ThresholdRule) -> bool:
    return str(rule).startswith("bad_ratio")
