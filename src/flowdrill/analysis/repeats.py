"""Several runs of one plan, counted together. Only runs of the very same plan are repeats of one another."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from flowdrill.analysis.order_statistics import (
    largest_share,
    median_confidence,
    median_ranks,
    runs_needed,
    supports,
)
from flowdrill.analysis.run_times import pooled_run
from flowdrill.errors import PoolingError
from flowdrill.model.claim import TIMES, Claim, Claimed
from flowdrill.model.drill import Drill
from flowdrill.model.repeats import ClaimResult, Counts, Median, PooledRun, Repeats, RunTime
from flowdrill.model.result import Result, Verdict

_DIFFERS: tuple[tuple[str, Callable[[Result], str | None]], ...] = (
    ("stable images", lambda result: result.images.stable.digest if result.images.stable else None),
    ("clusters", lambda result: result.run.cluster),
    ("versions of Kubernetes", lambda result: result.run.kubernetes_version),
    ("versions of flowdrill", lambda result: result.run.tool_version),
    ("hosts that they ran from", lambda result: result.run.host),
)


@dataclass(frozen=True, slots=True)
class RecordedRun:
    """A run folder, its drill, and what came of it."""

    folder: str
    drill: Drill
    result: Result


@dataclass(frozen=True, slots=True)
class PoolOrder:
    """How runs are to be counted. `share`: of all drills, that claims are about. `asked_for`: how many runs were to be
    carried out, and `stopped` why they were not."""

    claims: tuple[Claim, ...] = ()
    share: Fraction = Fraction(95, 100)
    confidence: Fraction = Fraction(95, 100)
    asked_for: int | None = None
    stopped: str | None = None


def repeats_of(recorded: Sequence[RecordedRun], order: PoolOrder) -> Repeats:
    """Return what the runs come to; PoolingError when there are none, one is there twice, or two are of different
    plans."""
    _check_poolable(recorded)
    ordered = sorted(recorded, key=lambda one: (one.result.run.started, one.result.run.id))
    runs = tuple(pooled_run(one.folder, one.drill, one.result) for one in ordered)
    counted = tuple(run for run in runs if run.counts is not Counts.NO_DRILL)
    first = ordered[0].result.run
    claims = _claims(ordered[0].drill, order.claims)
    wanted = {claim.what for claim in claims}
    return Repeats(
        drill=first.drill,
        scenario=first.scenario,
        workload=f"{first.namespace}/{first.workload}",
        plan_digest=first.plan_digest,
        asked_for=order.asked_for,
        stopped=order.stopped,
        confidence=float(order.confidence),
        runs=runs,
        medians=tuple(_median(what, counted, order.confidence) for what in TIMES if _told(what, counted, wanted)),
        claims=tuple(_held(claim, runs, counted, order) for claim in claims),
        notes=_notes([one.result for one in ordered]),
    )


def _check_poolable(recorded: Sequence[RecordedRun]) -> None:
    if not recorded:
        raise PoolingError("there is no run to count", "name the folders of recorded runs")
    for one, other in pairwise(recorded):
        if one.result.run.plan_digest != other.result.run.plan_digest:
            raise PoolingError(
                f"{one.folder} and {other.folder} are runs of different plans "
                f"({one.result.run.plan_digest} and {other.result.run.plan_digest})",
                "count runs of one plan together: its digest covers drill, scenario, files and the context's name",
            )
    folders: dict[str, str] = {}
    for one in recorded:
        if one.result.run.id in folders:
            raise PoolingError(
                f"{folders[one.result.run.id]} and {one.folder} are the same run ({one.result.run.id})",
                "count each run once",
            )
        folders[one.result.run.id] = one.folder


def _claims(drill: Drill, asked: Sequence[Claim]) -> tuple[Claim, ...]:
    """That the drill passes, its objectives, and what else somebody has asked for; each once."""
    objectives = ((what, getattr(drill.objectives, what.value, None)) for what in Claimed)
    own = [Claim(Claimed.PASS), *(Claim(what, limit) for what, limit in objectives if limit is not None)]
    return tuple(dict.fromkeys((*own, *asked)))


def _told(what: Claimed, counted: Sequence[PooledRun], wanted: set[Claimed]) -> bool:
    """Whether a time is one of this drill's: people are not heard in every one."""
    return bool(counted) and (what in wanted or any(_of(run, what).seconds is not None for run in counted))


def _of(run: PooledRun, what: Claimed) -> RunTime:
    return next(time for time in run.times if time.what is what)


def _median(what: Claimed, counted: Sequence[PooledRun], confidence: Fraction) -> Median:
    """Bounds of ordered values are the ordered bounds: the k-th smallest lies between the k-th smallest of each."""
    times = [_of(run, what) for run in counted]
    runs, ranks = len(times), median_ranks(len(times), confidence)
    earliest = sorted(time.earliest for time in times)
    estimates = sorted(math.inf if time.seconds is None else time.seconds for time in times)
    latest = sorted(math.inf if time.latest is None else time.latest for time in times)
    return Median(
        what=what,
        runs=runs,
        measured=sum(time.seconds is not None for time in times),
        earliest=_middle(earliest),
        seconds=_finite(_middle(estimates)),
        latest=_finite(_middle(latest)),
        low=None if ranks is None else earliest[ranks[0] - 1],
        high=None if ranks is None else _finite(latest[ranks[1] - 1]),
        ranks=ranks,
        confidence=None if ranks is None else median_confidence(runs, ranks[0]),
        slowest=_finite(latest[-1]),
        slowest_share=largest_share(runs, runs, confidence),
    )


def _middle(ascending: Sequence[float]) -> float:
    half = len(ascending) // 2
    return ascending[half] if len(ascending) % 2 else (ascending[half - 1] + ascending[half]) / 2


def _finite(value: float) -> float | None:
    return None if math.isinf(value) else value


def _held(claim: Claim, runs: Sequence[PooledRun], counted: Sequence[PooledRun], order: PoolOrder) -> ClaimResult:
    hits = sum(_is_hit(claim, run) for run in counted)
    return ClaimResult(
        what=claim.what,
        at_most=claim.at_most,
        asked=claim in order.claims,
        hits=hits,
        runs=len(counted),
        share=float(order.share),
        supported=supports(hits, len(counted), order.share, order.confidence),
        supported_share=largest_share(hits, len(counted), order.confidence),
        supported_share_with_no_drills=largest_share(hits, len(runs), order.confidence),
        runs_needed=runs_needed(len(counted) - hits, order.share, order.confidence),
    )


def _is_hit(claim: Claim, run: PooledRun) -> bool:
    """Whether a run surely did what is claimed: by the latest that its time can have been. Not knowing is a miss."""
    if run.counts is not Counts.DRILL:
        return False
    if claim.at_most is None:
        return run.verdict is Verdict.PASS
    ratio = claim.what is Claimed.FAILED_REQUESTS_RATIO
    value = run.failed_requests_ratio if ratio else _of(run, claim.what).latest
    return value is not None and value <= claim.at_most


def _notes(results: Sequence[Result]) -> tuple[str, ...]:
    """What the plan does not say, and may have changed between two runs."""
    notes = []
    for what, of in _DIFFERS:
        seen = {value for result in results if (value := of(result)) is not None}
        if len(seen) > 1:
            notes.append(f"the runs had {len(seen)} different {what}")
    return tuple(notes)
