"""What the model provider served while all was well and during the outage, and what that cost in tokens."""

from __future__ import annotations

from flowdrill.analysis.binned_latency import binned_sent_within
from flowdrill.analysis.binned_run import BinnedRun
from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.requests_sent import sent_within
from flowdrill.analysis.run_clock import last_seen_ns, run_clock
from flowdrill.model.events import BaselineHeld, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.provider_log import ProviderRequest
from flowdrill.model.result import Tokens, TokenUse
from flowdrill.model.run_record import RunRecord


def tokens_of(record: RunRecord, timeline: Timeline, bins: BinnedRun | None = None) -> Tokens | None:
    """Return the tokens of the baseline's window and of the outage; None when the provider's log was not read. A broken
    pod asks on for requests that users gave up long ago: the outage's bill ends when users are served and no broken pod
    is left, or with the restore. The provider's clock says which request was when: one that is a second off moves a
    second's requests from one window to another."""
    if record.provider.baseline is None and record.provider.outage is None:
        return None
    held = record.first(BaselineHeld)
    baseline = _use(record, held.window if held else None, record.provider.baseline, bins)
    outage = _use(record, _outage(record, timeline), record.provider.outage, bins)
    usual = baseline.tokens_per_user_request if baseline else None
    during = outage.tokens_per_user_request if outage else None
    ratio = during / usual if usual and during is not None else None
    return Tokens(baseline=baseline, outage=outage, cost_ratio=ratio)


def _outage(record: RunRecord, timeline: Timeline) -> Instant | None:
    if timeline.impact is None:
        return None
    restore = image_set(record, Purpose.RESTORE)
    end_ns = restore.instant.earliest_ns if restore else last_seen_ns(record)
    if timeline.recovered is not None and timeline.rolled_back is not None:
        end_ns = max(timeline.recovered.latest_ns, timeline.rolled_back.latest_ns)
    return Instant(timeline.impact.earliest_ns, max(end_ns, timeline.impact.earliest_ns))


def _use(
    record: RunRecord, window: Instant | None, log: tuple[ProviderRequest, ...] | None, bins: BinnedRun | None
) -> TokenUse | None:
    if window is None or log is None:
        return None
    clock = run_clock(record).start
    start_ns, end_ns = (ns - clock.monotonic_ns + clock.utc_ns for ns in (window.earliest_ns, window.latest_ns))
    served = [one for one in log if start_ns <= one.at_utc_ns <= end_ns]
    sent = sent_within(record.records, window) if bins is None else binned_sent_within(bins, window)
    prompt, completion = sum(one.prompt_tokens for one in served), sum(one.completion_tokens for one in served)
    return TokenUse(
        seconds=ns_to_seconds(window.latest_ns - window.earliest_ns),
        user_requests=sent,
        provider_requests=len(served),
        prompt_tokens=prompt,
        completion_tokens=completion,
        tokens_per_user_request=(prompt + completion) / sent if sent else None,
    )
