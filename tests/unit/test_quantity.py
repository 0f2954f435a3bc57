"""Quantities are read with their unit and written as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.model.quantity import (
    duration_text,
    format_seconds,
    parse_duration_seconds,
    parse_ratio,
    ratio_text,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("1m30s", 90),
        ("250ms", 0.25),
        ("2h", 7200),
        ("1.5s", 1.5),
        ("30d", 2592000),
        ("1h1m1s1ms", 3661.001),
    ],
)
def test_durations_are_read_with_their_units(text: str, seconds: float) -> None:
    assert parse_duration_seconds(text) == pytest.approx(seconds, abs=1e-12)


@pytest.mark.parametrize("text", ["", "30", "s", "-3s", "1s1m", "3 days", 30, None, True, "1e3s"])
def test_what_is_no_duration_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="needs a duration"):
        parse_duration_seconds(text)


@pytest.mark.parametrize("text", ["367d", "12000d", "9000h", "9" * 400 + "s", "9" * 400 + "d"])
def test_a_duration_of_more_than_a_year_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot be longer than 366d"):
        parse_duration_seconds(text)


@given(st.floats(min_value=0, max_value=366 * 86400))
def test_a_duration_is_read_back_as_exactly_what_was_written(seconds: float) -> None:
    assert parse_duration_seconds(duration_text(seconds)) == seconds


@given(st.floats(min_value=0, max_value=1))
def test_a_share_is_read_back_as_exactly_what_was_written(ratio: float) -> None:
    assert parse_ratio(ratio_text(ratio)) == ratio


@pytest.mark.parametrize("text", ["0.00001%", "99.99999999%", "99.9%", "5%", "100%", "0%"])
def test_a_share_is_written_as_people_wrote_it(text: str) -> None:
    assert ratio_text(parse_ratio(text)) == text


@pytest.mark.parametrize("text", ["31536000s", "30s", "0.0000001s", "0.25s"])
def test_a_duration_is_written_without_an_exponent(text: str) -> None:
    assert duration_text(parse_duration_seconds(text)) == text


def test_a_percentage_is_exact_to_the_last_bit() -> None:
    assert parse_ratio("99.9%") == 0.999


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.34, "340 ms"), (4.206, "4.21 s"), (59.999, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
