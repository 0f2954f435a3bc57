"""Whether a scheduled drill may begin now, by the calendar in its file. Times of day become instants once for each
date, so that a change of the clocks neither opens a window twice nor loses it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from flowdrill.analysis.printable import printable
from flowdrill.model.calendar_plan import EVERY_DAY, CalendarPlan, Window
from flowdrill.model.quantity import format_seconds

_DAY_SECONDS = 86400
_LOOKED_AHEAD_DAYS = 800  # blackouts end some time: what is not open until then is told as such
_LONGEST_GAP_DAYS = 2  # a zone that crosses the date line leaves a day out


@dataclass(frozen=True, slots=True)
class Opening:
    """A window on one date, in UTC: from `start` on, and no longer at `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Turn:
    """Whether a scheduled run may begin, why, and how long it waits before."""

    may_begin: bool
    why: str
    wait_seconds: float = 0.0


def turn_of(plan: CalendarPlan, now: datetime, latest_run: datetime | None, drawn: float) -> Turn:
    """Return whether a run may begin at `now`. `latest_run`: when the drill last broke something. `drawn`: chance, from
    0 to below 1, for the jitter; the wait ends before the window does."""
    opening = open_at(plan, now)
    if opening is None:
        return Turn(may_begin=False, why=_closed(plan, now))
    early = None if latest_run is None else too_early(plan, now, latest_run)
    if early is not None:
        return Turn(may_begin=False, why=early)
    rest_seconds = (opening.end - now).total_seconds()
    # whole seconds: rounding must not reach the window's end
    wait_seconds = float(math.floor(drawn * min(plan.jitter or 0.0, rest_seconds)))
    return Turn(may_begin=True, why=f"the window is open until {_said(opening.end, plan)}", wait_seconds=wait_seconds)


def open_at(plan: CalendarPlan, now: datetime) -> Opening | None:
    """Return the opening that `now` is in, the one that ends last where there are several; None outside of all, and on
    a blackout's date."""
    today = _local(now, plan).date()
    if any(one.covers(today) for one in plan.blackouts):
        return None
    around = [today + timedelta(days=days) for days in range(-_LONGEST_GAP_DAYS, _LONGEST_GAP_DAYS + 1)]
    found = [one for day in around for one in openings_on(plan, day) if one.start <= now < one.end]
    return max(found, key=lambda one: one.end, default=None)


def next_opening(plan: CalendarPlan, now: datetime) -> datetime | None:
    """Return when a window opens next, after `now`; None when none does in the next two years."""
    today = _local(now, plan).date()
    for days in range(-1, _LOOKED_AHEAD_DAYS):
        starts = [one.start for one in openings_on(plan, today + timedelta(days=days)) if one.start > now]
        free = [one for one in starts if open_at(plan, one) is not None]
        if free:
            return min(free)
    return None


def openings_on(plan: CalendarPlan, day: date) -> tuple[Opening, ...]:
    """Return the openings of every window on one date: one for each window whose weekday it is. None on a date that the
    zone has left out."""
    zone = ZoneInfo(plan.time_zone)
    if not _exists(day, zone):
        return ()
    weekday = EVERY_DAY[day.weekday()]
    return tuple(opening_of(one, day, zone) for one in plan.windows if weekday in one.days)


def opening_of(window: Window, day: date, zone: ZoneInfo) -> Opening:
    """Return a window on a date. A time that the clocks leave out is the moment at which they are put forward, and one
    that they show twice is the first of the two. A window that lies wholly in what they leave out opens at that moment,
    for as long as it is written."""
    start, end = _instant(day, window.opens, zone), _instant(day, window.closes, zone)
    return Opening(start, end if end > start else start + timedelta(minutes=window.closes - window.opens))


def too_early(plan: CalendarPlan, now: datetime, latest_run: datetime) -> str | None:
    """Return why it is too early after the latest run, or None. Whole days are counted as dates in the calendar's zone:
    else a weekly run with jitter would miss every other week."""
    period = plan.at_most_once_in
    if period is None:
        return None
    if period % _DAY_SECONDS == 0:
        passed = (_local(now, plan).date() - _local(latest_run, plan).date()).days * float(_DAY_SECONDS)
    else:
        passed = (now - latest_run).total_seconds()
    if passed >= period:
        return None
    return f"it ran at {_said(latest_run, plan)}, and runs at most once in {format_seconds(period)}"


def _closed(plan: CalendarPlan, now: datetime) -> str:
    opens = next_opening(plan, now)
    after = "no window opens in the next two years"
    if opens is not None:
        after = f"the next window opens at {_said(opens, plan)}"
    today = _local(now, plan).date()
    for one in plan.blackouts:
        if one.covers(today):
            reason = f" ({printable(one.why)})" if one.why else ""
            return f"{today} is a blackout date{reason}; {after}"
    return f"{_said(now, plan)} is outside of its windows; {after}"


def _exists(day: date, zone: ZoneInfo) -> bool:
    return _instant(day, 0, zone) < _instant(day, _DAY_SECONDS // 60, zone)


def _instant(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    """The first instant at which the clocks show a time or a later one."""
    written = datetime.combine(day, time()) + timedelta(minutes=minutes)
    before, after = (written.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    found = before.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == written:
        return found
    return _change_between(after.astimezone(UTC), found, zone)


def _change_between(low: datetime, high: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the offset changes: it is the old one at `low`, and the new one at `high`."""
    old = low.astimezone(zone).utcoffset()
    low_s, high_s = int(low.timestamp()), int(high.timestamp())
    while high_s - low_s > 1:
        middle = (low_s + high_s) // 2
        if datetime.fromtimestamp(middle, UTC).astimezone(zone).utcoffset() == old:
            low_s = middle
        else:
            high_s = middle
    return datetime.fromtimestamp(high_s, UTC)


def _local(instant: datetime, plan: CalendarPlan) -> datetime:
    return instant.astimezone(ZoneInfo(plan.time_zone))


def _said(instant: datetime, plan: CalendarPlan) -> str:
    """`Tue 2026-11-24 09:00 Europe/Berlin`, in no locale."""
    local = _local(instant, plan)
    return f"{EVERY_DAY[local.weekday()].value.capitalize()} {local:%Y-%m-%d %H:%M} {plan.time_zone}"
