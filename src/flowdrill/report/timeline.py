"""The drill in one picture: phases, instants, and the four times between them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import PhaseSpan, Result
from flowdrill.report.activity_words import marked_activities
from flowdrill.report.instant_marks import marks, overhang, rows_height
from flowdrill.report.scale import Scale, clock_text, time_ticks
from flowdrill.report.svg import line, picture, rect, text, text_width
from flowdrill.report.words import NamedInstant, NamedMeasure, named_instants, named_measures

_MARGIN = 10.0
_BAND = 26.0
_ROW = 25.0
_BAR = 19.0
_FOOT = 34.0
_NARROW = 600.0


def render_timeline(result: Result, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" when nothing was broken. It shows the time around the outage; the
    chart shows the whole run."""
    instants = _marked(result)
    if not result.instants.broken:
        return ""
    low, high = _shown_time(result)
    time = Scale(low, high, _MARGIN, width - _MARGIN)
    time = Scale(low, high, _MARGIN, width - _MARGIN - max(0.0, overhang(instants, time)))
    band_top = rows_height(instants, time) + 4
    bars_top = band_top + _BAND + 10
    measured = [*(m for m in named_measures(result) if m.measure), *_until_restore(result)]
    axis = bars_top + len(measured) * _ROW + 4
    return picture(
        f"timeline-{width:.0f}",
        (width, axis + _FOOT),
        "Timeline of the drill",
        _description(result),
        *_phases(result.phases, time, band_top),
        *_ticks(time, bars_top, axis, width),
        *marks(instants, time, 0, axis),
        *(piece for row, m in enumerate(measured) for piece in _bar(m, result, time, bars_top + row * _ROW, width)),
    )


def _marked(result: Result) -> tuple[NamedInstant, ...]:
    """Every instant, and what Chaos Toolkit did beside the drill in the time that is shown."""
    instants = named_instants(result)
    if not instants:
        return ()
    low, high = _shown_time(result)
    return (*instants, *(one for one in marked_activities(result) if low <= one.moment.seconds <= high))


def _until_restore(result: Result) -> tuple[NamedMeasure, ...]:
    """The outage as it was, where no rollback but the restore ended it."""
    until = result.measures.outage_until_restore
    if until is None:
        return ()
    words = "Outage until the restore"
    return (NamedMeasure("outage", words, "Until the restore", "impact", "restore", until, None, ""),)


def _shown_time(result: Result) -> tuple[float, float]:
    """From a little before the break to a little after the last instant; to the end where recovery is missing."""
    moments = [instant.moment for instant in named_instants(result)]
    low = min(moment.earliest for moment in moments)
    high = max(moment.latest for moment in moments) if result.instants.recovered else result.run.duration_seconds
    room = max((high - low) * 0.06, 0.2)
    return max(0.0, low - room), min(max(result.run.duration_seconds, high), high + room)


def _phases(phases: Sequence[PhaseSpan], time: Scale, top: float) -> list[ET.Element]:
    drawn = []
    for index, phase in enumerate(phases):
        left, right = time.at(phase.start), time.at(phase.end)
        if right - left < 0.5:
            continue
        tip = f"{phase.phase}: {format_seconds(phase.end - phase.start)}"
        drawn.append(rect(left, top, right, top + _BAND, f"phase phase-{index % 2}", tip=tip))
        if text_width(phase.phase) + 10 <= right - left:
            drawn.append(text((left + right) / 2, top + 17, phase.phase, "label phase-label", "middle"))
    return drawn


def _ticks(time: Scale, top: float, axis: float, width: float) -> list[ET.Element]:
    moments = time_ticks(time.low, time.high, 5 if width < _NARROW else 10)
    fine = len(moments) > 1 and moments[1] - moments[0] < 1
    drawn = [line(time.start, axis, time.end, axis, "axis")]
    for moment in moments:
        drawn.append(line(time.at(moment), top, time.at(moment), axis, "grid"))
        drawn.append(text(time.at(moment), axis + 15, clock_text(moment, fine), "tick", "middle"))
    return [*drawn, text(time.end, axis + 30, "time since the run began", "tick", "end")]


def _bar(named: NamedMeasure, result: Result, time: Scale, top: float, width: float) -> list[ET.Element]:
    start = getattr(result.instants, named.start)
    if not start or not named.measure:
        return []
    left = time.at(start.seconds)
    right = max(time.at(start.seconds + named.measure.seconds), left + 2)
    words = f"{named.short if width < _NARROW else named.words} {named.value}"
    space, middle = text_width(words) + 6, top + _ROW / 2
    kind = f"bar bar-{named.name}"
    bar = rect(left, middle - _BAR / 2, right, middle + _BAR / 2, kind, tip=f"{words}, {named.bounds}", radius=3)
    if left + space + 6 <= right:
        return [bar, text(left + 7, middle + 4, words, "label on-bar")]
    if right + space <= width:
        return [bar, text(right + 6, middle + 4, words, "label measured")]
    if left - space >= 0:
        return [bar, text(left - 6, middle + 4, words, "label measured", "end")]
    return [bar, text(width, middle + 4, words, "label measured", "end")]


def _description(result: Result) -> str:
    moments = [f"{i.words} at {format_seconds(i.moment.seconds)}" for i in _marked(result)]
    times = [f"{m.words.lower()} {m.value}" for m in named_measures(result) if m.measure]
    return f"Since the run began: {', '.join(moments)}. Measured: {', '.join(times) or 'nothing'}."
