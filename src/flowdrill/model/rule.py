"""Threshold rules as teams write them, one line of text each:

    sequential
    bad_ratio > 5% over 1m [for 1m] [every 15s] [scrape 15s]
    bad_ratio > 1.44% over 1h and 5m …       both windows, as burn-rate rules have them
    p95 > 2s over 30s …                      a percentile of latency, p50 to p99.9

`for`: how long it must hold before it fires (default: not at all). `every`: how often it is evaluated (default: each
second). `scrape`: outcomes are counters that are seen at scrapes only, as Prometheus sees them (default: each outcome
is seen at once). The parts behind the windows may come in any order, each once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from flowdrill.model.quantity import duration_text, format_seconds, parse_duration_seconds, parse_ratio, ratio_text

SEQUENTIAL_TEXT = "sequential"
DEFAULT_EVERY_SECONDS = 1.0
_EXPECTED = "write it as `bad_ratio > 5% over 1m for 1m` or `p95 > 2s over 30s`"
_LONGEST_TEXT = 200
_LONGEST_WINDOW_SECONDS = 7 * 86400.0
_SHORTEST_STEP_SECONDS, _LONGEST_STEP_SECONDS = 0.1, 3600.0  # of `every` and `scrape`
_PERCENTILE = re.compile(r"p(\d{2}(?:\.\d{1,3})?)")
_LEAST_PERCENTILE, _GREATEST_PERCENTILE = Decimal(50), Decimal("99.9")
_MOST_SCRAPES = 50_000  # in a window
_TOKEN = re.compile(r"[<>=!]+|(?:[^\s<>=!%]+(?:\s*%)?)|%")


@dataclass(frozen=True, slots=True)
class SequentialRule:
    """flowdrill's own detector (`analysis/detector.py`), which needs no numbers."""

    def __str__(self) -> str:
        return SEQUENTIAL_TEXT


@dataclass(frozen=True, slots=True)
class BadRatio:
    """The share of bad requests among those whose fate became known in a window: more than `limit` of them."""

    limit: float

    @property
    def tolerated_ratio(self) -> float:
        """The share of requests that may be bad."""
        return self.limit

    def __str__(self) -> str:
        return f"bad_ratio > {ratio_text(self.limit)}"


@dataclass(frozen=True, slots=True)
class LatencyPercentile:
    """A nearest-rank percentile of latency (`percentile` 95.0 = p95): longer than `limit_seconds`. That is the same as
    more than 5 % of the requests taking longer."""

    percentile: float
    limit_seconds: float

    @property
    def tolerated_ratio(self) -> float:
        """The share of requests that may be slower than the limit."""
        return float((100 - Decimal(repr(self.percentile))) / 100)

    def __str__(self) -> str:
        return f"p{self.percentile:g} > {_duration(self.limit_seconds)}"


@dataclass(frozen=True, slots=True)
class ThresholdRule:
    """What must hold in each of its windows, for how long, and how often that is looked at."""

    measure: BadRatio | LatencyPercentile
    windows_seconds: tuple[float, ...]  # one or two
    for_seconds: float = 0.0
    every_seconds: float = DEFAULT_EVERY_SECONDS
    scrape_seconds: float | None = None  # None: every outcome is seen at once

    def __str__(self) -> str:
        parts = [f"{self.measure} over {' and '.join(_duration(window) for window in self.windows_seconds)}"]
        parts += [f"for {_duration(self.for_seconds)}"] if self.for_seconds else []
        parts += [f"every {_duration(self.every_seconds)}"] if self.every_seconds != DEFAULT_EVERY_SECONDS else []
        parts += [f"scrape {_duration(self.scrape_seconds)}"] if self.scrape_seconds is not None else []
        return " ".join(parts)


Rule = SequentialRule | ThresholdRule


def parse_rule(text: object) -> Rule:
    """Return the rule of one line; ValueError says what is wrong in it and what is expected."""
    if isinstance(text, str) and text.strip() == SEQUENTIAL_TEXT:
        return SequentialRule()
    return parse_threshold_rule(text)


def parse_threshold_rule(text: object) -> ThresholdRule:
    """Return the rule of one line, which must have a threshold; ValueError says what is wrong in it."""
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"needs a rule: {_EXPECTED}")
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"a rule has at most {_LONGEST_TEXT} characters, and this has {len(text)}: {_EXPECTED}")
    if text.strip() == SEQUENTIAL_TEXT:
        raise ValueError("needs no `sequential`: that detector runs in every drill")
    tokens = iter(_TOKEN.findall(text))
    measure = _measure(tokens)
    windows, following = _windows(tokens)
    options = _options(following, tokens)
    rule = ThresholdRule(
        measure=measure,
        windows_seconds=windows,
        for_seconds=options.get("for", 0.0),
        every_seconds=options.get("every", DEFAULT_EVERY_SECONDS),
        scrape_seconds=options.get("scrape"),
    )
    _require_possible(rule)
    return rule


