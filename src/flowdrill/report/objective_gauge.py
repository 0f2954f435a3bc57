"""A measure held against its objective: how much of what is allowed it took, and where the truth may lie."""

from __future__ import annotations

import math

from flowdrill.model.quantity import format_seconds
from flowdrill.model.status import Status
from flowdrill.report.scale import Scale
from flowdrill.report.svg import line, picture, rect
from flowdrill.report.words import NamedMeasure

_WIDTH, _HEIGHT = 240.0, 16.0
_TOP, _BOTTOM = 4.0, 12.0
_NOTHING = 1e-9  # what a float is off when a whole percentage is meant


def render_gauge(named: NamedMeasure) -> str:
    """Return an SVG of one bar, or "" where there is no measure or no limit to hold it against."""
    measure, objective = named.measure, named.objective
    if measure is None or measure.seconds < 0 or objective is None or not objective.limit:
        return ""
    limit = objective.limit
    scale = Scale(0.0, max(limit * 1.06, measure.latest * 1.06), 0.0, _WIDTH)
    at, low, high = (scale.at(seconds) for seconds in (measure.seconds, measure.earliest, measure.latest))
    return picture(
        f"gauge-{named.name}",
        (_WIDTH, _HEIGHT),
        f"{named.words} against its objective",
        f"{_percent(measure.seconds / limit, objective.status)} % of the {format_seconds(limit)} that are allowed.",
        rect(0, _TOP, _WIDTH, _BOTTOM, "gauge-room", radius=2),
        rect(0, _TOP, max(at, 2.0), _BOTTOM, f"gauge-bar is-{objective.status}", radius=2),
        rect(low, _TOP, max(high, low + 1.5), _BOTTOM, "interval"),
        line(scale.at(limit), 0, scale.at(limit), _HEIGHT, "gauge-limit"),
    )


def _percent(share: float, status: Status) -> int:
    """A missed objective does not read as 100 %, nor does one that was met by little as more than it took."""
    percent = share * 100
    if status is Status.FAIL:
        return math.ceil(percent - _NOTHING)
    return math.floor(percent + _NOTHING) if status is Status.PASS else round(percent)
