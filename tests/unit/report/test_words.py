"""The reports' vocabulary: what is missing says why, and names are plain words."""

from __future__ import annotations

import pytest

from flowdrill.model.events import End
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.report.words import named_measures, reasons_in_words
from tests.unit.report import sample_reports
from tests.unit.report.sample_reports import changed


def test_a_time_that_was_never_reached_shows_the_limit_and_the_reason() -> None:
    recover = named_measures(sample_reports.never_recovered().result)[2]
    assert (recover.value, recover.bounds) == ("> 5 min 00 s", "never recovered")


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (End.COMPLETED, "it was never detected"),
        (End.INTERRUPTED, "the run ended before this could be seen"),
        (None, "the run ended before this could be seen"),
        (End.UNSTEADY, "nothing was broken"),
    ],
)
def test_only_a_completed_run_says_never(end: End | None, why: str) -> None:
    report = changed(sample_reports.cut_off(), end=end, objectives=())
    assert named_measures(report.result)[0].bounds == why


def test_reasons_begin_with_plain_words() -> None:
    report = sample_reports.too_slow_to_recover()
    assert reasons_in_words(report.result) == ("Time to recover: 18.60 s (required: at most 1.00 s)",)
    assert reasons_in_words(changed(report, reasons=()).result) == (
        "At least one objective was missed or one check did not hold.",
    )


def test_quantities_of_every_size_read_well() -> None:
    assert [format_seconds(s) for s in (0, 0.0004, 0.34, 4500, 2_592_000)] == [
        *("0 ms", "0.4 ms", "340 ms", "1 h 15 min", "30 days")
    ]
    assert [format_ratio(r) for r in (0, 0.125, 0.99997, 1)] == ["0 %", "12.5 %", "99.997 %", "100 %"]
