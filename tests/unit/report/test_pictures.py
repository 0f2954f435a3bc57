"""The pictures' geometry: scales, ticks, labels that do not touch, bars that begin where they should."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowdrill.model.measured import Measure
from flowdrill.model.result import Stage
from flowdrill.model.status import Status
from flowdrill.report.instant_marks import label_rows
from flowdrill.report.objective_gauge import render_gauge
from flowdrill.report.safe_text import visible_text
from flowdrill.report.scale import LogScale, Scale, clock_text, count_ticks, decades, time_ticks
from flowdrill.report.svg import number, shortened, text_width
from flowdrill.report.waterfall import stage_spans
from flowdrill.report.words import NamedMeasure
from tests.unit.report.sample_parts import assessed

labels = st.lists(st.tuples(st.floats(0, 1000), st.floats(1, 150)), max_size=8).map(sorted)


@given(labels)
def test_labels_in_one_row_never_touch(boxes: list[tuple[float, float]]) -> None:
    rows = label_rows([start for start, _ in boxes], [width for _, width in boxes])
    for row in set(rows):
        members = [box for box, of in zip(boxes, rows, strict=True) if of == row]
        assert all(start + width < later for (start, width), (later, _) in pairwise(members))


@given(labels)
def test_no_label_is_crossed_by_the_line_of_a_later_one(boxes: list[tuple[float, float]]) -> None:
    rows = label_rows([start for start, _ in boxes], [width for _, width in boxes])
    for i, (start, width) in enumerate(boxes):
        inside = [j for j in range(i + 1, len(boxes)) if start <= boxes[j][0] <= start + width]
        assert all(rows[j] < rows[i] for j in inside)


@given(st.floats(0.001, 1e7), st.integers(2, 10))
def test_count_ticks_reach_the_highest_value_and_are_few(high: float, most: int) -> None:
    ticks = count_ticks(high, most)
    assert ticks[0] == 0
    assert ticks[-1] >= high * (1 - 1e-6)
    assert len(ticks) <= most + 2


@given(st.floats(0, 10_000), st.floats(0.5, 100_000))
def test_time_ticks_lie_inside_and_are_few(low: float, span: float) -> None:
    ticks = time_ticks(low, low + span, 10)
    assert len(ticks) <= 11
    assert all(low - 1e-3 <= tick <= low + span + 1e-3 for tick in ticks)


def test_values_outside_a_scale_end_at_its_border() -> None:
    assert [Scale(0, 10, 100, 200).at(value) for value in (-5, 0, 5, 20)] == [100, 100, 150, 200]
    assert LogScale(0.01, 1, 100, 0).at(0.1) == pytest.approx(50)
    assert LogScale(0.01, 1, 100, 0).at(0) == 100
    assert Scale(3, 3, 0, 9).at(3) == 0


def test_decades_surround_their_values() -> None:
    assert decades(0.021, 2.0) == pytest.approx((0.01, 0.1, 1, 10))
    assert decades(1.0, 1.0) == pytest.approx((1, 10))


def test_ticks_are_read_as_a_clock() -> None:
    assert [clock_text(s) for s in (0, 45, 90, 3661)] == ["0:00", "0:45", "1:30", "1:01:01"]


def test_coordinates_are_short_and_never_minus_zero() -> None:
    assert [number(n) for n in (1.0, 1.236, -0.001, 100.0)] == ["1", "1.24", "0", "100"]


def test_a_long_name_loses_its_middle() -> None:
    short = shortened("langflow-flow-7d9c6b5f4-x2x8p", 100)
    assert short.startswith("langf")
    assert short.endswith("x2x8p")
    assert text_width(short) <= 100


def test_a_stage_begins_where_the_same_pods_last_stage_ended() -> None:
    reached = [
        ("accepted", None, 1.0),
        ("ready", "a", 3.0),
        ("ready", "b", 5.0),
        ("served", "a", 6.0),
        ("all", None, 7.0),
    ]
    stages = tuple(Stage(stage=s, pod=p, seconds=at, earliest=at, latest=at) for s, p, at in reached)
    assert [(span.stage.stage, span.begins) for span in stage_spans(stages)] == [
        ("accepted", 0.0),
        ("ready", 1.0),
        ("ready", 1.0),
        ("served", 3.0),
        ("all", 6.0),
    ]


def test_control_characters_become_signs_and_line_ends_become_spaces() -> None:
    assert visible_text(" a\x1b[2J\u202eb\r\n\tc\x7f\x9b ") == "a␛[2J⟨U+202E⟩b c␡⟨U+009B⟩"


@pytest.mark.parametrize(
    "code", [0x2065, 0xFFF0, 0xFDD0, 0xFFFE, 0x1FFFF, 0x10FFFF, 0x13438, 0x1343F, 0xE0001, 0xE0FFF]
)
def test_what_is_invisible_becomes_a_sign_whichever_unicode_knows_it(code: int) -> None:
    assert visible_text(f"a{chr(code)}b") == f"a⟨U+{code:04X}⟩b"


@pytest.mark.parametrize("code", [0x0CF3, 0x1E030, 0x31350, 0x1C89, 0x0378, 0xE0100])
def test_a_character_is_shown_as_it_is_whether_this_python_knows_it_or_not(code: int) -> None:
    """Some were assigned after Unicode 14, which Python 3.11 has; one never was."""
    assert visible_text(f"a{chr(code)}b") == f"a{chr(code)}b"


@pytest.mark.parametrize(
    ("seconds", "status", "said"),
    [
        (5.01, Status.FAIL, "101 % of the 5.00 s"),
        (4.999, Status.PASS, "99 % of the 5.00 s"),
        (1.45, Status.PASS, "29 % of the 5.00 s"),  # as a float 28.999999999999996 %
        (5.0, Status.PASS, "100 % of the 5.00 s"),
        (4.98, Status.UNKNOWN, "100 % of the 5.00 s"),
    ],
)
def test_a_missed_objective_reads_as_more_than_all_of_it_and_a_met_one_as_no_more(
    seconds: float, status: Status, said: str
) -> None:
    measure = Measure(seconds=seconds, earliest=seconds, latest=seconds)
    objective = assessed("outage", status, "at most 5 s", "", limit=5.0)
    assert said in render_gauge(
        NamedMeasure("outage", "Outage", "Outage", "impact", "recovered", measure, objective, "")
    )
