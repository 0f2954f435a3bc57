"""The run over time: requests good and bad, the share of bad ones, latency; every instant marked."""

from __future__ import annotations

from dataclasses import dataclass
from xml.etree import ElementTree as ET

from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import ChartBin, Report
from flowdrill.report.instant_marks import marks, overhang, rows_height
from flowdrill.report.scale import LogScale, Scale, clock_text, count_ticks, decades, time_ticks
from flowdrill.report.svg import element, line, number, picture, rect, text
from flowdrill.report.words import named_instants

_LEFT, _RIGHT, _FOOT = 50.0, 10.0, 36.0
_TITLE = 32.0
_NARROW = 600.0
_HEIGHTS = (150.0, 70.0, 110.0)


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
    instants = named_instants(report.result)
    low, high = report.chart[0].start, max(b.start + b.seconds for b in report.chart)
    time = Scale(low, high, _LEFT, width - _RIGHT)
    time = Scale(low, high, _LEFT, width - _RIGHT - max(0.0, overhang(instants, time)))
    tops = [rows_height(instants, time) + _TITLE]
    for height in _HEIGHTS[:-1]:
        tops.append(tops[-1] + height + _TITLE + 4)
    requests, ratio, latency = (_Panel(time, top, top + h) for top, h in zip(tops, _HEIGHTS, strict=True))
    limit = f"objective {format_seconds(report.latency_objective_seconds)}"
    return picture(
        f"chart-{width:.0f}",
        (width, latency.bottom + _FOOT),
        "Requests, bad share and latency over time",
        _description(report),
        *_outage(report, time, requests.top, latency.bottom),
        *_time_axis(time, requests.top, latency.bottom, width),
        *_requests(report.chart, requests),
        *_bad_share(report.chart, ratio),
        *_latency(report, latency),
        *marks(instants, time, 0, latency.bottom),
        _head(requests, "Requests per second", ("good-ink", "■", "good"), ("bad-ink", "■", "bad")),
        _head(ratio, "Bad share of the answers"),
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
    ticks = count_ticks(max((b.good + b.bad) / b.seconds for b in bins), 4)
    rate = Scale(0, ticks[-1] or 1, panel.bottom, panel.top)
    good = "".join(_bar(b, panel, rate.at(0), rate.at(b.good / b.seconds)) for b in bins if b.good)
    bad = "".join(
        _bar(b, panel, rate.at(b.good / b.seconds), rate.at((b.good + b.bad) / b.seconds)) for b in bins if b.bad
    )
    return [
        *_value_axis(panel, [(rate.at(tick), f"{tick:g}") for tick in ticks]),
        element("path", d=good, class_="good"),
        element("path", d=bad, class_="bad"),
    ]


def _bad_share(bins: tuple[ChartBin, ...], panel: _Panel) -> list[ET.Element]:
    share = Scale(0, 1, panel.bottom, panel.top)
    known = [b for b in bins if b.good + b.bad]
    bars = "".join(_bar(b, panel, share.at(0), share.at(b.bad / (b.good + b.bad))) for b in known if b.bad)
    return [
        *_value_axis(panel, [(share.at(tick), f"{tick:.0%}".replace("%", " %")) for tick in (0, 0.5, 1)]),
        element("path", d=bars, class_="bad"),
    ]


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


def _description(report: Report) -> str:
    requests = report.result.requests
    instants = ", ".join(f"{i.words} at {format_seconds(i.moment.seconds)}" for i in named_instants(report.result))
    return f"{requests.total} requests, {requests.bad} of them bad. Marked: {instants or 'no instant'}."
