"""Whether a run left everything as it was: after one that did not, nothing more is broken."""

from __future__ import annotations

from flowdrill.engine.run import RunOutcome
from flowdrill.errors import FlowdrillError, GuardActsError, NotRestoredError, TakenOverError
from flowdrill.model.result import Result
from flowdrill.model.status import Status

_AS_BEFORE = ("ends_on_stable_digest", "restored_as_before", "nothing_left_behind")
_HARMED = (NotRestoredError, TakenOverError, GuardActsError)
_NOT_AS_IT_WAS = "the run did not leave everything as it was"


def why_stop_after_error(error: FlowdrillError | None) -> str | None:
    """Return why nothing must be run after one that ended with this error; None when it says nothing of harm."""
    return f"{_NOT_AS_IT_WAS}: {error.problem}" if isinstance(error, _HARMED) else None


def why_stop(outcome: RunOutcome, result: Result) -> str | None:
    """Return why nothing must be run after this run; None when all is as it was before it."""
    if outcome.stop_signal is not None:
        return f"the run was stopped by {outcome.stop_signal}"
    harmed = why_stop_after_error(outcome.error)
    if harmed is not None:
        return harmed
    failed = [one for one in result.checks if one.name in _AS_BEFORE and one.status is Status.FAIL]
    return f"{_NOT_AS_IT_WAS}: {failed[0].name}: {failed[0].observed}" if failed else None
