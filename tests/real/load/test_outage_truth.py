"""The measured outage against the truth: a server that flips to failing and back at known instants, under real load."""

from __future__ import annotations

import statistics

import pytest

from flowdrill.analysis.outage import failing_window
from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.model.instant import Instant
from flowdrill.model.outcome import Record

FLIPS = 50  # `benchmarks/outage_error.py` has 200, beside what others would have measured
LATENCY_OBJECTIVE_NS = 2 * 10**9


@pytest.mark.parametrize(("rate", "mean_seconds"), [(20, 0.8), (100, 0.4), (250, 0.4)])
def test_the_bounds_hold_the_truth(flow_server, new_load, rate, mean_seconds):
    load = new_load(flow_server.url, rate, timeout="5s")
    load.start()
    truth = flow_server.ask(f"flip {rate} {FLIPS} {mean_seconds}")
    flips_ns = truth["flips_ns"]
    end_ns = flips_ns[-1] + round(mean_seconds * 1e9)
    load.until(lambda load: bool(load.finished) and load.finished[-1].sent_ns > end_ns, limit_seconds=300)
    load.stop()

    edges_ns = [truth["start_ns"], *flips_ns, end_ns]
    records = load.recorded
    held, errors_ns = 0, []
    for down in range(1, FLIPS, 2):
        from_ns = (edges_ns[down - 1] + edges_ns[down]) // 2
        until_ns = (edges_ns[down + 1] + edges_ns[down + 2]) // 2
        impact, recovered = measured(records, from_ns, until_ns)
        for instant, true_ns in ((impact, edges_ns[down]), (recovered, edges_ns[down + 1])):
            held += instant.earliest_ns <= true_ns <= instant.latest_ns
            errors_ns.append(abs(instant.middle_ns - true_ns))

    median_ns = statistics.median(errors_ns)
    print(  # noqa: T201  (shown by pytest -s)
        f"\n{rate} requests/s: bounds held {held}/{FLIPS}, error median {median_ns / 1e6:.2f} ms, "
        f"largest {max(errors_ns) / 1e6:.2f} ms, interval {1e3 / rate:.0f} ms"
    )
    assert held == FLIPS
    assert median_ns <= 1e9 / rate


def measured(records: tuple[Record, ...], from_ns: int, until_ns: int) -> tuple[Instant, Instant]:
    """Return impact and recovery as the analysis sees them in one stretch of the run."""
    stretch = [record for record in records if from_ns <= record.sent_ns <= until_ns]
    known = outcomes_of(stretch, LATENCY_OBJECTIVE_NS, records[-1].finished_ns or records[-1].sent_ns)
    window = failing_window(known.outcomes, normal_bad_ratio=0.0, from_ns=from_ns)
    assert window is not None
    assert window.recovered is not None
    return window.impact, window.recovered
