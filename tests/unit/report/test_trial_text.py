"""What was tried, as it is printed."""

from __future__ import annotations

import json
from typing import Any

from flowdrill.model.outcome import Reason
from flowdrill.model.scenario import Symptom
from flowdrill.model.trial import Trial, TriedAnswer, TriedPod
from flowdrill.report.trial_text import render_trial

READY = TriedPod(ready_after_seconds=4.5, watched_seconds=4.5)


def trial(**changed: Any) -> Trial:
    whole: dict[str, Any] = {
        "scenario": "edge-missing", "declared": Symptom.BAD_ANSWERS, "seen": (Symptom.BAD_ANSWERS,),
        "as_declared": True, "seen_by_users": "500.", "seen_by_kubernetes": "Nothing.", "image": "r/app:t@sha256:1",
        "changes": ("removed an edge", "env A=b"), "pod": READY, "request": "POST /run", "answers": (),
        "took_seconds": 6.0,
    }  # fmt: skip
    return Trial(**whole | changed)


def answer(reason: Reason, status: int | None, seconds: float, body: str = "{}") -> TriedAnswer:
    return TriedAnswer(reason=reason, http_status=status, seconds=seconds, body=body)


def test_the_symptom_comes_first_and_what_it_rests_on_after_it() -> None:
    answers = (
        answer(Reason.GOOD, 200, 0.05),
        answer(Reason.HTTP_STATUS, 500, 0.02),
        answer(Reason.HTTP_STATUS, 500, 0.04),
    )
    assert render_trial(trial(answers=answers)) == (
        "edge-missing: bad-answers, as declared\n"
        "  image     r/app:t\n"
        "  changes   removed an edge\n"
        "            env A=b\n"
        "  pod       ready after 4.50 s\n"
        "  asked     POST /run: 3 requests, 2 bad\n"
        "      1 x 200  good: {} (50 ms)\n"
        "      2 x 500  HTTP status 400 or above: {} (20 ms to 40 ms)\n"
        "  declared  bad-answers: 500.\n"
        "  took      6.00 s\n"
    )


def test_another_symptom_than_the_declared_one_is_said_at_once() -> None:
    text = render_trial(trial(seen=(Symptom.NO_SERVICE, Symptom.SLOW_ANSWERS), as_declared=False))
    assert text.startswith("edge-missing: no-service, slow-answers, and the scenario declares bad-answers\n")


def test_a_crash_is_shown_with_its_exit_code_and_the_last_lines_of_the_log() -> None:
    pod = TriedPod(ready_after_seconds=None, watched_seconds=0.5, failed="Error (exit code 3)", log=("one", "two"))
    text = render_trial(trial(pod=pod, declared=Symptom.STALLED_ROLLOUT))
    assert "  pod       never ready: Error (exit code 3), after 500 ms\n  log       one\n            two\n" in text
    assert "  declared  stalled-rollout: Nothing.\n" in text
    assert "asked" not in text


def test_a_pod_that_had_its_time_may_still_get_ready() -> None:
    pod = TriedPod(ready_after_seconds=None, watched_seconds=12.0, says="Unhealthy: 404")
    text = render_trial(trial(pod=pod))
    assert "not ready within 12.00 s (--limit), and still running" in text
    assert "            the node says: Unhealthy: 404\n" in text


def test_a_container_that_ended_while_it_was_asked_and_what_was_left_are_shown() -> None:
    pod = TriedPod(ready_after_seconds=1.0, watched_seconds=1.0, ended="OOMKilled (exit code 137)")
    answers = (answer(Reason.CONNECTION, None, 0.1, "refused"),)
    text = render_trial(trial(pod=pod, answers=answers, notes=("a note",), left_behind=("namespace x",)))
    assert "then its container ended: OOMKilled (exit code 137)" in text
    assert "1 x ---  the connection was refused or broken: refused (100 ms)" in text
    assert "  note      a note\n  left      namespace x\n" in text


def test_as_json_reasons_and_symptoms_have_their_names() -> None:
    facts = json.loads(trial(answers=(answer(Reason.HTTP_STATUS, 500, 0.1),)).model_dump_json())
    assert facts["answers"][0]["reason"] == "http_status"
    assert (facts["declared"], facts["seen"]) == ("bad-answers", ["bad-answers"])
