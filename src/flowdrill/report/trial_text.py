"""What a scenario that was tried has shown, for a terminal."""

from __future__ import annotations

from itertools import groupby

from flowdrill.model.outcome import Reason
from flowdrill.model.quantity import format_seconds
from flowdrill.model.scenario import Symptom
from flowdrill.model.trial import Trial, TriedAnswer, TriedPod
from flowdrill.report.words import reason_words

_LABEL = 10


def render_trial(trial: Trial) -> str:
    """Return the symptom first, then what it rests on, ending with a line end."""
    seen = ", ".join(trial.seen)
    verdict = "as declared" if trial.as_declared else f"and the scenario declares {trial.declared.value}"
    bad = sum(one.reason is not Reason.GOOD for one in trial.answers)
    lines = [
        f"{trial.scenario}: {seen}, {verdict}",
        _line("image", trial.image.partition("@")[0]),
        *_block("changes", trial.changes),
        *_block("pod", _pod(trial.pod)),
        *_block("log", trial.pod.log),
        *([_line("asked", f"{trial.request}: {len(trial.answers)} requests, {bad} bad")] if trial.answers else []),
        *(_alike(list(alike)) for _, alike in groupby(trial.answers, _told)),
        _line("declared", f"{trial.declared.value}: {_declared(trial)}"),
        *_block("note", trial.notes),
        *_block("left", trial.left_behind),
        _line("took", format_seconds(trial.took_seconds)),
    ]
    return "\n".join(lines) + "\n"


def _declared(trial: Trial) -> str:
    return trial.seen_by_kubernetes if trial.declared is Symptom.STALLED_ROLLOUT else trial.seen_by_users


def _pod(pod: TriedPod) -> tuple[str, ...]:
    if pod.ready_after_seconds is not None:
        first = f"ready after {format_seconds(pod.ready_after_seconds)}"
        then = (f"then its container ended: {pod.ended}",) if pod.ended is not None else ()
    elif pod.failed is not None:
        first, then = f"never ready: {pod.failed}, after {format_seconds(pod.watched_seconds)}", ()
    else:
        limit = format_seconds(pod.watched_seconds)
        first, then = f"not ready within {limit} (--limit), and still running: it may get ready later", ()
    return (first, *then, *([f"the node says: {pod.says}"] if pod.says else []))


def _alike(answers: list[TriedAnswer]) -> str:
    """Answers in a row that differ in their times only, on one line."""
    times = sorted(one.seconds for one in answers)
    shortest, longest = format_seconds(times[0]), format_seconds(times[-1])
    took = shortest if shortest == longest else f"{shortest} to {longest}"
    return f"    {len(answers):>3} x {_told(answers[0])} ({took})"


def _told(answer: TriedAnswer) -> str:
    status = "---" if answer.http_status is None else str(answer.http_status)
    told = "good" if answer.reason is Reason.GOOD else reason_words(answer.reason.name.lower())
    return f"{status}  {told}: {answer.body}"


def _block(label: str, texts: tuple[str, ...]) -> list[str]:
    return [_line(label if number == 0 else "", text) for number, text in enumerate(texts)]


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}{text}"
