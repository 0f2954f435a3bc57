"""What the provider served, counted in the baseline and in the outage."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import pytest

from flowdrill.analysis.provider_log import provider_log_text, provider_requests
from flowdrill.analysis.report_data import report_of
from flowdrill.model.events import RecoveryHeld, RolledBack
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.provider_log import ProviderLog, ProviderRequest
from flowdrill.model.result import Tokens
from flowdrill.model.run_record import RunRecord
from tests.unit.analysis.synthetic_run import (
    BACK,
    BASELINE,
    BROKEN_GONE,
    BROKEN_SERVES,
    UTC_START_NS,
    changed,
    synthetic_run,
)

LINE = '{"time": "2026-01-31T12:00:00.250Z", "mode": "ok", "status": 200, "prompt_tokens": 2, "completion_tokens": 4}'


def served(seconds: Iterable[float], tokens: int = 6) -> tuple[ProviderRequest, ...]:
    """One request at each of these seconds of the run."""
    return tuple(ProviderRequest(UTC_START_NS + seconds_to_ns(at), "ok", 200, 2, tokens - 2) for at in seconds)


def every(step: float, start: float, end: float) -> list[float]:
    return [start + step * number for number in range(int((end - start) / step))]


def tokens_of(record: RunRecord) -> Tokens:
    tokens = report_of(record).result.tokens
    assert tokens is not None
    return tokens


def test_a_run_without_a_provider_has_no_tokens() -> None:
    assert report_of(synthetic_run()).result.tokens is None


def test_each_window_counts_its_own_requests_only() -> None:
    around = served([BASELINE - 0.1, BASELINE + 15.1])
    log = ProviderLog(around + served(every(0.05, BASELINE + 0.01, BASELINE + 15)), served([BROKEN_SERVES - 3]))
    tokens = tokens_of(replace(synthetic_run(), provider=log))
    assert tokens.baseline is not None
    assert tokens.outage is not None
    assert (tokens.baseline.user_requests, tokens.baseline.provider_requests) == (300, 299)
    assert tokens.baseline.tokens_per_user_request == pytest.approx(6, rel=0.01)
    assert (tokens.outage.provider_requests, tokens.cost_ratio) == (0, 0)


def test_a_broken_pod_that_burns_tokens_after_the_recovery_is_on_the_outages_bill_until_it_is_gone() -> None:
    usual = served(every(0.05, BASELINE + 0.01, BASELINE + 15))
    burn = served(every(0.01, BROKEN_SERVES + 0.2, 32.6))
    tokens = tokens_of(replace(synthetic_run(), provider=ProviderLog(usual, burn)))
    assert tokens.outage is not None
    assert tokens.outage.seconds > BROKEN_GONE - BROKEN_SERVES + 1
    assert tokens.outage.provider_requests == pytest.approx(len(burn), abs=2)
    assert tokens.cost_ratio == pytest.approx(5, rel=0.05)


def test_an_outage_that_never_ended_counts_to_the_restore() -> None:
    log = ProviderLog(served(every(0.05, BASELINE, BASELINE + 15)), served([BACK - 0.1, BACK + 2]))
    record = changed(changed(synthetic_run(recovers=False), RecoveryHeld), RolledBack)
    tokens = tokens_of(replace(record, provider=log))
    assert tokens.outage is not None
    assert tokens.outage.provider_requests == 1


def test_without_an_outage_or_without_a_second_log_there_is_no_ratio() -> None:
    log = ProviderLog(served([BASELINE + 1]), None)
    tokens = tokens_of(replace(synthetic_run(), provider=log))
    assert (tokens.outage, tokens.cost_ratio) == (None, None)


def test_a_log_is_written_and_read_back_the_same() -> None:
    (request,) = provider_requests(LINE)
    assert request.at_utc_ns == 1_769_860_800_250_000_000
    requests = (request, replace(request, status=None, mode="hang"))
    assert provider_requests(provider_log_text(requests)) == requests


@pytest.mark.parametrize(
    "change",
    [
        {"time": "2026-01-31T12:00:00"},
        {"time": 5},
        {"time": "<script>"},
        {"mode": "<b>ok</b>"},
        {"mode": ["ok"]},
        {"status": "200"},
        {"status": True},
        {"status": 99},
        {"prompt_tokens": -1},
        {"prompt_tokens": 1e300},
        {"completion_tokens": True},
        {"completion_tokens": 10**12},
    ],
)
def test_a_line_that_is_no_request_is_left_out(change: dict[str, object]) -> None:
    assert provider_requests(f"started\n{json.dumps({**json.loads(LINE), **change})}\n{LINE}") == provider_requests(
        LINE
    )


@pytest.mark.parametrize("text", ["", "\n\n", "[]", "null", "[" * 900, LINE[:-1], LINE + " " * 1000, "\x00{}"])
def test_what_is_no_log_at_all_holds_no_request(text: str) -> None:
    assert provider_requests(text) == ()


def test_nothing_a_pod_wrote_beside_its_numbers_reaches_the_evidence() -> None:
    hostile = json.dumps({**json.loads(LINE), "key": "sk-secret", "note": "<script>"})
    assert provider_log_text(provider_requests(hostile)) == provider_log_text(provider_requests(LINE))
