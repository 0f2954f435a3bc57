"""The recorded failure that rules are held against, as it was or held for longer, and when they fire in it."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from flowdrill.analysis.detector import PIPE_GRACE_NS
from flowdrill.analysis.measure import Timeline
from flowdrill.analysis.outage import FailingWindow
from flowdrill.analysis.replay_candidates import Watcher
from flowdrill.model.instant import Instant
from flowdrill.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Stretch:
    """The recorded outcomes that are repeated to hold a failure: those known in [from, until)."""

    from_ns: int
    until_ns: int
    outcomes: Sequence[Outcome]


@dataclass(frozen=True, slots=True)
class FailureStream:
    """The outcomes from the break on. Whoever fires after `ends_ns` has not fired while the failure lasted."""

    starts_ns: int
    ends_ns: int
    recorded: Sequence[Outcome]  # in the order in which they became known
    held: Stretch | None = None  # repeated from its end on, up to `ends_ns`

    def __iter__(self) -> Iterator[Outcome]:
        until_ns = self.ends_ns if self.held is None else self.held.until_ns - 1
        first = bisect_right(self.recorded, self.starts_ns, key=_known_ns)
        last = bisect_right(self.recorded, until_ns, key=_known_ns)
        yield from self.recorded[first:last]
        if self.held is not None:
            yield from self._repeated(self.held)

    def _repeated(self, held: Stretch) -> Iterator[Outcome]:
        length_ns = held.until_ns - held.from_ns
        for shift_ns in count(length_ns, length_ns):
            for one in held.outcomes:
                known_ns = one.known_ns + shift_ns
                if known_ns > self.ends_ns:
                    return
                sent_ns, intended_ns = one.sent_ns + shift_ns, one.intended_ns + shift_ns
                yield replace(one, known_ns=known_ns, sent_ns=sent_ns, intended_ns=intended_ns)


def failing_until_ns(failure: FailingWindow, known: Sequence[Outcome]) -> int:
    """Return when users were served again, or else the end of what is known."""
    return failure.recovered.latest_ns if failure.recovered is not None else known[-1].known_ns


def stretch_to_repeat(failure: FailingWindow, timeline: Timeline, known: Sequence[Outcome]) -> Stretch | None:
    """Return the failure as it was before anybody did anything about it: from the first bad answer to the rollback's
    trigger, or to its last bad answer when there was no rollback. None when nothing lies in between."""
    from_ns = failure.impact.latest_ns
    triggered = timeline.triggered
    until_ns = triggered.earliest_ns if triggered is not None else failure.last_bad.known_ns + 1
    part = known[bisect_left(known, from_ns, key=_known_ns) : bisect_left(known, until_ns, key=_known_ns)]
    return Stretch(from_ns, until_ns, part) if part else None


def first_alarms(watchers: Sequence[Sequence[Watcher]], stream: FailureStream) -> list[list[Instant | None]]:
    """Return for each watcher when it raised its first alarm while the failure lasted, or None. All see each outcome;
    memory does not grow with the stream."""
    found: list[list[Instant | None]] = [[None] * len(group) for group in watchers]
    waiting = {(row, at): one for row, group in enumerate(watchers) for at, one in enumerate(group)}

    def advance(now_ns: int) -> None:
        for place, watcher in list(waiting.items()):
            alarm = watcher.advance(now_ns)
            if alarm is not None and alarm.slot_end_ns <= stream.ends_ns:
                found[place[0]][place[1]] = Instant(alarm.slot_end_ns, alarm.slot_end_ns + PIPE_GRACE_NS)
            if alarm is not None:
                del waiting[place]

    for outcome in stream:
        if not waiting:
            break
        for watcher in waiting.values():
            watcher.take(outcome)
        advance(outcome.known_ns)
    advance(stream.ends_ns + PIPE_GRACE_NS)
    return found


def _known_ns(outcome: Outcome) -> int:
    return outcome.known_ns
