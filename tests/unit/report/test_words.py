"""The reports' vocabulary: what is missing says why, and names are plain words."""

from __future__ import annotations

import pytest

from flowdrill.model.events import End
from flowdrill.model.noticed import Detection
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Rollback
from flowdrill.model.status import Status
from flowdrill.report.detection_words import detection_sentence, time_to_detect_words
from flowdrill.report.objective_gauge import render_gauge
from flowdrill.report.words import drilled_sentence, named_measures, reasons_in_words
from tests.unit.report import sample_reports
from tests.unit.report.sample_parts import assessed, measure, moment
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


def test_a_detector_before_users_were_hit_says_from_when_its_time_counts() -> None:
    report = sample_reports.passing()
    broken, impact = report.result.instants.broken, report.result.instants.impact
    assert broken is not None
    assert impact is not None
    at = moment(broken.seconds + 2.0, 0.0005)
    early = Detection(
        detector="kubernetes", at=at, time_to_detect=measure(broken, at), newest_outcome=None, statistic=None,
        threshold=None, triggers=False,
    )  # fmt: skip
    said = detection_sentence(changed(report, detections=(early,)).result)
    assert said is not None
    assert "kubernetes 2.00 s after the break, before users were hit" in said
    assert time_to_detect_words(early, impact).startswith("2.00 s after the break (between ")
    never_hit = report.result.instants.model_copy(update={"impact": None})
    assert "kubernetes 2.00 s after the break;" in str(
        detection_sentence(changed(report, detections=(early,), instants=never_hit).result)
    )


def test_answers_that_were_bad_before_the_impact_are_no_detection_from_the_break() -> None:
    report = sample_reports.passing()
    impact = report.result.instants.impact
    assert impact is not None
    at = moment(impact.seconds - 5.0, 0.0005)
    early = report.result.detections[0].model_copy(update={"at": at, "time_to_detect": measure(impact, at)})
    measures = report.result.measures.model_copy(update={"time_to_detect": measure(impact, at)})
    instants = report.result.instants.model_copy(update={"detected": at})
    wrong = changed(report, detections=(early,), measures=measures, instants=instants)
    assert "e-detector 5.00 s before users were hit" in str(detection_sentence(wrong.result))
    detect = named_measures(wrong.result)[0]
    assert (detect.start, detect.end) == ("impact", "detected")
    assert render_gauge(detect) == ""


def test_only_what_was_rolled_back_is_said_to_be() -> None:
    report = sample_reports.passing()
    served = assessed("candidate_serves", Status.FAIL, "as before", "no")
    refused = changed(report, checks=(served,), rollback=None)
    assert drilled_sentence(refused).endswith("under 20 requests per second.")
    taken = Rollback(strategy="set-image", how="", by=None)
    assert drilled_sentence(changed(report, checks=(served,), rollback=taken)).endswith(", and rolled back.")
