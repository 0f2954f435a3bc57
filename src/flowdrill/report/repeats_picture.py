"""Every run's time in one row: dots with their bounds, the median's interval, and the objective."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from flowdrill.model.quantity import format_seconds
from flowdrill.model.repeats import Median, Repeats, RunTime
from flowdrill.report.repeats_words import CLAIMED_WORDS, interval_words, median_words
from flowdrill.report.scale import Scale, clock_text, time_ticks
from flowdrill.report.svg import element, line, picture, rect, text, text_width

_MARGIN = 12.0
_TITLE, _BAND, _FOOT = 18.0, 44.0, 26.0
_ROW = _TITLE + _BAND + _FOOT
_NARROW = 600.0


def render_repeats_picture(repeats: Repeats, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" where no time was measured."""
    drawn = [one for one in repeats.medians if one.measured]
    if not drawn:
        return ""
    return picture(
        f"repeats-{width:.0f}",
        (width, len(drawn) * _ROW),
        "The times of all runs that count",
        ". ".join(_description(one) for one in drawn),
        *(piece for row, one in enumerate(drawn) for piece in _strip(one, repeats, row * _ROW, width)),
    )


def _description(median: Median) -> str:
    return (
        f"{CLAIMED_WORDS[median.what]}: measured in {median.measured} of {median.runs} runs, median "
        f"{median_words(median)}, interval of the median {interval_words(median)}"
    )


def _strip(median: Median, repeats: Repeats, top: float, width: float) -> list[ET.Element]:
    times = [time for run in repeats.counted for time in run.times if time.what is median.what]
    measured = [time for time in times if time.latest is not None]
    allowed = [one.at_most for one in repeats.claims if one.what is median.what and one.at_most is not None]
    low = min(0.0, *(time.earliest for time in measured))
    high = max([*(time.latest or 0.0 for time in measured), *allowed]) or 1.0
    scale = Scale(low, high + (high - low) * 0.04, _MARGIN, width - _MARGIN)
    band, axis = top + _TITLE, top + _TITLE + _BAND
    told = f"{len(measured)} runs" if len(measured) == len(times) else f"measured in {len(measured)} of {len(times)}"
    drawn = [text(_MARGIN, top + 12, f"{CLAIMED_WORDS[median.what]}, {told}", "title")]
    if median.low is not None and median.high is not None:
        tip = f"interval of the median: {interval_words(median)}"
        drawn.append(rect(scale.at(median.low), band, scale.at(median.high), axis, "interval", tip=tip))
    drawn += _ticks(scale, band, axis, width)
    for limit in allowed:
        drawn.append(line(scale.at(limit), band, scale.at(limit), axis, "limit"))
        drawn.append(_limit_label(f"at most {format_seconds(limit)}", scale.at(limit), band + 10))
    drawn += [piece for number, time in enumerate(measured) for piece in _dot(time, number, len(measured), scale, band)]
    if median.seconds is not None:
        drawn.append(line(scale.at(median.seconds), band, scale.at(median.seconds), axis, "instant"))
    return drawn


def _limit_label(words: str, x: float, y: float) -> ET.Element:
    """Left of its line, where there is room for it."""
    left = x - text_width(words) - 4 >= 0
    return text(x - 4 if left else x + 4, y, words, "tick limit-ink", "end" if left else "start")


def _dot(time: RunTime, number: int, of: int, scale: Scale, band: float) -> list[ET.Element]:
    """One run, in the order in which they began from top to bottom."""
    seconds, latest = time.seconds or 0.0, time.latest or 0.0
    y = band + 6 + (_BAND - 12) * (number + 0.5) / of
    tip = f"{format_seconds(seconds)} (between {format_seconds(time.earliest)} and {format_seconds(latest)})"
    dot = element("circle", element("title", tip), cx=scale.at(seconds), cy=y, r=3, class_="stage")
    return [line(scale.at(time.earliest), y, scale.at(latest), y, "whisker"), dot]


def _ticks(scale: Scale, top: float, axis: float, width: float) -> list[ET.Element]:
    moments = time_ticks(scale.low, scale.high, 4 if width < _NARROW else 9)
    fine = len(moments) > 1 and moments[1] - moments[0] < 1
    drawn = [line(scale.start, axis, scale.end, axis, "axis")]
    for moment in moments:
        drawn.append(line(scale.at(moment), top, scale.at(moment), axis, "grid"))
        words = f"{moment:.3g} s" if fine else clock_text(moment)
        drawn.append(text(scale.at(moment), axis + 14, words, "tick", "middle"))
    return drawn
