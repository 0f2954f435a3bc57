"""What is told and judged of the workers that sent a load. What they did not tell is not known, and never a pass."""

from __future__ import annotations

from collections.abc import Iterator

from flowdrill.analysis.bin_stream import Worker
from flowdrill.analysis.binned_run import BinnedRun
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.latency_buckets import RELATIVE_ERROR
from flowdrill.model.load_frames import NO_SHARE
from flowdrill.model.load_workers import LoadByWorkers, LoadWorker
from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Assessment
from flowdrill.model.status import Status

NOT_SENT_ALLOWED = 0.01  # of the schedule: those that leave late have the same share
_CLOCKS_ALLOWED_SECONDS = 0.1  # a slot: shares of requests are counted as if all clocks were one


def load_by_workers(run: BinnedRun, clock: RunClock) -> LoadByWorkers:
    """Return what the result says of the workers."""
    return LoadByWorkers(
        shares=run.hello.shares,
        requests_not_sent=run.not_sent,
        latency_relative_error=RELATIVE_ERROR,
        workers=tuple(_worker(one, run, clock) for one in run.workers),
    )


def _worker(one: Worker, run: BinnedRun, clock: RunClock) -> LoadWorker:
    newest = one.clock.newest
    return LoadWorker(
        worker=one.number,
        name=one.name,
        share=None if one.share == NO_SHARE else one.share + 1,
        joined_late=one.late,
        left_seconds=None if one.left_ns is None else clock.seconds(run.t0_ns + one.left_ns),
        requests=one.sent,
        clock_bounds_seconds=ns_to_seconds(one.widest_ns),
        utc_ahead_seconds=None if newest is None else ns_to_seconds(newest.utc_ahead_ns),
        reports_missing=one.lacking,
        reports_repeated=one.repeated,
    )


def notes_of(load: LoadByWorkers) -> tuple[str, ...]:
    """Return the result's notes about the load."""
    return tuple(_notes(load))


def _notes(load: LoadByWorkers) -> Iterator[str]:
    joined = len(load.workers)
    each = "; ".join(
        f"worker {one.worker} {one.requests} requests, clock known to {format_seconds(one.clock_bounds_seconds)}"
        + (f", {one.utc_ahead_seconds:+.3f} s off the master's" if abs(one.utc_ahead_seconds or 0.0) > 1 else "")
        for one in load.workers
    )
    yield (
        f"the load was sent by {joined} {'worker' if joined == 1 else 'workers'} in {load.shares} "
        f"{'share' if load.shares == 1 else 'shares'}, and told in bins of 5 ms ({each})"
    )
    yield f"latencies are from a histogram: each is right to within {format_ratio(load.latency_relative_error)}"
    if load.requests_not_sent:
        yield f"{load.requests_not_sent} requests of the schedule were not sent, as far as the workers told"
    for one in load.workers:
        if one.reports_repeated:
            yield f"load worker {one.worker} sent {one.reports_repeated} reports twice: they count once"


def load_checks(load: LoadByWorkers) -> tuple[Assessment, ...]:
    """Return the checks on what the workers told."""
    missing = sum(one.reports_missing for one in load.workers)
    widest = max((one.clock_bounds_seconds for one in load.workers), default=0.0)
    known = widest <= _CLOCKS_ALLOWED_SECONDS
    return (
        Assessment(
            name="load_told_whole",
            status=Status.UNKNOWN if missing else Status.PASS,
            required="every report of every load worker arrives whole",
            observed=f"{missing} are missing" if missing else "they did",
            detail="what they held is not counted: nobody knows what became of those requests" if missing else "",
        ),
        Assessment(
            name="load_clocks_known",
            status=Status.PASS if known else Status.UNKNOWN,
            required=f"each load worker's clock is known to {format_seconds(_CLOCKS_ALLOWED_SECONDS)}",
            observed=f"to {format_seconds(widest)}",
            detail="" if known else "its instants have wide bounds, and shares of requests cannot be told",
        ),
    )


def load_sent(load: LoadByWorkers, sent: int) -> Assessment:
    """Return the check that the whole schedule was sent; `sent`: how many requests were."""
    missing, due = load.requests_not_sent, load.requests_not_sent + sent
    kept = missing <= NOT_SENT_ALLOWED * due
    gone = [one.worker for one in load.workers if one.left_seconds is not None]
    who = f"; load worker {', '.join(map(str, gone))} left" if gone else ""
    return Assessment(
        name="load_sent",
        status=Status.PASS if kept else Status.UNKNOWN,
        required=f"at most {format_ratio(NOT_SENT_ALLOWED)} of the schedule's requests are not sent",
        observed=f"{missing} of {due} were not{who}",
        detail="" if kept else "the load was not what the drill names: its numbers are not the users'",
    )
