"""SVG as text. Colours come from the page's style sheet, by class, so that pictures follow light and dark."""

from __future__ import annotations

import unicodedata
from xml.etree import ElementTree as ET

FONT_SIZE = 12.0
_CHARACTER_WIDTH = 0.56  # of the font's size; an average over Latin text in the usual sans-serif faces

Attribute = str | float


def element(tag: str, *children: ET.Element | str, **attributes: Attribute) -> ET.Element:
    """Return an element. `class_` becomes `class`, `_` in names `-`; numbers get two decimals at most."""
    made = ET.Element(tag, {name.rstrip("_").replace("_", "-"): _text(value) for name, value in attributes.items()})
    for child in children:
        if not isinstance(child, str):
            made.append(child)
        elif len(made):
            made[-1].tail = (made[-1].tail or "") + child
        else:
            made.text = (made.text or "") + child
    return made


def number(value: float) -> str:
    """Return a coordinate: two decimals at most, never `-0`."""
    return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")


def _text(value: Attribute) -> str:
    return value if isinstance(value, str) else number(value)


def picture(name: str, size: tuple[float, float], title: str, description: str, *children: ET.Element) -> str:
    """Return a whole `<svg>` that screen readers announce by title and description. `name` is unique in the page."""
    svg = element(
        "svg",
        element("title", title, id=f"{name}-title"),
        element("desc", description, id=f"{name}-desc"),
        *children,
        xmlns="http://www.w3.org/2000/svg",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        class_="picture",
    )
    return ET.tostring(svg, encoding="unicode")


def text(x: float, y: float, content: str, class_: str = "label", anchor: str = "start") -> ET.Element:
    """Return a line of text with its baseline at `y`."""
    return element("text", content, x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> ET.Element:
    """Return a straight line."""
    return element("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def rect(x1: float, y1: float, x2: float, y2: float, class_: str, *, tip: str = "", radius: float = 0) -> ET.Element:
    """Return the rectangle between two corners, with a tooltip where one is given."""
    made = element("rect", x=x1, y=y1, width=max(0.0, x2 - x1), height=max(0.0, y2 - y1), class_=class_)
    if radius:
        made.set("rx", number(radius))
    if tip:
        made.append(element("title", tip))
    return made


def text_width(content: str, size: float = FONT_SIZE) -> float:
    """Return about how wide `content` is in pixels, rather too wide than too narrow."""
    return size * sum(1.0 if unicodedata.east_asian_width(c) in "WF" else _CHARACTER_WIDTH for c in content)


def shortened(content: str, width: float, size: float = FONT_SIZE) -> str:
    """Return `content`, its middle left out where it would be wider than `width` pixels."""
    if text_width(content, size) <= width:
        return content
    kept = len(content)
    while kept > 2 and text_width(content[: kept - kept // 2] + "…" + content[-(kept // 2) :], size) > width:
        kept -= 1
    return content[: kept - kept // 2] + "…" + content[-(kept // 2) :]
