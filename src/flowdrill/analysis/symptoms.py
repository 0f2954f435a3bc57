"""Which symptom is seen: by which bad answers it shows, and what a pod that was tried alone has shown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.analysis.answers import judged_answer
from flowdrill.model.outcome import Reason
from flowdrill.model.route import Route
from flowdrill.model.scenario import Symptom
from flowdrill.model.trial import TriedAnswer, TriedPod

REASONS_OF: dict[Symptom, tuple[Reason, ...]] = {
    Symptom.BAD_ANSWERS: (Reason.HTTP_STATUS, Reason.FLOW_ERROR, Reason.WRONG_ANSWER, Reason.MALFORMED),
    Symptom.SLOW_ANSWERS: (Reason.TOO_SLOW, Reason.NO_ANSWER),
    Symptom.NO_SERVICE: (Reason.CONNECTION, Reason.NO_ANSWER),
}
MOST_REQUESTS = 24  # of ones that fail three times in ten, 24 good ones in a row are one case in five thousand
_FEWEST_REQUESTS = 5
_AFTER_A_BAD_ONE = 2


def reason_of(
    route: Route, http_status: int | None, body: bytes, expect: str, seconds: float, latency_objective: float
) -> Reason:
    """Return why an answer is good or bad. None for `http_status`: the connection failed. An answer is judged by what
    it says first, and by its `seconds` then."""
    if http_status is None:
        return Reason.CONNECTION
    reason = judged_answer(route, http_status, body, expect)
    return Reason.TOO_SLOW if reason is Reason.GOOD and seconds > latency_objective else reason


def asked_enough(answers: Sequence[TriedAnswer]) -> bool:
    """Return whether more requests would show nothing new: some that followed a bad answer, or many good ones."""
    bad = next((number for number, one in enumerate(answers, 1) if one.reason is not Reason.GOOD), None)
    enough = MOST_REQUESTS if bad is None else max(_FEWEST_REQUESTS, bad + _AFTER_A_BAD_ONE)
    return len(answers) >= enough


def symptoms_seen(pod: TriedPod, answers: Sequence[TriedAnswer]) -> tuple[Symptom, ...]:
    """Return the symptoms that a pod alone has shown, worst first. A request without an answer is a slow one, unless
    the container has ended."""
    if pod.ready_after_seconds is None:
        return (Symptom.STALLED_ROLLOUT,)
    reasons = {one.reason for one in answers}
    if Reason.NO_ANSWER in reasons:
        reasons.add(Reason.CONNECTION if pod.ended is not None else Reason.TOO_SLOW)
        reasons.remove(Reason.NO_ANSWER)
    order = (Symptom.NO_SERVICE, Symptom.BAD_ANSWERS, Symptom.SLOW_ANSWERS)
    return tuple(one for one in order if reasons & set(REASONS_OF[one])) or (Symptom.NOTHING,)
