"""How a cron expression and a drill's calendar go together: which of a CronJob's starts fall into a window."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flowdrill.analysis.calendar import next_opening, open_at
from flowdrill.model.calendar_plan import CalendarPlan
from flowdrill.model.cron import Cron

_DAYS = 366
_MOST_STARTS = 2000  # what a drill needs is far less; a CronJob that starts each minute is looked at for a day or two


@dataclass(frozen=True, slots=True)
class Starts:
    """Of the starts that were looked at, how many may begin."""

    looked_at: int
    within: int


def starts_within(cron: Cron, zone: str, plan: CalendarPlan, now: datetime) -> Starts:
    """Return how many of the starts in the year after `now` fall into a window. Where there are many: of the first,
    and at least up to one that does, so that none means none in the year. `zone`: whose clocks the CronJob goes by."""
    looked_at = within = 0
    opens = now
    for start in _starts(cron, ZoneInfo(zone), now):
        looked_at += 1
        if looked_at <= _MOST_STARTS or start >= opens:
            if open_at(plan, start) is not None:
                within += 1
            elif looked_at >= _MOST_STARTS:  # no need to look at each start before the next window
                opens = next_opening(plan, start) or datetime.max.replace(tzinfo=UTC)
        if looked_at >= _MOST_STARTS and within:
            break
    return Starts(looked_at, within)


def _starts(cron: Cron, zone: ZoneInfo, now: datetime) -> Iterator[datetime]:
    first = now.astimezone(zone).replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
    for days in range(_DAYS):
        day = first + timedelta(days=days)
        if cron.starts_on(day.date()):
            for hour in cron.hours:
                for minute in cron.minutes:
                    start = day.replace(hour=hour, minute=minute, tzinfo=zone).astimezone(UTC)
                    if start > now:
                        yield start
