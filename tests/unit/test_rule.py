"""Rules as people write them: read once, printed back, and one clear message for what is none."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from flowdrill.model.drill import Drill
from flowdrill.model.rule import (
    BadRatio,
    LatencyPercentile,
    SequentialRule,
    ThresholdRule,
    parse_rule,
    parse_threshold_rule,
    unseen_because,
)
from tests.fakes.world import drill_of


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("sequential", SequentialRule()),
        ("bad_ratio > 5% over 1m", ThresholdRule(BadRatio(0.05), (60.0,))),
        (
            "bad_ratio > 5% over 1m for 1m every 15s scrape 15s",
            ThresholdRule(BadRatio(0.05), (60.0,), for_seconds=60.0, every_seconds=15.0, scrape_seconds=15.0),
        ),
        ("bad_ratio > 1.44% over 1h and 5m", ThresholdRule(BadRatio(0.0144), (3600.0, 300.0))),
        (
            "p99.9 > 250ms over 1m30s for 10s",
            ThresholdRule(LatencyPercentile(99.9, 0.25), (90.0,), for_seconds=10.0),
        ),
        ("p50 > 2s over 1h5m1s", ThresholdRule(LatencyPercentile(50.0, 2.0), (3901.0,))),
    ],
)
def test_a_rule_is_read_and_printed_back_as_it_was_written(text: str, rule: SequentialRule | ThresholdRule) -> None:
    assert parse_rule(text) == rule
    assert str(rule) == text


def test_spaces_and_the_order_of_what_follows_the_window_do_not_matter() -> None:
    written = "  bad_ratio>5 %  over 1m scrape 15s every 15s for 1m "
    assert str(parse_rule(written)) == "bad_ratio > 5% over 1m for 1m every 15s scrape 15s"


_seconds = st.integers(100, 3_600_000).map(lambda thousandths: thousandths / 1000)
_measures = st.one_of(
    st.integers(0, 99_999).map(lambda n: BadRatio(n / 100_000)),
    st.builds(LatencyPercentile, st.integers(500, 999).map(lambda n: n / 10), _seconds),
)


@given(
    st.builds(
        ThresholdRule,
        measure=_measures,
        windows_seconds=st.lists(_seconds, min_size=1, max_size=2).map(tuple),
        for_seconds=st.one_of(st.just(0.0), _seconds),
        every_seconds=_seconds,
    )
)
def test_what_is_printed_is_read_back_as_the_same_rule(rule: ThresholdRule) -> None:
    assert parse_threshold_rule(str(rule)) == rule


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "needs a rule"),
        (5, "needs a rule"),
        ("x" * 201, "at most 200 characters, and this has 201"),
        ("error_ratio > 5% over 1m", "begins with bad_ratio or a percentile such as p95, not 'error_ratio'"),
        ("bad_ratio >= 5% over 1m", "needs `>` behind bad_ratio, not '>='"),
        ("bad_ratio", "needs `>` behind bad_ratio, not nothing"),
        ("bad_ratio > 5 over 1m", "the limit of bad_ratio needs a share in percent, such as 30%, not '5'"),
        ("bad_ratio > 2s over 1m", "the limit of bad_ratio needs a share in percent"),
        ("bad_ratio > 100% over 1m", "must be below 100%"),
        ("p95 > 5% over 1m", "the limit of p95 needs a duration with its unit"),
        ("p95 > 0s over 1m", "the limit of p95 must be longer than nothing"),
        ("p49 > 1s over 1m", "a percentile lies between p50 and p99.9, and is p49"),
        ("p99.99 > 1s over 1m", "a percentile lies between p50 and p99.9, and is p99.99"),
        ("bad_ratio > 5%", "needs `over` and a window behind the limit, not nothing"),
        ("bad_ratio > 5% over 60", "the window behind `over` needs a duration with its unit"),
        ("bad_ratio > 5% over 1m and", "the window behind `and` needs a duration"),
        ("bad_ratio > 5% over 1m and 2m and 3m", "does not know 'and'"),
        ("bad_ratio > 5% over 0s", "a window lies between 100ms and 7d, and is 0s"),
        ("bad_ratio > 5% over 8d", "a window lies between 100ms and 7d"),
        ("bad_ratio > 5% over 1m for", "`for` needs a duration with its unit"),
        ("bad_ratio > 5% over 1m for 1m for 2m", "says `for` twice"),
        ("bad_ratio > 5% over 1m until 2m", "does not know 'until': behind the window come for, every and scrape"),
        ("bad_ratio > 5% over 1m every 0s", "`every` lies between 100ms and 1h, and is 0s"),
        ("bad_ratio > 5% over 20s scrape 15s", "the window 20s is shorter than two scrapes"),
        ("bad_ratio > 5% over 7d scrape 1s", "holds more than 50000 scrapes"),
        ("bad_ratio > 5% over " + "9" * 150 + "s", "cannot be longer than 366d"),
    ],
)
def test_what_is_no_rule_is_said_to_be_none_in_one_line(text: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_rule(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@given(st.text(max_size=60) | st.text("p95 >%bad_ratio over1msfornd.", max_size=60))
def test_whatever_is_written_is_a_rule_or_a_clear_error(text: str) -> None:
    try:
        rule = parse_rule(text)
    except ValueError:
        return
    assert parse_rule(str(rule)) == rule


def test_a_latency_past_the_objective_cannot_be_seen() -> None:
    assert unseen_because(parse_rule("p95 > 2s over 1m"), 2.0) is None
    assert "above load.latency_objective (2.00 s)" in (unseen_because(parse_rule("p95 > 2100ms over 1m"), 2.0) or "")
    assert unseen_because(parse_rule("sequential"), 2.0) is None


# --- in a drill file


def test_a_drill_keeps_its_rules_as_text() -> None:
    drill = drill_of(detect={"rules": {"page": "bad_ratio>5% over 1m for 60s", "slow": "p95 > 1s over 30s"}})
    assert drill.detect.names == ("sequential", "kubernetes", "page", "slow")
    written = drill.model_dump(mode="json", by_alias=True)
    assert written["detect"]["rules"] == {"page": "bad_ratio > 5% over 1m for 1m", "slow": "p95 > 1s over 30s"}
    assert Drill.model_validate_json(json.dumps(written)) == drill


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"page": "bad_ratio > 5 over 1m"}, "needs a share in percent"),
        ({"page": "sequential"}, "that detector runs in every drill"),
        ({"page": "p95 > 5s over 1m"}, "`detect.rules.page`: a limit of 5.00 s is above load.latency_objective"),
        ({"kubernetes": "p95 > 1s over 1m"}, "two detectors are called 'kubernetes'"),
        ({"a b": "p95 > 1s over 1m"}, "pattern"),
    ],
)
def test_a_drill_with_a_rule_that_is_none_is_refused(rules: dict[str, str], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        drill_of(detect={"rules": rules})
    assert said in str(caught.value)
