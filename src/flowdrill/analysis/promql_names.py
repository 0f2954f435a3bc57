"""Which metrics a PromQL expression names. A scanner, not a parser: whether it is PromQL at all, Prometheus says."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_LONGEST = 50_000  # characters that are looked at
_TOKEN = re.compile(
    r"""(?P<comment>\#[^\n]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    |(?P<number>(?:\d|\.\d)[\w.]*)
    |(?P<name>[A-Za-z_:][\w:]*)
    |(?P<sign>=~|!~|!=|==|[^\s])""",
    re.VERBOSE,
)
_AGGREGATORS = frozenset(
    ("sum", "min", "max", "avg", "group", "stddev", "stdvar", "count", "count_values", "bottomk", "topk", "quantile")
)
_LABELS_FOLLOW = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
_WORDS = frozenset(["and", "or", "unless", "bool", "offset", "atan2", "inf", "nan"])


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def metric_names(expression: str) -> tuple[str, ...]:
    """Return the names of the metrics that a PromQL expression selects, each once, in their order; also those that
    stand as `{__name__="…"}` or `{"…"}`. What is picked by a pattern of names is none."""
    tokens = [
        _Token(str(match.lastgroup), match[0])
        for match in _TOKEN.finditer(expression[:_LONGEST])
        if match.lastgroup != "comment"
    ]
    found: dict[str, None] = {}
    at = 0
    while at < len(tokens):
        token, after = tokens[at], tokens[at + 1] if at + 1 < len(tokens) else _Token("", "")
        if token.text == "{":
            end = _closing(tokens, at, "}")
            found |= dict.fromkeys(_named_in_braces(tokens[at + 1 : end]))
            at = end
        elif token.text == "[":  # a range, or a range with its step: 1h:5m
            at = _closing(tokens, at, "]")
        elif token.kind == "name" and token.text.lower() in _LABELS_FOLLOW:
            at = _closing(tokens, at + 1, ")") if after.text == "(" else at
        elif token.kind == "name" and _is_metric(token.text, after):
            found[token.text] = None
        at += 1
    return tuple(found)


def _is_metric(name: str, after: _Token) -> bool:
    word = name.lower()
    if word in _WORDS or after.text == "(":  # a function, or an aggregation
        return False
    return not (word in _AGGREGATORS and after.text.lower() in ("by", "without"))


def _named_in_braces(tokens: Sequence[_Token]) -> list[str]:
    names = []
    for i, token in enumerate(tokens):
        before, after = (tokens[i - 1].text if i else ","), (tokens[i + 1].text if i + 1 < len(tokens) else ",")
        named = i >= 2 and before == "=" and tokens[i - 2].text == "__name__"
        alone = before == "," and after == ","
        if token.kind == "text" and (named or alone) and len(token.text) > 2:
            names.append(token.text[1:-1])
    return names


def _closing(tokens: Sequence[_Token], start: int, sign: str) -> int:
    """Where the next `sign` stands; the end when there is none."""
    return next((i for i in range(start, len(tokens)) if tokens[i].text == sign), len(tokens))
