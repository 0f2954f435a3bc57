"""Which symptom a pod alone has shown, and when it was asked enough."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.symptoms import MOST_REQUESTS, asked_enough, reason_of, symptoms_seen
from flowdrill.model.outcome import Reason
from flowdrill.model.route import Route
from flowdrill.model.scenario import Symptom
from flowdrill.model.trial import TriedAnswer, TriedPod

GOOD = b'{"success": true, "result": "Answer v1"}'
R, S = Reason, Symptom


def pod(ready: float | None = 1.0, **more: Any) -> TriedPod:
    return TriedPod(ready_after_seconds=ready, watched_seconds=1.0, **more)


def answers(*reasons: Reason) -> list[TriedAnswer]:
    return [TriedAnswer(reason=one, http_status=None, seconds=0.1, body="") for one in reasons]


@pytest.mark.parametrize(
    ("status", "body", "seconds", "reason"),
    [
        (200, GOOD, 0.1, R.GOOD),
        (200, GOOD, 2.1, R.TOO_SLOW),
        (500, GOOD, 2.1, R.HTTP_STATUS),
        (200, b'{"success": true, "result": "Other"}', 0.1, R.WRONG_ANSWER),
        (200, b'{"success": false, "result": "Answer v1"}', 0.1, R.FLOW_ERROR),
        (200, b"<html>", 0.1, R.MALFORMED),
        (None, b"", 0.1, R.CONNECTION),
    ],
)
def test_an_answer_is_judged_by_what_it_says_and_then_by_its_time(
    status: int | None, body: bytes, seconds: float, reason: Reason
) -> None:
    assert reason_of(Route.LFX_RUN, status, body, "Answer v1", seconds, 2.0) is reason


@pytest.mark.parametrize(
    ("reasons", "seen"),
    [
        ([], (S.NOTHING,)),
        ([R.GOOD, R.GOOD], (S.NOTHING,)),
        ([R.GOOD, R.HTTP_STATUS], (S.BAD_ANSWERS,)),
        ([R.FLOW_ERROR, R.WRONG_ANSWER, R.MALFORMED], (S.BAD_ANSWERS,)),
        ([R.TOO_SLOW], (S.SLOW_ANSWERS,)),
        ([R.NO_ANSWER], (S.SLOW_ANSWERS,)),
        ([R.CONNECTION, R.GOOD], (S.NO_SERVICE,)),
        ([R.TOO_SLOW, R.HTTP_STATUS, R.CONNECTION], (S.NO_SERVICE, S.BAD_ANSWERS, S.SLOW_ANSWERS)),
    ],
)
def test_every_symptom_that_was_seen_is_named_the_worst_first(reasons: list[Reason], seen: tuple[Symptom, ...]) -> None:
    assert symptoms_seen(pod(), answers(*reasons)) == seen


def test_no_answer_from_a_container_that_ended_is_no_service() -> None:
    assert symptoms_seen(pod(ended="Error (exit code 1)"), answers(R.NO_ANSWER)) == (S.NO_SERVICE,)


def test_a_container_that_ended_although_every_answer_was_good_hit_nobody() -> None:
    assert symptoms_seen(pod(ended="Error (exit code 1)"), answers(R.GOOD)) == (S.NOTHING,)


def test_a_pod_that_was_never_ready_stalls_the_rollout() -> None:
    assert symptoms_seen(pod(None), []) == (S.STALLED_ROLLOUT,)


@pytest.mark.parametrize(
    ("reasons", "enough"),
    [
        ([], False),
        ([R.GOOD] * (MOST_REQUESTS - 1), False),
        ([R.GOOD] * MOST_REQUESTS, True),
        ([R.HTTP_STATUS] * 4, False),
        ([R.HTTP_STATUS] * 5, True),
        ([*[R.GOOD] * 9, R.HTTP_STATUS, R.GOOD], False),
        ([*[R.GOOD] * 9, R.HTTP_STATUS, R.GOOD, R.GOOD], True),
    ],
)
def test_it_is_asked_until_a_few_requests_after_a_bad_answer(reasons: list[Reason], enough: bool) -> None:
    assert asked_enough(answers(*reasons)) is enough
