"""docs/repeats.md: what it says of numbers is so."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from flowdrill.analysis.order_statistics import largest_share, runs_for_median, runs_needed
from flowdrill.analysis.repeats import PoolOrder, repeats_of
from flowdrill.model.claim import Claimed, parse_claim
from flowdrill.report.repeats_text import render_repeats_text
from flowdrill.report.repeats_words import floor_percent
from tests.unit.analysis.test_repeats import run, took, within

PAGE = (Path(__file__).parents[2] / "docs" / "repeats.md").read_text(encoding="utf-8")
P95 = Fraction(95, 100)
TOOK = (17.3, 18.9, 17.1, 16.8, 21.4, 17.7, 18.2, 17.5)


def test_the_runs_that_are_needed_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert [int(runs) for _, runs in rows] == [runs_needed(int(misses), P95, P95) for misses, _ in rows]
    assert len(rows) == 6
    assert f"{floor_percent(largest_share(10, 10, P95))} for 10 of 10" in PAGE
    assert f"it takes {runs_for_median(P95)}\nruns" in PAGE


def test_every_claim_of_the_page_is_one() -> None:
    quoted = re.findall(r'--claim "([^"]+)"', PAGE)
    assert [parse_claim(one).what for one in quoted] == [Claimed.TIME_TO_RECOVER]
    for one in Claimed:
        assert f"`{one.value}" in PAGE


def test_what_the_page_shows_is_what_is_printed() -> None:
    runs = [run(n, took(within(seconds - 0.2, seconds + 0.2))) for n, seconds in enumerate(TOOK)]
    assert f"```\n{render_repeats_text(repeats_of(runs, PoolOrder()))}```\n" in PAGE
