"""When users were hit and when they were served again, from the outcomes alone, as intervals that hold the truth.

Every request certifies the service's state at some moment between the one it left and the one its fate was known: a
good one says "up", a bad one "down". Only what follows from that whatever the requests' order inside the service is
used, so slow, overlapping, hanging and reset requests cannot push a bound past the truth.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from flowdrill.analysis.detector import ALTERNATIVES
from flowdrill.analysis.outcomes import requests_of
from flowdrill.analysis.span_bounds import LEVEL, possible_spans, steps_of
from flowdrill.model.instant import NS_PER_SECOND, Instant
from flowdrill.model.outcome import Outcome

GOOD_BETWEEN_STRETCHES = 10
_LEAST_SILENCE_NS = NS_PER_SECOND
_RECOMPUTE_NS = NS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Failure:
    """From the first bad outcome of the failure to the last one that belongs to it.

    `bad` counts the bad outcomes in between. `stretches` is more than 1 when the service flapped. `recovered` is None
    when no good answer to a request sent after the failure is known.
    """

    impact: Instant
    recovered: Instant | None
    stretches: int
    bad: int


@dataclass(frozen=True, slots=True)
class FailingWindow(Failure):
    """The same with the outcomes at its ends."""

    first_bad: Outcome
    last_bad: Outcome


def failing_window(
    outcomes: Iterable[Outcome], *, normal_bad_ratio: float, from_ns: int, gap_ns: int = NS_PER_SECOND
) -> FailingWindow | None:
    """Return the failure that began at or after `from_ns`, when the break's patch was sent, or None.

    `normal_bad_ratio` is the ratio that the baseline showed. With a clean baseline (0) every bad outcome counts; else
    only a run of them that such noise would not produce. Stretches are separate when at least `gap_ns` and 10 good
    requests lie between them.
    """
    known = sorted(outcomes, key=lambda o: o.known_ns)
    after = [outcome for outcome in known if outcome.known_ns >= from_ns]
    windows = [_window(known, after, span, from_ns, gap_ns) for span in _spans(after, normal_bad_ratio)]
    return _all_of(windows) if windows else None


def _spans(after: Sequence[Outcome], normal: float) -> list[tuple[int, int]]:
    """Return the failure's ends; several where outcomes stand for many, and it may have more than one."""
    if any(outcome.requests > 1 for outcome in after):
        return possible_spans(after, normal)
    span = _failing_span([outcome.bad for outcome in after], normal)
    return [] if span is None else [span]


def _all_of(windows: Sequence[FailingWindow]) -> FailingWindow:
    """Return one failure whose bounds hold those of all."""
    recovered = [one.recovered for one in windows if one.recovered is not None]
    return replace(
        windows[0],
        impact=_around([one.impact for one in windows]),
        recovered=_around(recovered) if len(recovered) == len(windows) else None,
        stretches=max(one.stretches for one in windows),
        bad=max(one.bad for one in windows),
    )


def _around(instants: Sequence[Instant]) -> Instant:
    return Instant(min(one.earliest_ns for one in instants), max(one.latest_ns for one in instants))


def _window(
    known: Sequence[Outcome], after: Sequence[Outcome], span: tuple[int, int], from_ns: int, gap_ns: int
) -> FailingWindow:
    failing = after[span[0] : span[1] + 1]
    stretches = _stretches(failing, gap_ns)
    return FailingWindow(
        impact=_impact(stretches[0], known, from_ns),
        recovered=_recovered(stretches[-1], after),
        stretches=len(stretches),
        bad=requests_of(failing, bad=True),
        first_bad=failing[0],
        last_bad=failing[-1],
    )


def _failing_span(bad: Sequence[bool], normal: float) -> tuple[int, int] | None:
    """Return the indices of the first and the last bad outcome that belong to the failure: where the CUSUM of the
    alternative ratio that fits best began to rise, forwards and backwards. O(n)."""
    fits = [(_rise(bad, q, normal), q) for q in ALTERNATIVES if q > normal]
    ((_, first), q) = max(fits, key=lambda fit: fit[0][0], default=((0.0, None), 1.0))
    if first is None:
        return None
    _, last = _rise(bad[::-1], q, normal)
    return None if last is None else (first, len(bad) - 1 - last)


def _rise(bad: Sequence[bool], q: float, normal: float) -> tuple[float, int | None]:
    """Return the CUSUM's peak, and the first bad outcome after the last zero before it first reached its level."""
    gain, loss = steps_of(q, normal)
    total = peak = 0.0
    rising_since = 0
    onset: int | None = None
    for index, is_bad in enumerate(bad):
        if total == 0:
            rising_since = index
        total = max(0.0, total + (gain if is_bad else loss))
        peak = max(peak, total)
        if onset is None and total >= LEVEL:
            onset = rising_since
    return peak, onset


@dataclass(slots=True)
class Stretch:
    """Bad requests in a row, apart from noise-sized gaps."""

    first_known_ns: int
    last_known_ns: int
    last_sent_ns: int

    def add(self, other: Stretch) -> None:
        """Count what belongs to it, too."""
        self.first_known_ns = min(self.first_known_ns, other.first_known_ns)
        self.last_known_ns = max(self.last_known_ns, other.last_known_ns)
        self.last_sent_ns = max(self.last_sent_ns, other.last_sent_ns)

    @property
    def up_before_ns(self) -> int:
        """Whoever was served and knew it by then was served before the failure."""
        return min(self.first_known_ns, self.last_sent_ns)

    @property
    def up_after_ns(self) -> int:
        """Whoever asked from then on and was served was served after the failure."""
        return max(self.first_known_ns, self.last_sent_ns)


