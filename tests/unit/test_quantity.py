"""Quantities are read with their unit and written as people read them."""

from __future__ import annotations

import pytest

from flowdrill.model.quantity import format_seconds, parse_duration_seconds, parse_ratio


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


def test_a_percentage_is_exact_to_the_last_bit() -> None:
    assert parse_ratio("99.9%") == 0.999


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.34, "340 ms"), (4.206, "4.21 s"), (59.999, "1 min 00 s"), (125, "2 min 05 s")]
)
def test_durations_are_written_for_people(seconds: float, text: str) -> None:
    assert format_seconds(seconds) == text
