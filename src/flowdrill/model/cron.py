"""Cron expressions as Kubernetes takes them in a CronJob: five fields, names of months and days, no seconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_PART = re.compile(r"(?P<low>[*?]|\w+)(?:-(?P<high>\w+))?(?:/(?P<step>\d{1,4}))?", re.ASCII)
_WILD = ("*", "?")
_HINT = "five fields: minute, hour, day of the month, month, day of the week"
_LONGEST = 200  # characters
_LONGEST_MONTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@dataclass(frozen=True, slots=True)
class Cron:
    """When a CronJob starts, on the clocks of its time zone."""

    text: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]  # of the month
    months: frozenset[int]
    weekdays: frozenset[int]  # 0 is Sunday
    any_day: bool  # whether either field of days is a star: then both must fit, else one of them is enough

    def starts_on(self, day: date) -> bool:
        """Return whether it starts on a date at all."""
        of_month, of_week = day.day in self.days, day.isoweekday() % 7 in self.weekdays
        return day.month in self.months and ((of_month and of_week) if self.any_day else (of_month or of_week))


def parse_cron(text: str) -> Cron:
    """Return the parsed expression; ValueError says which field cannot be used, or that its date never comes."""
    fields = text.split()
    if text.startswith(("@", "TZ=", "CRON_TZ=")):
        raise ValueError(f"needs {_HINT}; no @daily, and no time zone in it")
    if len(fields) != 5 or len(text) > _LONGEST or not text.isascii():
        raise ValueError(f"has {len(fields)} fields, and needs {_HINT}")
    minutes, hours = _field("minute", fields[0], 0, 59), _field("hour", fields[1], 0, 23)
    days = _field("day of the month", fields[2], 1, 31)
    months = _field("month", fields[3], 1, 12, _MONTHS, 1)
    weekdays = _field("day of the week", fields[4], 0, 6, _DAYS, 0)
    any_day = _is_star(fields[2]) or _is_star(fields[4])
    if _is_star(fields[4]) and all(min(days) > _LONGEST_MONTHS[month - 1] for month in months):
        raise ValueError(f"never starts: no month of it has a day {min(days)}")
    return Cron(
        " ".join(fields), tuple(sorted(minutes)), tuple(sorted(hours)), days, months, weekdays, any_day
    )  # fmt: skip


def _field(name: str, text: str, low: int, high: int, names: Sequence[str] = (), first: int = 0) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"{name}: {part!r} is no number, range (1-5), list (1,3) or step (*/15)")
        step = int(match["step"]) if match["step"] is not None else 1
        if match["low"] in _WILD:
            if match["high"] is not None:
                raise ValueError(f"{name}: {part!r}: a star has no end")
            start, end = low, high
        else:
            start = _number(name, match["low"], low, high, names, first)
            end = _number(name, match["high"], low, high, names, first) if match["high"] else start
            end = high if match["high"] is None and match["step"] is not None else end
        if end < start:
            raise ValueError(f"{name}: {part!r} ends before it begins")
        if step == 0:
            raise ValueError(f"{name}: {part!r}: a step of 0 never comes")
        found.update(range(start, end + 1, step))
    return frozenset(found)


def _is_star(text: str) -> bool:
    """As Kubernetes' parser (robfig/cron) has it: `*` is one, `*/2` is none."""
    return any(part.partition("/")[0] in _WILD and part.partition("/")[2] in ("", "1") for part in text.split(","))


def _number(name: str, text: str, low: int, high: int, names: Sequence[str], first: int) -> int:
    if text.lower() in names:
        return names.index(text.lower()) + first
    known = f" or {names[0]} to {names[-1]}" if names else ""
    if not text.isdigit() or not low <= int(text) <= high:
        sunday = "; Sunday is 0" if text == "7" and low == 0 and high == 6 else ""
        raise ValueError(f"{name}: {text!r} is not {low} to {high}{known}{sunday}")
    return int(text)