def _stretches(failing: Sequence[Outcome], gap_ns: int) -> list[Stretch]:
    """Return the separate stretches. Both the sending and the fate must lie a gap apart: requests that hung for long
    before one event are known together, and those that hang after it were sent together."""
    found: list[Stretch] = []
    good = 0
    for outcome in sorted(failing, key=lambda o: o.sent_ns):
        if not outcome.bad:
            good += outcome.requests
            continue
        apart = not found or (
            good >= GOOD_BETWEEN_STRETCHES
            and outcome.sent_ns - found[-1].last_sent_ns >= gap_ns
            and outcome.known_ns - found[-1].last_known_ns >= gap_ns
        )
        this = Stretch(outcome.known_ns, outcome.known_ns, outcome.sent_ns)
        if apart:
            found.append(this)
        else:
            found[-1].add(this)
        good = 0
    return found


def _impact(stretch: Stretch, known: Sequence[Outcome], from_ns: int) -> Instant:
    """The service was up at some moment after the start of every good request that was answered before a bad one of
    the stretch was sent; it was down when the first bad one was known."""
    up = (outcome.sent_ns for outcome in known if not outcome.bad and outcome.known_ns <= stretch.up_before_ns)
    return Instant(max(from_ns, max(up, default=from_ns)), stretch.first_known_ns)


def _recovered(stretch: Stretch, after: Sequence[Outcome]) -> Instant | None:
    """The mirror image: still down at some moment after the last bad request was sent; up again when a good answer
    came to a request that was sent after a bad one of the stretch was known."""
    up = (outcome.known_ns for outcome in after if not outcome.bad and outcome.sent_ns >= stretch.up_after_ns)
    first_up_ns = min(up, default=None)
    return None if first_up_ns is None else Instant(stretch.last_sent_ns, first_up_ns)


@dataclass(frozen=True, slots=True)
class Recovery:
    """Whether users are served; `held`: for the whole hold window, with traffic that shows it. `recovered` is None
    while too many answers of the last hold window are bad for it to hold, and when users were never hit."""

    recovered: Instant | None
    held: bool


class RecoveryWatch:
    """Says when the recovery has held. Cheap enough to ask after every request: it looks at new outcomes only, and
    computes the failing window anew at most once a second, and only while the recovery might hold.

    The hold window holds when no outcome in it belongs to the failure and goods kept coming, never apart by more than
    a second or five times the usual distance between outcomes. Silence starts the window afresh.
    """

    def __init__(self, *, normal_bad_ratio: float, from_ns: int, hold_ns: int, spared: bool = False) -> None:
        """`spared`: users were not hit so far; as long as that is so, their being served holds too."""
        self._hit = not spared
        self._normal_bad_ratio = normal_bad_ratio
        self._most_bad_ratio = max(ALTERNATIVES[0], 2 * normal_bad_ratio) if normal_bad_ratio > 0 else 0.0
        self._from_ns = from_ns
        self._hold_ns = hold_ns
        self._taken = 0
        self._recent: deque[Outcome] = deque()  # those of the last hold window
        self._recent_requests = self._recent_bad = 0
        self._stale = True
        self._computed_ns: int | None = None
        self._recovered: Instant | None = None
        self._newest_good_ns = self._flowing_since_ns = from_ns

    def look(self, outcomes: Sequence[Outcome], now_ns: int) -> Recovery:
        """Return the state at `now_ns`. `outcomes` is the same growing sequence at every call."""
        self._take(outcomes, now_ns)
        if self._recent_bad > self._most_bad_ratio * self._recent_requests:
            return Recovery(None, held=False)
        if self._stale and (self._computed_ns is None or now_ns - self._computed_ns >= _RECOMPUTE_NS):
            window = failing_window(outcomes, normal_bad_ratio=self._normal_bad_ratio, from_ns=self._from_ns)
            self._recovered = window.recovered if window else None
            self._hit = self._hit or window is not None
            self._computed_ns = now_ns
            self._stale = window is not None and window.recovered is None
        if self._stale or (self._hit and self._recovered is None):
            return Recovery(self._recovered, held=False)
        flows = now_ns - self._newest_good_ns <= _longest_silence_ns(outcomes)
        since_ns = max(self._recovered.latest_ns if self._recovered else 0, self._flowing_since_ns)
        return Recovery(self._recovered, held=flows and now_ns - since_ns >= self._hold_ns)

    def _take(self, outcomes: Sequence[Outcome], now_ns: int) -> None:
        for outcome in outcomes[self._taken :]:
            if outcome.known_ns < self._from_ns:
                continue
            self._recent.append(outcome)
            self._recent_requests += outcome.requests
            self._recent_bad += outcome.requests * outcome.bad
            self._stale = self._stale or outcome.bad
            if not outcome.bad:
                if outcome.known_ns - self._newest_good_ns > _longest_silence_ns(outcomes):
                    self._flowing_since_ns = outcome.known_ns
                self._newest_good_ns = max(self._newest_good_ns, outcome.known_ns)
        self._taken = len(outcomes)
        while self._recent and self._recent[0].known_ns <= now_ns - self._hold_ns:
            gone = self._recent.popleft()
            self._recent_requests -= gone.requests
            self._recent_bad -= gone.requests * gone.bad


def _longest_silence_ns(outcomes: Sequence[Outcome]) -> int:
    usual_ns = (outcomes[-1].known_ns - outcomes[0].known_ns) // len(outcomes)
    return max(_LEAST_SILENCE_NS, 5 * usual_ns)
