"""Who noticed when: detectors, alerts and Kubernetes' signals side by side, on one axis from the failure's begin."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from flowdrill.model.measured import Moment
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result
from flowdrill.report.alert_words import STAGE_WORDS
from flowdrill.report.scale import Scale, clock_text, time_ticks
from flowdrill.report.svg import element, line, picture, shortened, text, text_width

_NARROW = 600.0
_ROW = 26.0
_ROOM = 92.0  # right of the axis, for the last value
_MOST_LANES = 24


@dataclass(frozen=True, slots=True)
class _Lane:
    """One word of somebody's: who, what kind, and when; `at` is None for one who said nothing."""

    words: str
    kind: str
    at: Moment | None


def render_detectors(result: Result, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" where nobody could have noticed anything. Times count from the impact,
    or from the break where no user was hit."""
    start = result.instants.impact or result.instants.broken
    lanes = _lanes(result)
    if start is None or not lanes:
        return ""  # what only shows something may lie before what is drawn: then it stands at the edge, with its time
    narrow = width < _NARROW
    labels = 0.0 if narrow else min(340.0, max(text_width(lane.words) for lane in lanes) + 16)
    row = _ROW + (14 if narrow else 0)
    moments = [lane.at for lane in lanes if lane.at and lane.kind != "lane-shown"] + [start]
    low = min(moment.earliest for moment in moments) - start.seconds
    high = max(max(moment.latest for moment in moments) - start.seconds, low + 0.1)
    time = Scale(min(low, 0.0), high, labels + 6, width - _ROOM)
    bottom = len(lanes) * row + 4
    return picture(
        f"detectors-{width:.0f}",
        (width, bottom + 34),
        "Who noticed when",
        "; ".join(_said(lane, start) for lane in lanes) + ".",
        *_axis(time, bottom, narrow, "the impact" if result.instants.impact else "the break"),
        *(piece for index, lane in enumerate(lanes) for piece in _drawn(lane, time, start, index * row, labels)),
    )


def _lanes(result: Result) -> list[_Lane]:
    detections = [
        _Lane(one.detector, "lane-triggers" if one.triggers else "lane-detector", one.at) for one in result.detections
    ]
    known = {lane.words for lane in detections}
    stages = [
        _Lane(f"{fact.alert}: {STAGE_WORDS[stage.stage]}", "lane-alert", stage.at)
        for fact in result.alerts
        for stage in fact.stages
        if fact.alert not in known or stage.stage != fact.detects_at
    ]
    signals = [
        _Lane(f"Kubernetes: {one.kind.value}", "lane-signal" if one.fails else "lane-shown", one.at)
        for one in result.signals
    ]
    told = sorted([*detections, *stages, *signals], key=lambda lane: (lane.at.seconds if lane.at else 0.0, lane.words))
    return [*told, *(_Lane(name, "lane-silent", None) for name in result.silent_detectors)][:_MOST_LANES]


def _said(lane: _Lane, start: Moment) -> str:
    return f"{lane.words} {'never' if lane.at is None else _after(lane.at, start)}"


def _after(at: Moment, start: Moment) -> str:
    seconds = at.seconds - start.seconds
    return f"{format_seconds(-seconds)} before" if seconds < 0 else f"+{format_seconds(seconds)}"


def _axis(time: Scale, bottom: float, narrow: bool, begin: str) -> list[ET.Element]:
    moments = time_ticks(time.low, time.high, 4 if narrow else 8)
    fine = len(moments) > 1 and moments[1] - moments[0] < 1
    drawn = [line(time.start, bottom, time.end, bottom, "axis")]
    for moment in moments:
        drawn.append(line(time.at(moment), 0, time.at(moment), bottom, "grid"))
        drawn.append(text(time.at(moment), bottom + 15, _tick(moment, fine), "tick", "middle"))
    drawn.append(line(time.at(0), 0, time.at(0), bottom, "instant"))
    return [*drawn, text(time.end, bottom + 30, f"time since {begin}", "tick", "end")]


def _tick(seconds: float, fine: bool) -> str:
    return f"-{clock_text(-seconds, fine)}" if seconds < 0 else clock_text(seconds, fine)


def _drawn(lane: _Lane, time: Scale, start: Moment, top: float, labels: float) -> list[ET.Element]:
    middle = top + (13 if labels else 28)
    name = text(0, middle + 4 if labels else top + 14, shortened(lane.words, labels - 10 if labels else time.end))
    if lane.at is None:
        return [
            name,
            line(time.at(0), middle, time.end, middle, "lane-nothing"),
            text(time.end + 8, middle + 4, "never", "tick"),
        ]
    low, at, high = (time.at(value - start.seconds) for value in (lane.at.earliest, lane.at.seconds, lane.at.latest))
    return [
        name,
        *([line(time.at(0), middle, at, middle, "lane")] if at > time.at(0) else []),
        line(low, middle, high, middle, "lane-bounds"),
        _sign(lane.kind, at, middle),
        text(max(at, high) + 9, middle + 4, _after(lane.at, start), "tick"),
    ]


def _sign(kind: str, x: float, y: float) -> ET.Element:
    """A disc: it triggers; a ring: measured only; a square: an alert's stage; a diamond: Kubernetes' word."""
    if kind == "lane-alert":
        return element("rect", x=x - 4, y=y - 4, width=8, height=8, class_=f"sign {kind}")
    if kind in ("lane-signal", "lane-shown"):
        return element("path", d=f"M{x:.2f} {y - 5.5:.2f}l5.5 5.5-5.5 5.5-5.5-5.5z", class_=f"sign {kind}")
    return element("circle", cx=x, cy=y, r=5, class_=f"sign {kind}")
