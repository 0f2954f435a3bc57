"""Each outage of a service as the product and its peers have measured it, beside the truth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from flow_load.departures import Window, departures_of
from flow_load.outages import Downtime, TrueOutage, seen_ns
from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outage_columns import failure_in
from flowdrill.analysis.outcome_columns import OutcomeColumns, outcomes_in
from flowdrill.analysis.recorded_outcomes import known_columns
from flowdrill.model.instant import NS_PER_SECOND, Span
from flowdrill.model.outcome import Record

LATENCY_OBJECTIVE_NS = 2 * NS_PER_SECOND  # the default of `load.latency_objective`
_CLEAN = 0.0  # the ratio of bad answers in a service's good phases


class Peer(Enum):
    CHAOS_TOOLKIT = "Chaos Toolkit, every 1 s"
    KRKN = "Krkn's poll, every 2 s"


@dataclass(frozen=True, slots=True)
class Watched:
    """A service's outages, round by round; the records of the product's load; what those peers saw that watched."""

    truth: tuple[tuple[TrueOutage, ...], ...]
    records: Sequence[Record]
    peers: Mapping[Peer, tuple[Downtime, ...]]

    @property
    def lags_p99_ms(self) -> tuple[float, ...]:
        """How late its requests left, round by round."""
        departures = departures_of(self.records)
        return departures.lags_p99_ms(Window(one[0].from_ns, one[-1].until_ns) for one in self.truth)


@dataclass(frozen=True, slots=True)
class Error:
    """Of a length that somebody has told; of the whole length where it was not seen."""

    ns: int
    unseen: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """One outage: its true length, the product's span (None: not seen), and how long each peer saw it."""

    true_ns: int
    span: Span | None
    seen_ns: Mapping[Peer, int]

    @property
    def held(self) -> bool:
        """Whether the truth is within the product's bounds."""
        return self.span is not None and self.span.shortest_ns <= self.true_ns <= self.span.longest_ns

    @property
    def error_ns(self) -> int:
        return abs((self.span.estimate_ns if self.span else 0) - self.true_ns)

    @property
    def width_ns(self) -> int:
        """What the product's bounds leave open; all of it where it saw nothing."""
        return self.span.longest_ns - self.span.shortest_ns if self.span else self.true_ns

    def error_of(self, peer: Peer) -> Error:
        """A peer that did not see it is wrong by all of it."""
        seen = self.seen_ns[peer]
        return Error(abs(seen - self.true_ns), unseen=seen == 0)


def measured(watched: Watched) -> Iterator[tuple[Measured, ...]]:
    """Round by round."""
    last = watched.records[-1]
    known = known_columns(watched.records, LATENCY_OBJECTIVE_NS, last.finished_ns or last.sent_ns).outcomes
    for outages in watched.truth:
        yield tuple(
            Measured(
                true_ns=outage.length_ns,
                span=measured_span(outage, known),
                seen_ns={peer: seen_ns(outage, seen) for peer, seen in watched.peers.items()},
            )
            for outage in outages
        )


def measured_span(outage: TrueOutage, known: OutcomeColumns) -> Span | None:
    """How long the product says that an outage lasted, as in a report: recovered - impact. Its analysis of columns,
    which reports use, and that of single outcomes, which decides in a drill, must say the same."""
    until = known.until(outage.until_ns)
    failure = failure_in(until, normal_bad_ratio=_CLEAN, from_ns=outage.from_ns)
    one_by_one = failing_window(
        outcomes_in(until.since(outage.from_ns - NS_PER_SECOND)), normal_bad_ratio=_CLEAN, from_ns=outage.from_ns
    )
    if failure is None or failure.recovered is None:
        assert one_by_one is None or one_by_one.recovered is None
        return None
    assert one_by_one is not None
    assert (one_by_one.impact, one_by_one.recovered) == (failure.impact, failure.recovered)
    return failure.impact.until(failure.recovered)