def unseen_because(rule: Rule, latency_objective_seconds: float) -> str | None:
    """Return why a drill cannot evaluate the rule, or None: a request that has passed the latency objective is bad, and
    followed no further."""
    if isinstance(rule, ThresholdRule) and isinstance(rule.measure, LatencyPercentile):
        limit = rule.measure.limit_seconds
        if limit > latency_objective_seconds:
            return (
                f"a limit of {format_seconds(limit)} is above load.latency_objective "
                f"({format_seconds(latency_objective_seconds)}), at which requests are no longer followed: "
                "raise the objective, or lower the limit"
            )
    return None


def _measure(tokens: Iterator[str]) -> BadRatio | LatencyPercentile:
    name, sign, limit = (next(tokens, "") for _ in range(3))
    percentile = _PERCENTILE.fullmatch(name)
    if name != "bad_ratio" and percentile is None:
        raise ValueError(f"begins with bad_ratio or a percentile such as p95, not {_shown(name)}: {_EXPECTED}")
    if sign != ">":
        raise ValueError(f"needs `>` behind {name}, not {_shown(sign)}: {_EXPECTED}")
    if percentile is None:
        ratio = _parsed(parse_ratio, limit, "the limit of bad_ratio")
        if ratio >= 1:
            raise ValueError("the limit of bad_ratio must be below 100%: no more than all requests can be bad")
        return BadRatio(ratio)
    wanted = Decimal(percentile[1])
    if not _LEAST_PERCENTILE <= wanted <= _GREATEST_PERCENTILE:
        raise ValueError(f"a percentile lies between p50 and p99.9, and is {name}")
    seconds = _parsed(parse_duration_seconds, limit, f"the limit of {name}")
    if seconds <= 0:
        raise ValueError(f"the limit of {name} must be longer than nothing")
    return LatencyPercentile(float(wanted), seconds)


def _windows(tokens: Iterator[str]) -> tuple[tuple[float, ...], str]:
    """The windows, and the word that follows them ("" for none)."""
    word = next(tokens, "")
    if word != "over":
        raise ValueError(f"needs `over` and a window behind the limit, not {_shown(word)}: {_EXPECTED}")
    windows = [_parsed(parse_duration_seconds, next(tokens, ""), "the window behind `over`")]
    following = next(tokens, "")
    if following == "and":
        windows.append(_parsed(parse_duration_seconds, next(tokens, ""), "the window behind `and`"))
        following = next(tokens, "")
    return tuple(windows), following


def _options(word: str, tokens: Iterator[str]) -> dict[str, float]:
    found: dict[str, float] = {}
    while word:
        if word not in {"for", "every", "scrape"}:
            raise ValueError(f"does not know {_shown(word)}: behind the window come for, every and scrape")
        if word in found:
            raise ValueError(f"says `{word}` twice")
        found[word] = _parsed(parse_duration_seconds, next(tokens, ""), f"`{word}`")
        word = next(tokens, "")
    return found


def _require_possible(rule: ThresholdRule) -> None:
    for window in rule.windows_seconds:
        if not _SHORTEST_STEP_SECONDS <= window <= _LONGEST_WINDOW_SECONDS:
            raise ValueError(f"a window lies between 100ms and 7d, and is {_duration(window)}")
        if rule.scrape_seconds is not None and window < 2 * rule.scrape_seconds:
            raise ValueError(
                f"the window {_duration(window)} is shorter than two scrapes ({_duration(rule.scrape_seconds)} each): "
                "it would hold fewer than two samples at times, and then has no value"
            )
        if rule.scrape_seconds is not None and window > _MOST_SCRAPES * rule.scrape_seconds:
            raise ValueError(f"the window {_duration(window)} holds more than {_MOST_SCRAPES} scrapes")
    for name, seconds in (("every", rule.every_seconds), ("scrape", rule.scrape_seconds)):
        if seconds is not None and not _SHORTEST_STEP_SECONDS <= seconds <= _LONGEST_STEP_SECONDS:
            raise ValueError(f"`{name}` lies between 100ms and 1h, and is {_duration(seconds)}")


def _parsed(parse: Callable[[object], float], text: str, what: str) -> float:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{what} {error}") from error


def _shown(word: str) -> str:
    return repr(word[:30]) if word else "nothing"


def _duration(seconds: float) -> str:
    """What `parse_duration_seconds` reads as exactly `seconds`, as people write it: `1h30m`, `15s`, `250ms`."""
    if seconds != int(seconds):
        short = f"{seconds * 1000:.0f}ms"
        return short if seconds < 1 and parse_duration_seconds(short) == seconds else duration_text(seconds)
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = (f"{number}{unit}" for number, unit in ((hours, "h"), (minutes, "m"), (rest, "s")) if number)
    return "".join(parts) or "0s"


RuleLine = Annotated[
    ThresholdRule,
    PlainValidator(parse_threshold_rule),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string", "maxLength": _LONGEST_TEXT, "examples": ["bad_ratio > 5% over 1m for 1m"]}),
]
