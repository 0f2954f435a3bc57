"""`calendar:` in a drill: when a drill that nobody starts by hand may begin."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, WithJsonSchema, model_validator

from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_ZONE = re.compile(r"[A-Za-z][\w+-]*(/[\w+-]+)*", re.ASCII)
_OF_THIS_MACHINE = ("localtime", "posixrules", "posix", "right")  # `right/…` counts leap seconds
_DAY_MINUTES = 24 * 60


class Weekday(StrEnum):
    """A day of the week, as a window names it."""

    MON = "mon"
    TUE = "tue"
    WED = "wed"
    THU = "thu"
    FRI = "fri"
    SAT = "sat"
    SUN = "sun"


EVERY_DAY = tuple(Weekday)


def _minutes(text: object) -> int:
    """Return minutes since midnight for `09:30`; `24:00` is the end of the day."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    if not match:
        raise ValueError(f"needs a time of day in quotes, such as '09:30' (a day's end is '24:00'), not {text!r}")
    return int(match[1]) * 60 + int(match[2]) if match[1] else _DAY_MINUTES


def time_text(minutes: int) -> str:
    """Return minutes since midnight as `09:30`."""
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def known_zone(name: str) -> str:
    """Return the name; ValueError when it is not one of an IANA time zone that is known here."""
    """Return the name; ValueError when it is not one of an IANA time zone that is known here."""
    wanted = "needs the name of an IANA time zone, such as Europe/Berlin or UTC"
    if not _ZONE.fullmatch(name) or name.partition("/")[0] in _OF_THIS_MACHINE:
        raise ValueError(f"{wanted}, not {name[:80]!r}")
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError) as error:
        raise ValueError(f"{wanted}: {name[:80]!r} is not known") from error
    return name


_TimeOfDay = Annotated[
    int,
    BeforeValidator(_minutes),
    PlainSerializer(time_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(([01]\d|2[0-3]):[0-5]\d|24:00)$"}),
]


class Window(Strict):
    """When a drill may begin, on some days of the week. It ends on the day on which it began."""

    days: tuple[Weekday, ...] = Field(default=EVERY_DAY, min_length=1, description="mon to sun; default: every day")
    opens: _TimeOfDay = Field(alias="from")
    closes: _TimeOfDay = Field(alias="to", description="the first minute that is outside of it; 24:00 ends the day")

    @model_validator(mode="after")
    def _opens(self) -> Self:
        if self.closes <= self.opens:
            raise ValueError(
                f"never opens: `to` ({time_text(self.closes)}) is not later than `from` ({time_text(self.opens)}); "
                "over midnight it takes two windows: one to '24:00', and one from '00:00' on the next day"
            )
        if len(set(self.days)) < len(self.days):
            raise ValueError("`days` names a day twice")
        return self


class Blackout(Strict):
    """Dates on which no drill begins, the first and the last one included."""

    first: date = Field(alias="from")
    last: date | None = Field(default=None, alias="to", description="default: the one day")
    why: str = Field(default="", max_length=200)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.last is not None and self.last < self.first:
            raise ValueError(f"covers no day: `to` ({self.last}) is before `from` ({self.first})")
        return self

    def covers(self, day: date) -> bool:
        """Return whether it is about a date."""
        return self.first <= day <= (self.last or self.first)


class CalendarPlan(Strict):
    """What `flowdrill run --scheduled` keeps to. A run by hand is only warned."""

    time_zone: Annotated[str, AfterValidator(known_zone)] = Field(
        description="IANA time zone that all times and dates are in"
    )
    windows: tuple[Window, ...] = Field(min_length=1, description="a drill may begin in any of them")
    blackouts: tuple[Blackout, ...] = Field(default=(), description="dates on which none begins")
    jitter: Seconds | None = Field(
        default=None, description="a surprise: a scheduled run waits for up to so long, by chance, within its window"
    )
    at_most_once_in: Seconds | None = Field(
        default=None,
        description="no scheduled run when one has broken the workload within this time, by the runs in --out; whole "
        "days are counted as dates",
    )

    @model_validator(mode="after")
    def _jitter_fits(self) -> Self:
        longest = max(one.closes - one.opens for one in self.windows)
        if self.jitter is not None and self.jitter > longest * 60:
            raise ValueError(f"`jitter` is longer than the longest window ({longest} min): a run would miss it")
        return self
