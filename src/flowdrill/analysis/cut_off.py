"""Was the run cut off: killed, or its record torn? Then its report says so first, and it is never a pass."""

from __future__ import annotations

from itertools import takewhile

from flowdrill.analysis.run_clock import run_clock, utc_text
from flowdrill.model.events import (
    Checked,
    Event,
    GuardEnded,
    GuardTookOver,
    Phase,
    PhaseStarted,
    RunEnded,
    UndoRegistered,
)
from flowdrill.model.quantity import format_seconds
from flowdrill.model.run_record import RunRecord
from flowdrill.model.status import Status

_OUTCOMES, _BINS = "outcomes.bin", "outcomes.bins"
_RESTORED = "ends_on_stable_digest"  # the check that says whether the workload is put back


def cut_off_sentence(record: RunRecord, known_outcomes: int) -> str | None:
    """Return where the record of a run ends before the run did, and what that means for the workload; None when the
    record is whole. `known_outcomes`: how many requests' fate is known from it."""
    ended = record.first(RunEnded)
    if ended is None:
        at = format_seconds(run_clock(record).seconds(max(event.at_ns for event in _by_the_harness(record))))
        return f"cut off {_where(record)}, {at} after the run began: its record has no end; {_workload(record)}"
    outcomes = _OUTCOMES if record.frames is None else _BINS
    if ended.outcomes is not None and known_outcomes < ended.outcomes:
        lost = ended.outcomes - known_outcomes
        return f"cut off: {outcomes} lacks {lost} of the {ended.outcomes} requests whose fate was known"
    if outcomes in record.torn:
        return f"cut off: the end of {outcomes} is torn, and nobody knows how much is missing"
    return None


def _by_the_harness(record: RunRecord) -> tuple[Event, ...]:
    """What was recorded before somebody else took over: that says how far the run came."""
    found = tuple(takewhile(lambda event: not isinstance(event, GuardTookOver), record.events))
    return found or record.events


def _where(record: RunRecord) -> str:
    phases = [event.phase for event in _by_the_harness(record) if isinstance(event, PhaseStarted)]
    return f"in phase {phases[-1]}" if phases else "before the first phase"


def _workload(record: RunRecord) -> str:
    """What is known of the workload. What somebody else has done in the harness's place counts most: it came last."""
    took_over, done = record.all_of(GuardTookOver), record.all_of(GuardEnded)
    by = f" by {took_over[-1].by}" if took_over else ""
    if done:
        at = utc_text(done[-1].clock.utc_ns)
        back = f"the workload was put back{by} at {at}"
        return back if done[-1].restored else f"the workload was NOT put back{by} until {at}: {done[-1].says}"
    if took_over:
        return f"putting the workload back was begun{by}, and its end is not in the record"
    if any(event.check.name == _RESTORED and event.check.status is Status.PASS for event in record.all_of(Checked)):
        return "the workload had been put back by then"
    if any(event.phase is Phase.BREAK for event in record.all_of(PhaseStarted)):
        return "whether the workload was put back is not in it"
    if record.first(UndoRegistered) is not None:
        return "nothing had been broken, and what the drill had made by then may be left"
    return "nothing had been broken"
