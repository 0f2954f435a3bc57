"""What WeasyPrint does not do by itself: the page's style sheet applies to the pictures in it."""

from __future__ import annotations

from typing import Any

import cssselect2
import pytest
import tinyhtml5

from flowdrill.edges.pdf.picture_styles import give_pictures_their_styles


def styled(style: str, picture: str = '<rect class="bar"/>', around: str = "") -> Any:
    """The first element of the picture in a page with this style sheet."""
    page = f'<style>{style}</style><div class="{around}"><svg class="picture">{picture}</svg></div>'
    root = tinyhtml5.parse(page, namespace_html_elements=False)
    give_pictures_their_styles(cssselect2.ElementWrapper.from_html_root(root))
    svg = next(root.iter("{http://www.w3.org/2000/svg}svg"))
    return svg, list(svg)[-1]


@pytest.mark.parametrize(
    ("style", "fill"),
    [
        (".bar { fill: red }", "red"),
        (".picture rect { fill: blue } .bar { fill: red }", "blue"),
        (".bar { fill: red !important } .picture .bar { fill: blue }", "red"),
        (":root { --good: #123456 } .bar { fill: var(--good) }", "#123456"),
        (":root { --a: var(--b); --b: green } .bar { fill: var(--a) }", "green"),
        (".bar { fill: var(--none, orange) }", "orange"),
        (".bar { fill: var(--none) }", None),
        (":root { --a: var(--a) } .bar { fill: var(--a) }", None),
        (":root { --a: light-dark(#fff, #000) } .bar { fill: var(--a) }", "#fff"),
        (".bar { fill: red } @media print { .bar { fill: blue } }", "blue"),
        (".bar { fill: red } @media screen { .bar { fill: blue } }", "red"),
        (".bar { fill: red } @media (max-width: 640px) { .bar { fill: blue } }", "red"),
        (".bar { fill: red } @media screen and (prefers-color-scheme: dark) { .bar { fill: blue } }", "red"),
        (".around .bar { fill: red } .elsewhere .bar { fill: blue }", "red"),
        (".around { color: #abc } .bar { fill: currentColor }", "#abc"),
        (".around { --tone: teal; color: var(--tone) } .bar { fill: currentcolor }", "teal"),
        (".bar:::x { fill: blue } .bar { fill: red }", "red"),
        (".bar::before { fill: blue }", None),
    ],
)
def test_a_shape_has_the_fill_that_a_browser_would_print(style: str, fill: str | None) -> None:
    _, bar = styled(style, around="around")
    assert bar.get("fill") == fill


def test_a_pictures_own_style_sheet_is_read_once_and_as_for_print() -> None:
    own = "<style>.bar { fill: red } @media screen { .bar { fill: blue } }</style>"
    svg, bar = styled("", f'{own}<rect class="bar"/>')
    assert bar.get("fill") == "red"
    assert not svg[0].text


@pytest.mark.parametrize(
    ("font", "parts"),
    [
        ("600 13px system-ui, sans-serif", ("13px", "600", "normal", "system-ui,sans-serif")),
        ("italic bold 9pt/1.5 'Some Face'", ("9pt", "bold", "italic", '"Some Face"')),
        ("12px sans-serif", ("12px", "normal", "normal", "sans-serif")),
    ],
)
def test_a_fonts_weight_is_not_its_size(font: str, parts: tuple[str, ...]) -> None:
    _, text = styled(f"text {{ font: {font} }}", "<text>x</text>")
    assert tuple(text.get(f"font-{name}") for name in ("size", "weight", "style", "family")) == parts


def test_a_halo_does_not_hide_its_text() -> None:
    _, text = styled("text { paint-order: stroke; stroke: white; stroke-width: 3px; fill: black }", "<text>x</text>")
    assert text.get("stroke") == "none"
    assert text.get("fill") == "black"


def test_whether_a_picture_is_shown_is_left_to_the_page() -> None:
    svg, _ = styled(".picture { display: none; color: red }")
    assert svg.get("display") is None
    assert svg.get("color") == "red"


def test_what_is_written_on_an_element_comes_before_its_style_sheet() -> None:
    _, bar = styled(":root { --a: green } .bar { fill: red }", '<rect class="bar" style="fill: var(--a)"/>')
    assert bar.get("fill") == "green"
    assert bar.get("style") is None
