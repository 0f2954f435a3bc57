"""Which recorded drill is evidence that an image can be rolled back to. Who has signed it is found out elsewhere."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from flowdrill.analysis.verification import verified_by
from flowdrill.model.evidence_search import RecordedDrill
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Result, Verdict

NEAREST = 5  # how many are named when none counts
_CLOCKS_DIFFER_SECONDS = 300.0  # by so much the host of a drill may be ahead of this one
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked. `now` is UTC, with its zone."""

    digest: str
    not_older_than_seconds: float
    now: datetime


def digest_in(text: str) -> str | None:
    """Return the digest that a text is, or that an image reference ends with; None when it names none."""
    digest = text.rpartition("@")[2]
    return digest if _DIGEST.fullmatch(digest) else None


def looked_at(run: str, result: Result, wanted: Wanted) -> RecordedDrill:
    """Return a run as it is told, with the first reason why it is no evidence: an empty one where only its signature is
    left to be checked."""
    finished = _instant(result.run.finished)
    age_seconds = None if finished is None else (wanted.now - finished).total_seconds()
    stable = result.images.stable
    return RecordedDrill(
        run=run,
        id=result.run.id,
        drill=result.run.drill,
        finished=result.run.finished,
        age_seconds=age_seconds,
        stable_digest=None if stable is None else stable.digest,
        why_not=_why_not(result, wanted, age_seconds),
    )


@dataclass(frozen=True, slots=True)
class Failed:
    """A run that failed on the wanted image: `about` says which drill it was, and where. None: its age is not known."""

    run: str
    about: tuple[str, ...]
    age_seconds: float | None


def about(result: Result) -> tuple[str, ...]:
    """Return what two runs must have in common so that one says something of the other: the drill and its target. The
    cluster is not among it: an address of it that has changed must not hide a failure."""
    run = result.run
    return run.drill, run.namespace, run.workload


def failed_of(run: str, result: Result, wanted: Wanted) -> Failed | None:
    """Return the run as a failure of the wanted image, None when it is none."""
    stable = result.images.stable
    if result.verdict is not Verdict.FAIL or stable is None or stable.digest != wanted.digest:
        return None
    ended = _instant(result.run.finished) or _instant(result.run.started)
    return Failed(run, about(result), None if ended is None else (wanted.now - ended).total_seconds())


def failed_since(one: RecordedDrill, of: tuple[str, ...], failures: Iterable[Failed]) -> str:
    """Return why a drill that passed is no evidence any more, "" when nothing says so. A failure of unknown age may be
    newer."""
    later = sorted(
        (failed.age_seconds if failed.age_seconds is not None else -math.inf, failed.run)
        for failed in failures
        if failed.about == of
        and (failed.age_seconds is None or one.age_seconds is None or failed.age_seconds < one.age_seconds)
    )
    return f"the same drill has failed on this image since: {later[0][1]}" if later else ""


def nearest(seen: Iterable[RecordedDrill], wanted: Wanted) -> tuple[RecordedDrill, ...]:
    """Return those that come nearest: of this image first, then the newest."""
    return tuple(sorted(seen, key=lambda one: _distance(one, wanted))[:NEAREST])


def _distance(one: RecordedDrill, wanted: Wanted) -> tuple[bool, float, str]:
    return one.stable_digest != wanted.digest, abs(one.age_seconds or float("inf")), one.run


def _why_not(result: Result, wanted: Wanted, age_seconds: float | None) -> str:
    stable = result.images.stable
    if stable is None:
        return "it ended before it knew its stable image"
    if stable.digest != wanted.digest:
        return f"its stable image is another one: {stable.digest}"
    if result.verdict is not Verdict.PASS:
        return f"its verdict is {result.verdict.value}: {result.reasons[0] if result.reasons else 'without a reason'}"
    if verified_by(result) is None:
        return "it passed, and rolled nothing back (a control, or it was not completed)"
    if age_seconds is None:
        return "it does not say when it finished"
    if age_seconds < -_CLOCKS_DIFFER_SECONDS:
        return f"it finished {format_seconds(-age_seconds)} from now: a clock is wrong, so its age is not known"
    if age_seconds > wanted.not_older_than_seconds:
        return f"it is {format_seconds(age_seconds)} old: older than {format_seconds(wanted.not_older_than_seconds)}"
    return ""


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
