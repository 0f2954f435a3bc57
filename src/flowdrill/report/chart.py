"""The run over time: requests good and bad, which version was served, latency; every instant marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from flowdrill.model.outcome import Reason
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import ChartBin, Report
from flowdrill.model.shown import ServingStep
from flowdrill.report.activity_words import marked_activities
from flowdrill.report.instant_marks import marks, overhang, rows_height
from flowdrill.report.scale import LogScale, Scale, clock_text, count_ticks, decades, time_ticks
from flowdrill.report.svg import element, line, number, picture, rect, text, text_width
from flowdrill.report.words import NamedInstant, named_instants, reason_words

_LEFT, _RIGHT, _FOOT = 50.0, 10.0, 36.0
_TITLE = 32.0
_NARROW = 600.0
_HEIGHTS = (160.0, 44.0, 110.0)
_REASONS = tuple(reason.name.lower() for reason in Reason if reason is not Reason.GOOD)


@dataclass(frozen=True, slots=True)
class _Panel:
    """One of the charts above one another: where it is, and its shared time axis."""

    time: Scale
    top: float
    bottom: float


def render_chart(report: Report, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" when no request was sent."""
    if not report.chart:
        return ""
    instants = _marked(report)
    low, high = report.chart[0].start, max(b.start + b.seconds for b in report.chart)
    time = Scale(low, high, _LEFT, width - _RIGHT)
    time = Scale(low, high, _LEFT, width - _RIGHT - max(0.0, overhang(instants, time)))
    tops = [rows_height(instants, time) + _TITLE]
    for height in _HEIGHTS[:-1]:
        tops.append(tops[-1] + height + _TITLE + 4)
    requests, served, latency = (_Panel(time, top, top + h) for top, h in zip(tops, _HEIGHTS, strict=True))
    limit = f"objective {format_seconds(report.latency_objective_seconds)}"
    return picture(
        f"chart-{width:.0f}",
        (width, latency.bottom + _FOOT),
        "Requests, pods that served them, and latency over time",
        _description(report),
        *_outage(report, time, requests.top, latency.bottom),
        *_time_axis(time, requests.top, latency.bottom, width),
        *_requests(report.chart, requests),
        *_serving(report.serving, served),
        *_latency(report, latency),
        *marks(instants, time, 0, latency.bottom),
        _head(requests, "Requests per second", ("good-ink", "■", "good"), *_reason_legend(report, width)),
        _head(
            served,
            "Pods that requests went to",
            ("good-ink", "■", "stable"),
            ("bad-ink", "■", "broken"),
            *((("other-ink", "■", "other"),) if any(step.other for step in report.serving) else ()),
        ),
        _head(latency, "Latency", ("p50-ink", "━", "p50"), ("p95-ink", "╍", "p95"), ("limit-ink", "┅", limit)),
    )


def _outage(report: Report, time: Scale, top: float, bottom: float) -> list[ET.Element]:
    impact, recovered = report.result.instants.impact, report.result.instants.recovered
    if not impact:
        return []
    end = time.at(recovered.seconds) if recovered else time.end
    return [rect(time.at(impact.seconds), top, end, bottom, "outage", tip="outage")]


def _time_axis(time: Scale, top: float, bottom: float, width: float) -> list[ET.Element]:
    moments = time_ticks(time.low, time.high, 5 if width < _NARROW else 12)
    fine = len(moments) > 1 and moments[1] - moments[0] < 1
    drawn = [line(time.at(moment), top, time.at(moment), bottom, "grid") for moment in moments]
    drawn += [text(time.at(moment), bottom + 15, clock_text(moment, fine), "tick", "middle") for moment in moments]
    return [*drawn, text(time.end, bottom + 31, "time since the run began", "tick", "end")]


def _head(panel: _Panel, title: str, *legend: tuple[str, str, str]) -> ET.Element:
    """The panel's title, followed by (class, sign, words) of its series; drawn last, over the instants' lines."""
    pieces: list[ET.Element | str] = [element("tspan", title, class_="title")]
    for kind, sign, words in legend:
        pieces += [element("tspan", sign, dx=12, class_=kind), f" {words}"]
    return element("text", *pieces, x=0, y=panel.top - 12, class_="label")


def _value_axis(panel: _Panel, ticks: list[tuple[float, str]]) -> list[ET.Element]:
    drawn = []
    for y, words in ticks:
        drawn.append(line(panel.time.start, y, panel.time.end, y, "axis" if y == panel.bottom else "grid"))
        drawn.append(text(panel.time.start - 6, y + 4, words, "tick", "end"))
    return drawn


def _bar(chart_bin: ChartBin, panel: _Panel, low_y: float, high_y: float) -> str:
    left, right = panel.time.at(chart_bin.start), panel.time.at(chart_bin.start + chart_bin.seconds)
    inner = max(right - left - (0.8 if right - left > 3 else 0), 0.4)
    return f"M{number(left)} {number(low_y)}V{number(high_y)}h{number(inner)}V{number(low_y)}z"


