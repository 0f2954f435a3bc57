"""The times of a drill from run to run: a mark a run with its bounds, the objective as a line, releases as lines."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from flowdrill.analysis.trends import TargetTrend
from flowdrill.model.history import HistoryRun, Timed, TimeOfRun
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Verdict
from flowdrill.report.scale import Scale, clock_text, count_ticks
from flowdrill.report.site_words import TIMED_WORDS, bounds_words, moment_words
from flowdrill.report.svg import element, line, number, picture, text, text_width

MOST_DRAWN = {True: 160, False: 40}  # runs of one picture; is it the wide one?
_LEFT, _RIGHT, _TOP, _FOOT = 58.0, 10.0, 24.0, 22.0
_TITLE, _BAND, _LANE = 30.0, 92.0, 20.0  # of each strip; the lane is for runs in which it was not measured
_STRIP = _TITLE + _BAND + _LANE
_NARROW = 600.0
_FAR = 4.0  # an objective so many times above everything measured would leave nothing to see of that
_DAY_WIDTH, _NUMBER_WIDTH = 100.0, 15.0
_SIZE, _CAP = 3.6, 2.5  # of a mark, and of the ends of its bounds where they are to be seen

Numbers = dict[int, int]  # the number of each release by the index of the run that it lies before


def release_numbers(trend: TargetTrend) -> Numbers:
    """Return the number of each release, from 1: several before one run have one number."""
    return {before: at for at, before in enumerate(sorted({one.before for one in trend.releases}), 1)}


def render_trend(trend: TargetTrend, numbers: Numbers, name: str, width: float) -> str:
    """Return an SVG `width` pixels wide of the newest runs. `name` is unique in the page."""
    left_out = max(0, len(trend.runs) - MOST_DRAWN[width >= _NARROW])
    runs = trend.runs[left_out:]
    step = (width - _LEFT - _RIGHT) / len(runs)
    columns = [_LEFT + step * (at + 0.5) for at in range(len(runs))]
    height = _TOP + len(Timed) * _STRIP + _FOOT
    marked = {before - left_out: at for before, at in numbers.items() if before >= left_out}
    return picture(
        f"{name}-{width:.0f}",
        (width, height),
        f"The times of {len(runs)} runs, the oldest on the left",
        ". ".join(_description(what, runs) for what in Timed),
        *_releases(marked, step, height),
        *(piece for at, what in enumerate(Timed) for piece in _strip(what, runs, columns, _TOP + at * _STRIP)),
        *_days(runs, columns, height),
    )


def _description(what: Timed, runs: Sequence[HistoryRun]) -> str:
    measured = [one for run in runs if (one := run.time(what).measure) is not None]
    told = f"{TIMED_WORDS[what]}: measured in {len(measured)} of {len(runs)} runs"
    if measured:
        seconds = [one.seconds for one in measured]
        told += f", from {format_seconds(min(seconds))} to {format_seconds(max(seconds))}"
    limit = runs[-1].time(what).at_most
    return told if limit is None else f"{told}; the objective is at most {format_seconds(limit)}"


def _strip(what: Timed, runs: Sequence[HistoryRun], columns: Sequence[float], top: float) -> list[ET.Element]:
    times = [run.time(what) for run in runs]
    measured = [time.measure for time in times if time.measure is not None]
    width = columns[-1] + columns[0] - _LEFT  # the last column is as far from the right as the first from the left
    band, axis = top + _TITLE, top + _TITLE + _BAND
    in_words = "" if width < _NARROW else "measured in "
    told = "" if len(measured) == len(times) else f", {in_words}{len(measured)} of {len(times)}"
    drawn = [text(0, top + 14, f"{TIMED_WORDS[what]}{told}", "title")]
    scale = _scale(times, band, axis)
    drawn += _ticks(scale, width)
    drawn += _objective(times, columns, scale, top)
    for time, run, x in zip(times, runs, columns, strict=True):
        drawn += _run(time, run, x, scale)
    return drawn


def _scale(times: Sequence[TimeOfRun], band: float, axis: float) -> Scale:
    """From 0, or from the smallest bound below it, to a round number above everything that is to be seen."""
    measured = [time.measure for time in times if time.measure is not None]
    highest = max((one.latest for one in measured), default=0.0)
    limits = [time.at_most for time in times if time.at_most is not None]
    near = [limit for limit in limits if limit <= _FAR * highest or not measured]
    high = count_ticks(max([highest, *near]) or 1.0, 3)[-1]
    return Scale(min([0.0, *(one.earliest for one in measured)]), high, axis, band)


def _ticks(scale: Scale, right: float) -> list[ET.Element]:
    drawn = [line(_LEFT, scale.start, right, scale.start, "axis")]
    for value in count_ticks(scale.high, 3):
        y = scale.at(value)
        drawn += [line(_LEFT, y, right, y, "grid")] if value else []
        drawn.append(text(_LEFT - 6, y + 4, _tick_text(value), "tick", "end"))
    return drawn


def _tick_text(seconds: float) -> str:
    if seconds >= 60:
        return clock_text(seconds)
    return f"{seconds * 1000:g} ms" if 0 < seconds < 1 else f"{seconds:g} s"


def _objective(times: Sequence[TimeOfRun], columns: Sequence[float], scale: Scale, top: float) -> list[ET.Element]:
    """A stretch for each run, joined where the objective stays what it was."""
    half, drawn = columns[0] - _LEFT, list[ET.Element]()
    begun = 0
    for at, time in enumerate(times):
        ends = at + 1 == len(times) or times[at + 1].at_most != time.at_most
        if ends and time.at_most is not None and time.at_most <= scale.high:
            y = scale.at(time.at_most)
            drawn.append(line(columns[begun] - half, y, columns[at] + half, y, "limit"))
        begun = at + 1 if ends else begun
    limit = times[-1].at_most
    if limit is not None:
        seen = limit <= scale.high
        words = f"{'' if seen else '↑ '}at most {format_seconds(limit)}"
        drawn.append(text(columns[-1] + half, top + 14, words, "tick limit-ink", "end"))
    return drawn


def _run(time: TimeOfRun, run: HistoryRun, x: float, scale: Scale) -> list[ET.Element]:
    tip = element("title", f"{moment_words(run)} UTC: {bounds_words(time)}, {run.verdict.value}")
    if time.measure is None:
        y = scale.start + _LANE / 2
        return [element("path", tip, d=_cross(x, y), class_="missing")]
    one, y = time.measure, scale.at(time.measure.seconds)
    ends = [scale.at(one.earliest), scale.at(one.latest)]
    caps = [line(x - _CAP, end, x + _CAP, end, "whisker") for end in ends] if abs(ends[0] - ends[1]) > 2 * _SIZE else []
    return [line(x, ends[0], x, ends[1], "whisker"), *caps, _mark(run.verdict, x, y, tip)]


def _mark(verdict: Verdict, x: float, y: float, tip: ET.Element) -> ET.Element:
    """A circle passed, a square failed, a diamond is not known: colour is never all that there is."""
    class_ = f"mark mark-{verdict.value}"
    if verdict is Verdict.PASS:
        return element("circle", tip, cx=x, cy=y, r=_SIZE - 0.4, class_=class_)
    if verdict is Verdict.FAIL:
        side = _SIZE - 0.4
        return element("rect", tip, x=x - side, y=y - side, width=2 * side, height=2 * side, class_=class_)
    size = _SIZE + 1
    corners = ((x, y - size), (x + size, y), (x, y + size), (x - size, y))
    return element("path", tip, d="M" + "L".join(f"{number(a)} {number(b)}" for a, b in corners) + "Z", class_=class_)


def _cross(x: float, y: float) -> str:
    a, b, c, d = (number(value) for value in (x - 3, y - 3, x + 3, y + 3))
    return f"M{a} {b}L{c} {d}M{c} {b}L{a} {d}"


def _releases(marked: Numbers, step: float, height: float) -> list[ET.Element]:
    drawn, free_from = list[ET.Element](), 0.0
    for before, at in sorted(marked.items()):
        x = _LEFT + step * before
        drawn.append(line(x, _TOP - 6, x, height - _FOOT, "release"))
        if x >= free_from:  # where there is no room the line says that there is one, and the table which
            drawn.append(text(x, _TOP - 10, str(at), "tick release-ink", "middle"))
            free_from = x + max(_NUMBER_WIDTH, text_width(str(at)) + 4)
    return drawn


def _days(runs: Sequence[HistoryRun], columns: Sequence[float], height: float) -> list[ET.Element]:
    """The days of some runs: of the first and the last, and of others where there is room."""
    last = len(runs) - 1
    spots = min(int((columns[-1] - columns[0]) / _DAY_WIDTH), last)
    chosen = sorted({round(last * spot / spots) for spot in range(spots + 1)}) if spots else [last]
    half = columns[0] - _LEFT  # from a column to the picture's border, for the first and the last
    sides = {0: "start", last: "end"} if half < _DAY_WIDTH / 2 else {}
    return [text(columns[at], height - 6, runs[at].day, "tick", sides.get(at, "middle")) for at in chosen]
