"""The instants in a picture: a labelled line each, labels in rows so that none touches another."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from flowdrill.model.quantity import format_seconds
from flowdrill.report.scale import Scale
from flowdrill.report.svg import line, rect, text, text_width
from flowdrill.report.words import NamedInstant

ROW_HEIGHT = 17.0
_GAP = 8.0


def label_rows(starts: Sequence[float], widths: Sequence[float]) -> tuple[int, ...]:
    """Return each label's row, 0 at the bottom, for labels that begin at ascending `starts`.

    A label stands above every later one that begins within its width: so no two share a place, and no later label's
    line, which runs down from its own row, crosses an earlier label.
    """
    rows: list[int] = [0] * len(starts)
    for i in reversed(range(len(starts))):
        end = starts[i] + widths[i] + _GAP
        rows[i] = max((rows[j] + 1 for j in range(i + 1, len(starts)) if starts[j] < end), default=0)
    return tuple(rows)


def in_order(instants: Sequence[NamedInstant]) -> tuple[NamedInstant, ...]:
    """Return the instants by time, those of the same moment in the order of design."""
    return tuple(sorted(instants, key=lambda instant: instant.moment.seconds))


def rows_height(instants: Sequence[NamedInstant], time: Scale) -> float:
    """Return the height that the labels need."""
    return (max(_rows(in_order(instants), time), default=-1) + 1) * ROW_HEIGHT


def overhang(instants: Sequence[NamedInstant], time: Scale) -> float:
    """Return by how many pixels the widest label sticks out to the right of the scale."""
    return max((time.at(i.moment.seconds) + text_width(i.words) + _GAP - time.end for i in instants), default=0.0)


def marks(instants: Sequence[NamedInstant], time: Scale, top: float, bottom: float) -> list[ET.Element]:
    """Return, for every instant, its interval shaded (but for those that a watch told), its line and its label, from
    `top` (the labels' rows) down."""
    ordered = in_order(instants)
    lowest = top + rows_height(instants, time)
    drawn = []
    for instant, row in zip(ordered, _rows(ordered, time), strict=True):
        x, moment = time.at(instant.moment.seconds), instant.moment
        label_top = lowest - (row + 1) * ROW_HEIGHT
        bounds = f"{format_seconds(moment.earliest)} to {format_seconds(moment.latest)} after the run began"
        tip = f"{instant.words}: {bounds}"
        if moment.seconds < moment.latest:  # else a watch told it, at once: what lay before is no doubt, only silence
            drawn.append(rect(time.at(moment.earliest), lowest, time.at(moment.latest), bottom, "interval", tip=tip))
        drawn += [
            line(x, label_top + 2, x, bottom, "instant"),
            text(x + 4, label_top + 12, instant.words, "label instant-label"),
        ]
    return drawn


def _rows(ordered: Sequence[NamedInstant], time: Scale) -> tuple[int, ...]:
    starts = [time.at(instant.moment.seconds) for instant in ordered]
    return label_rows(starts, [text_width(instant.words) for instant in ordered])
