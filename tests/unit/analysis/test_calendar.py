"""When a scheduled drill may begin: in any zone, over any change of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flowdrill.analysis.calendar import next_opening, open_at, opening_of, openings_on, turn_of
from flowdrill.model.calendar_plan import EVERY_DAY, CalendarPlan, Window

_ZONES = sorted(one for one in available_timezones() if one.split("/")[0] not in ("posix", "right", "localtime"))
_DATES = st.dates(date(1975, 1, 1), date(2037, 12, 30))


def calendar(*windows: dict[str, object], zone: str = "Europe/Berlin", **more: object) -> CalendarPlan:
    shown = windows or ({"days": ["tue"], "from": "09:00", "to": "16:00"},)
    return CalendarPlan.model_validate({"time_zone": zone, "windows": tuple(shown), **more}, strict=False)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


TUESDAY = utc("2026-11-24 10:00")  # 11:00 in Berlin


@given(_DATES, st.sampled_from(_ZONES), st.integers(0, 1439), st.integers(1, 1440))
@settings(max_examples=300)
def test_every_date_opens_each_window_once_and_whole(day: date, name: str, begin: int, length: int) -> None:
    zone, end = ZoneInfo(name), min(1440, begin + length)
    plan = CalendarPlan.model_construct(
        time_zone=name, windows=(Window.model_construct(days=EVERY_DAY, opens=begin, closes=end),), blackouts=()
    )
    found, following = openings_on(plan, day), openings_on(plan, day + timedelta(days=1))
    if not found:  # only where the whole date was left out
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        shown = {(midnight + timedelta(minutes=15 * n)).astimezone(zone).date() for n in range(-160, 260)}
        assert day not in shown
        return
    (opening,) = found
    assert timedelta() < opening.end - opening.start
    assert abs((opening.end - opening.start) - timedelta(minutes=end - begin)) <= timedelta(hours=3)
    assert all(opening.end <= one.start or end - begin > 1200 for one in following)
    middle = opening.start + (opening.end - opening.start) / 2
    assert open_at(plan, opening.start) is not None
    assert open_at(plan, middle) is not None
    assert begin == 0 or end == 1440 or open_at(plan, opening.end) in (None, *following)


@pytest.mark.parametrize(
    ("day", "begin", "end", "opens", "closes"),
    [
        ("2026-03-29", "02:15", "02:45", "01:00", "01:30"),  # wholly in the hour that is left out: then, for as long
        ("2026-03-29", "02:30", "16:00", "01:00", "14:00"),  # begins in it
        ("2026-03-29", "01:00", "02:30", "00:00", "01:00"),  # ends in it
        ("2026-10-25", "02:15", "02:45", "00:15", "00:45"),  # the hour that comes twice: its first time
        ("2026-10-25", "01:30", "03:30", "23:30", "02:30"),  # both of them in between
        ("2026-06-01", "09:00", "24:00", "07:00", "22:00"),
    ],
)
def test_a_change_of_the_clocks_moves_a_window_as_documented(
    day: str, begin: str, end: str, opens: str, closes: str
) -> None:
    (window,) = calendar({"from": begin, "to": end}).windows
    found = opening_of(window, date.fromisoformat(day), ZoneInfo("Europe/Berlin"))
    assert (f"{found.start:%H:%M}", f"{found.end:%H:%M}") == (opens, closes)


def test_a_date_that_the_zone_has_left_out_opens_nothing() -> None:
    plan = calendar({"from": "09:00", "to": "10:00"}, zone="Pacific/Apia")
    assert openings_on(plan, date(2011, 12, 30)) == ()
    assert len(openings_on(plan, date(2011, 12, 29))) == len(openings_on(plan, date(2011, 12, 31))) == 1


def test_within_a_window_it_may_begin() -> None:
    turn = turn_of(calendar(), TUESDAY, None, 0.9)
    assert turn.may_begin
    assert turn.wait_seconds == 0
    assert "open until Tue 2026-11-24 16:00 Europe/Berlin" in turn.why


def test_outside_of_all_it_is_said_when_one_opens() -> None:
    turn = turn_of(calendar(), TUESDAY + timedelta(hours=5), None, 0.0)
    assert not turn.may_begin
    assert turn.why == (
        "Tue 2026-11-24 16:00 Europe/Berlin is outside of its windows; the next window opens at Tue 2026-12-01 09:00 "
        "Europe/Berlin"
    )


def test_a_blackout_counts_dates_of_the_calendars_zone() -> None:
    plan = calendar({"from": "00:00", "to": "24:00"}, blackouts=[{"from": "2026-11-25", "why": "\x1b[1mlaunch"}])
    assert turn_of(plan, utc("2026-11-24 22:59"), None, 0.0).may_begin
    shut = turn_of(plan, utc("2026-11-24 23:00"), None, 0.0)  # midnight in Berlin
    assert "2026-11-25 is a blackout date (" in shut.why
    assert "\x1b" not in shut.why
    assert next_opening(plan, utc("2026-11-24 23:00")) == utc("2026-11-25 23:00")


def test_blackouts_that_cover_every_window_are_said() -> None:
    plan = calendar(blackouts=[{"from": "2026-01-01", "to": "2099-12-31"}])
    assert "no window opens in the next two years" in turn_of(plan, TUESDAY, None, 0.0).why


@given(st.floats(0, 1, exclude_max=True), st.integers(0, 7 * 3600 - 1))
@example(0.9999999999999998, 3600)
def test_the_surprise_never_leaves_the_window(drawn: float, after_seconds: int) -> None:
    plan = calendar({"from": "09:00", "to": "16:00"}, jitter="6h")
    now = utc("2026-11-24 08:00") + timedelta(seconds=after_seconds)
    turn = turn_of(plan, now, None, drawn)
    assert 0 <= turn.wait_seconds <= 6 * 3600
    assert open_at(plan, now + timedelta(seconds=turn.wait_seconds)) is not None


def test_a_weekly_run_with_jitter_is_not_too_early_a_week_later() -> None:
    plan = calendar(at_most_once_in="7d")
    late, early = utc("2026-11-17 14:30"), utc("2026-11-24 08:00")
    assert turn_of(plan, early, late, 0.0).may_begin
    again = turn_of(plan, early, utc("2026-11-24 08:00"), 0.0)
    assert not again.may_begin
    assert "runs at most once in 7 days" in again.why


def test_hours_are_counted_as_hours() -> None:
    plan = calendar(at_most_once_in="36h")
    assert not turn_of(plan, TUESDAY, TUESDAY - timedelta(hours=35, minutes=59), 0.0).may_begin
    assert turn_of(plan, TUESDAY, TUESDAY - timedelta(hours=36), 0.0).may_begin
