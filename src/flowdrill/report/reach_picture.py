"""The brake's length as a picture: a line from now backwards, one sign a version, green as far as a rollback reaches.

A sign is a shape as well as a colour: a square for what runs now, a disc where all holds, a triangle where somebody
should look, a diamond where something is not known, a cross where it does not hold. The picture brings its style along:
it is shown in reports and on its own.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from flowdrill.model.reach import Reach, ReachRow
from flowdrill.model.status import Status
from flowdrill.report.reach_text import reach_sentence, short_name
from flowdrill.report.safe_text import visible_text
from flowdrill.report.svg import element, line, number, picture, shortened, text, text_width

_ROW = 44.0
_TOP = 22.0
_LINE = 16.0  # where the line from now backwards runs
_WORDS = 40.0
_SIZE = 8.0  # of a sign, from its middle to its border
_MOST_ROWS = 30
_STYLE = """
.picture .reach-line { stroke: #b9c3cf; stroke-width: 3; }
.picture .reach-good { stroke: #2e7d46; stroke-width: 7; stroke-linecap: round; }
.picture .reach-sign { stroke: #ffffff; stroke-width: 1.5; }
.picture .reach-name { font: 600 13px system-ui, sans-serif; fill: #17202b; }
.picture .reach-why { font: 12px system-ui, sans-serif; fill: #566372; }
.picture .reach-now { fill: #17202b; }
.picture .reach-pass { fill: #2e7d46; }
.picture .reach-warning { fill: #8a6400; }
.picture .reach-unknown { fill: #566372; }
.picture .reach-fail { fill: #b8430f; }
@media screen and (prefers-color-scheme: dark) {
  .picture .reach-line { stroke: #3c4858; }
  .picture .reach-good { stroke: #4fae6d; }
  .picture .reach-sign { stroke: #10151b; }
  .picture .reach-now, .picture .reach-name { fill: #e7ecf2; }
  .picture .reach-pass { fill: #4fae6d; }
  .picture .reach-warning { fill: #e6bd55; }
  .picture .reach-unknown, .picture .reach-why { fill: #9fadbd; }
  .picture .reach-fail { fill: #f69a70; }
}
"""


def render_reach_picture(reach: Reach, width: float) -> str:
    """Return an SVG `width` pixels wide, or "" when no version is known. The nearest version that holds is always
    shown; of the older ones as many as there is room for."""
    if not reach.rows:
        return ""
    last = max(_MOST_ROWS, 1 + (reach.rows.index(reach.nearest) if reach.nearest is not None else 0))
    shown, hidden = reach.rows[:last], len(reach.rows) - last
    bottom = _TOP + (len(shown) - 1) * _ROW
    more = [text(_WORDS, bottom + _ROW, f"… and {hidden} older", "reach-why")] if hidden > 0 else []
    return picture(
        f"reach-{width:.0f}",
        (width, bottom + (_ROW * 1.5 if more else _ROW * 0.75)),
        "How far back this workload can be rolled",
        reach_sentence(reach),
        element("style", _STYLE),
        line(_LINE, _TOP, _LINE, bottom + (_ROW if more else 0), "reach-line"),
        *_reached(reach, shown),
        *(piece for place, row in enumerate(shown) for piece in _version(row, _TOP + place * _ROW, width)),
        *more,
    )


def _reached(reach: Reach, shown: tuple[ReachRow, ...]) -> list[ET.Element]:
    if reach.nearest is None:
        return []
    return [line(_LINE, _TOP, _LINE, _TOP + shown.index(reach.nearest) * _ROW, "reach-good")]


def _version(row: ReachRow, middle: float, width: float) -> list[ET.Element]:
    room = width - _WORDS
    name = shortened(f"{short_name(row)}{' · runs now' if row.current else ''}", room, 13)
    why = text(_WORDS, middle + 15, shortened(_why(row), room), "reach-why")
    if text_width(_why(row)) > room:
        why.append(element("title", _why(row)))
    return [_sign(row, middle), text(_WORDS, middle, name, "reach-name"), why]


def _why(row: ReachRow) -> str:
    """What matters most of it, on one line."""
    said = row.obstacles or row.warnings
    if said and not row.current:
        return visible_text("; ".join(f"{one.aspect}: {one.words}" for one in said), 400)
    if row.verified is not None:
        return visible_text(f"verified stable since {row.verified.verified_at}", 400)
    return visible_text(row.reference, 400)


def _sign(row: ReachRow, middle: float) -> ET.Element:
    status = row.worst
    kind = "now" if row.current else status.value
    sign = element("path", d=_shape(row, middle), class_=f"reach-sign reach-{kind}")
    sign.append(element("title", visible_text(f"{short_name(row)}: {_why(row)}", 500)))
    return sign


def _shape(row: ReachRow, middle: float) -> str:
    if row.current:
        return _polygon(middle, (-1, -1), (1, -1), (1, 1), (-1, 1))
    match row.worst:
        case Status.PASS:
            r = number(_SIZE)
            return f"M{number(_LINE - _SIZE)} {number(middle)}a{r} {r} 0 1 0 {number(2 * _SIZE)} 0" + (
                f"a{r} {r} 0 1 0 {number(-2 * _SIZE)} 0z"
            )
        case Status.WARNING:
            return _polygon(middle, (0, -1.1), (1.15, 0.9), (-1.15, 0.9))
        case Status.UNKNOWN:
            return _polygon(middle, (0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0))
        case Status.FAIL:
            a, b = 0.45, 1.1
            return _polygon(
                middle, (0, -a), (b - a, -b), (b, a - b), (a, 0), (b, b - a), (b - a, b),
                (0, a), (a - b, b), (-b, b - a), (-a, 0), (-b, a - b), (a - b, -b),
            )  # fmt: skip


def _polygon(middle: float, *corners: tuple[float, float]) -> str:
    points = (f"{number(_LINE + x * _SIZE)} {number(middle + y * _SIZE)}" for x, y in corners)
    return f"M{'L'.join(points)}z"
