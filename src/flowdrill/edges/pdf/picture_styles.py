"""Gives a page's pictures the styles that the page's style sheets have for them.

WeasyPrint draws inline SVG without the page's style sheets: all would be black. Of a picture's own one it knows
neither `@media` nor variables, and takes the weight of `font: 600 13px …` for its size. So what applies to each element
of a picture is looked up here, as a browser does for print, and written to the element itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import cssselect2
import tinycss2

_SVG = "{http://www.w3.org/2000/svg}"
_DRAWN = frozenset(
    (
        *("fill", "fill-opacity", "fill-rule", "opacity", "visibility", "display", "text-anchor", "letter-spacing"),
        *("stroke", "stroke-opacity", "stroke-width", "stroke-dasharray", "stroke-dashoffset", "stroke-linecap"),
        *("stroke-linejoin", "stroke-miterlimit", "font-family", "font-size", "font-style", "font-weight"),
        *("stop-color", "stop-opacity", "dominant-baseline", "marker-start", "marker-mid", "marker-end", "color"),
    )
)
_MOST_NESTED = 8  # of variables in variables


@dataclass(frozen=True, slots=True)
class _Around:
    """What an element has from those around it."""

    variables: Mapping[str, list[Any]] = field(default_factory=dict)
    color: str = "black"
    in_picture: bool = False


def give_pictures_their_styles(page: cssselect2.ElementWrapper) -> None:
    """Change the elements of all pictures in the page, whose own style sheets are taken out."""
    matcher = cssselect2.Matcher()
    sheets = [one for one in page.etree_element.iter() if one.tag in ("style", f"{_SVG}style")]
    for sheet in sheets:
        for rule in _rules(tinycss2.parse_stylesheet(sheet.text or "", skip_comments=True, skip_whitespace=True)):
            _add_rule(matcher, rule)
    _walk(page, matcher, _Around())
    for sheet in sheets:
        if sheet.tag == f"{_SVG}style":
            sheet.text = ""


def _rules(nodes: list[Any]) -> Iterator[Any]:
    """Those for print, without those that ask for a screen, a width or a colour scheme."""
    for node in nodes:
        if node.type == "qualified-rule":
            yield node
        elif node.type == "at-rule" and node.content is not None and _is_printed(node):
            yield from _rules(tinycss2.parse_rule_list(node.content, skip_comments=True, skip_whitespace=True))


def _is_printed(rule: Any) -> bool:
    if rule.lower_at_keyword != "media":
        return rule.lower_at_keyword in ("layer", "supports")
    media = tinycss2.serialize(rule.prelude).lower().split(",")
    return any(one.strip() in ("print", "all", "not screen") for one in media)


def _add_rule(matcher: cssselect2.Matcher, rule: Any) -> None:
    try:
        selectors = cssselect2.compile_selector_list(rule.prelude)
    except cssselect2.parser.SelectorError:
        return  # a browser leaves out what it does not know, too
    declarations = _declarations(rule.content)
    for selector in selectors:
        if selector.pseudo_element is None and not selector.never_matches:
            matcher.add_selector(selector, declarations)


def _declarations(content: Any) -> list[Any]:
    found = tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True)
    return [one for one in found if one.type == "declaration"]


def _walk(element: cssselect2.ElementWrapper, matcher: cssselect2.Matcher, around: _Around) -> None:
    drawn = element.etree_element
    declared = [one for *_, declarations in matcher.match(element) for one in declarations]
    declared += _declarations(drawn.get("style", ""))
    declared.sort(key=lambda one: one.important)  # stable: of equals the later one counts
    own = {one.name: one.value for one in declared if one.name.startswith("--")}
    variables = {**around.variables, **own} if own else around.variables
    texts = _texts([one for one in declared if not one.name.startswith("--")], variables)
    color = texts.get("color") or around.color
    color = around.color if color.lower() in ("inherit", "currentcolor") else color
    in_picture = around.in_picture or drawn.tag == f"{_SVG}svg"
    if in_picture:
        _draw(drawn, texts, color, outermost=not around.in_picture)
    inner = _Around(variables, color, in_picture)
    for child in element.iter_children():
        _walk(child, matcher, inner)


def _draw(element: Any, texts: Mapping[str, str | None], color: str, *, outermost: bool) -> None:
    styles = {name: text for name, text in texts.items() if text and name in _DRAWN}
    if (texts.get("paint-order") or "").startswith("stroke"):
        styles["stroke"] = "none"  # a halo: WeasyPrint would draw it over its text, not below
    if outermost:  # whether, and how, it is shown at all is the page's
        styles.pop("display", None)
        styles["color"] = color
    for name, text in styles.items():
        element.set(name, color if text.lower() == "currentcolor" else text)
    element.attrib.pop("style", None)


def _texts(declared: list[Any], variables: Mapping[str, list[Any]]) -> dict[str, str | None]:
    found: dict[str, str | None] = {}
    for one in declared:
        if one.lower_name == "font":
            found |= _font(_resolved(one.value, variables, _MOST_NESTED) or [])
        else:
            found[one.lower_name] = _text(one.value, variables)
    return found


def _font(tokens: list[Any]) -> dict[str, str | None]:
    """The parts of `font: italic 600 13px/1.5 family, family`; nothing where no size is in it (`inherit`)."""
    tokens = [one for one in tokens if one.type != "whitespace"]
    at = next((n for n, one in enumerate(tokens) if one.type in ("dimension", "percentage")), None)
    if at is None:
        return {}
    rest = tokens[at + 1 :]
    if rest and rest[0] == "/":
        rest = rest[2:]
    before = [str(tinycss2.serialize([one])).lower() for one in tokens[:at]]
    return {
        "font-size": str(tinycss2.serialize([tokens[at]])),
        "font-family": ",".join(str(tinycss2.serialize([one])) for one in rest if one != ","),
        "font-weight": next((one for one in before if one == "bold" or one.isdigit()), "normal"),
        "font-style": next((one for one in before if one in ("italic", "oblique")), "normal"),
    }


def _text(value: list[Any], variables: Mapping[str, list[Any]]) -> str | None:
    """A value as text, None where a variable in it has none."""
    tokens = _resolved(value, variables, _MOST_NESTED)
    return None if tokens is None else str(tinycss2.serialize(tokens)).strip()


def _resolved(value: list[Any], variables: Mapping[str, list[Any]], depth: int) -> list[Any] | None:
    found: list[Any] = []
    for token in value:
        if token.type == "function" and token.lower_name in ("var", "light-dark"):
            put = _put_in(token, variables)
            inner = None if put is None or not depth else _resolved(put, variables, depth - 1)
            if inner is None:
                return None
            found += inner
        else:
            found.append(token)
    return found


def _put_in(function: Any, variables: Mapping[str, list[Any]]) -> list[Any] | None:
    """What stands for `var(--name, else)`, and for `light-dark(light, dark)` on paper."""
    comma = next((n for n, one in enumerate(function.arguments) if one == ","), len(function.arguments))
    first = function.arguments[:comma]
    if function.lower_name == "light-dark":
        return list(first)
    name = str(tinycss2.serialize(first)).strip()
    fallback: list[Any] | None = function.arguments[comma + 1 :] or None
    return variables.get(name, fallback)