def _requests(bins: tuple[ChartBin, ...], panel: _Panel) -> list[ET.Element]:
    """Good ones below, bad ones on top of them, reason by reason in one order for the whole picture."""
    ticks = count_ticks(max((b.good + b.bad) / b.seconds for b in bins), 4)
    rate = Scale(0, ticks[-1] or 1, panel.bottom, panel.top)
    good = "".join(_bar(b, panel, rate.at(0), rate.at(b.good / b.seconds)) for b in bins if b.good)
    drawn = [
        *_value_axis(panel, [(rate.at(tick), f"{tick:g}") for tick in ticks]),
        element("path", d=good, class_="good"),
    ]
    below = [b.good for b in bins]
    for reason in reasons_in(bins):
        bars = []
        for index, b in enumerate(bins):
            number_of = _bad_of(b, reason)
            if number_of:
                low, high = below[index] / b.seconds, (below[index] + number_of) / b.seconds
                bars.append(_bar(b, panel, rate.at(low), rate.at(high)))
                below[index] += number_of
        drawn.append(
            element(
                "path", element("title", reason_words(reason)), d="".join(bars), class_=f"bad {reason_class(reason)}"
            )
        )
    return drawn


def reasons_in(bins: Sequence[ChartBin]) -> tuple[str, ...]:
    """Return why requests in the chart were bad, in the order in which they are stacked; "" stands for bad ones whose
    reason is not known."""
    found = {reason for b in bins for reason, count in b.bad_by_reason.items() if count}
    known = tuple(reason for reason in _REASONS if reason in found) + tuple(sorted(found - set(_REASONS)))
    return (*known, "") if any(_bad_of(b, "") for b in bins) else known


def _bad_of(chart_bin: ChartBin, reason: str) -> int:
    return chart_bin.bad_by_reason.get(reason, 0) if reason else chart_bin.bad - sum(chart_bin.bad_by_reason.values())


def reason_class(reason: str) -> str:
    """Return the class that gives a reason its colour."""
    return f"bad-{_REASONS.index(reason)}" if reason in _REASONS else "bad-0"


def _reason_legend(report: Report, width: float) -> list[tuple[str, str, str]]:
    """As many reasons as have room beside the title; the table of reasons has all."""
    legend, used = [], text_width("Requests per second  ■ good")
    for reason in reasons_in(report.chart):
        words = "bad" if not reason or width < _NARROW else reason.replace("_", " ")
        used += text_width(words) + 30
        if used > width:
            break
        legend.append((f"{reason_class(reason)}-ink", "■", words))
        if width < _NARROW:
            break
    return legend


def _serving(steps: Sequence[ServingStep], panel: _Panel) -> list[ET.Element]:
    """How many pods of each version a Service sent requests to, stacked, from step to step."""
    ticks = count_ticks(max((step.stable + step.broken + step.other for step in steps), default=1), 2)
    pods = Scale(0, ticks[-1] or 1, panel.bottom, panel.top)
    ends = [*(step.seconds for step in steps[1:]), panel.time.high] if steps else []
    drawn = _value_axis(panel, [(pods.at(tick), f"{tick:g}") for tick in ticks if tick == int(tick)])
    for step, end in zip(steps, ends, strict=True):
        left, right, below = panel.time.at(step.seconds), panel.time.at(end), 0
        for count, kind in ((step.stable, "good"), (step.broken, "bad"), (step.other, "other")):
            if count and right > left:
                tip = f"{count} of {_VERSIONS[kind]} from {format_seconds(max(step.seconds, 0.0))}"
                drawn.append(rect(left, pods.at(below + count), right, pods.at(below), kind, tip=tip))
                below += count
    return drawn


_VERSIONS = {"good": "the stable image", "bad": "the broken image", "other": "another image"}


def _latency(report: Report, panel: _Panel) -> list[ET.Element]:
    """On a logarithmic axis: a healthy answer and a request that waits for its time limit are far apart."""
    p50 = [(b, b.latency_p50_seconds) for b in report.chart]
    p95 = [(b, b.latency_p95_seconds) for b in report.chart]
    objective = report.latency_objective_seconds
    values = [max(value, 0.0001) for _, value in p50 + p95 if value is not None] + [objective]
    ticks = decades(min(values), max(values))
    scale = LogScale(ticks[0], ticks[-1], panel.bottom, panel.top)
    limit = scale.at(objective)
    return [
        *_value_axis(panel, [(scale.at(tick), _short_seconds(tick)) for tick in ticks]),
        line(panel.time.start, limit, panel.time.end, limit, "limit"),
        element("path", d=_steps(p50, panel, scale), class_="p50"),
        element("path", d=_steps(p95, panel, scale), class_="p95"),
    ]


def _steps(values: list[tuple[ChartBin, float | None]], panel: _Panel, scale: LogScale) -> str:
    """A line through the middles of the columns, broken where there is no value."""
    path, drawing = [], False
    for chart_bin, value in values:
        if value is not None:
            x = panel.time.at(chart_bin.start + chart_bin.seconds / 2)
            path.append(f"{'L' if drawing else 'M'}{number(x)} {number(scale.at(value))}")
        drawing = value is not None
    return "".join(path)


def _short_seconds(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"


def _marked(report: Report) -> tuple[NamedInstant, ...]:
    """Every instant of the drill, and what Chaos Toolkit did beside it."""
    return (*named_instants(report.result), *marked_activities(report.result))


def _description(report: Report) -> str:
    requests = report.result.requests
    instants = ", ".join(f"{i.words} at {format_seconds(i.moment.seconds)}" for i in _marked(report))
    return f"{requests.total} requests, {requests.bad} of them bad. Marked: {instants or 'no instant'}."
