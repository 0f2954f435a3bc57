"""What a report shows beside the result: which version was served, how long answers took, bad answers to look at."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest

from flowdrill.analysis.report_data import report_of
from flowdrill.analysis.sample_answers import sample_answers
from flowdrill.analysis.shown_plan import shown_plan
from tests.unit.analysis.synthetic_run import BROKEN_GONE, BROKEN_SERVES, synthetic_run

REPORT = report_of(synthetic_run())


def test_the_broken_version_is_served_for_as_long_as_it_is_behind_the_service() -> None:
    first = next(step for step in REPORT.serving if step.broken)
    gone = next(step for step in REPORT.serving if step.seconds > first.seconds and not step.broken)
    assert first.seconds == pytest.approx(BROKEN_SERVES, abs=0.2)
    assert gone.seconds == pytest.approx(BROKEN_GONE, abs=0.2)
    assert all(step.other == 0 for step in REPORT.serving)


def test_a_step_is_a_change() -> None:
    counts = [(step.stable, step.broken, step.other) for step in REPORT.serving]
    assert len(counts) > 2
    assert all(one != other for one, other in itertools.pairwise(counts))


def test_reasons_over_time_add_up_to_those_of_the_whole_run() -> None:
    by_reason: dict[str, int] = {}
    for column in REPORT.chart:
        assert sum(column.bad_by_reason.values()) == column.bad
        for reason, count in column.bad_by_reason.items():
            by_reason[reason] = by_reason.get(reason, 0) + count
    assert by_reason == REPORT.result.requests.by_reason


def test_latencies_are_told_for_each_window_and_grow_with_the_percentile() -> None:
    assert [row.window for row in REPORT.latencies] == ["before the break", "during the outage", "after the recovery"]
    for row in REPORT.latencies:
        assert row.p50 <= row.p90 <= row.p95 <= row.p99 <= row.highest
    before, during, _ = REPORT.latencies
    assert during.p50 < before.p50, "half of the answers came from the broken pod, which answers at once"
    assert sum(row.requests for row in REPORT.latencies) <= REPORT.result.requests.total


def line(body: object, reason: str = "flow_error", status: object = 500, error: str = "") -> str:
    return json.dumps({"reason": reason, "http_status": status, "body": body, "error": error})


def test_answers_that_look_alike_are_shown_once_with_the_most_frequent_first() -> None:
    found = sample_answers(
        "\n".join([line("rare"), line("often"), line("often"), line("", "connection", 0, "refused")])
    )
    assert [(one.text, one.sampled, one.http_status) for one in found] == [
        ("often", 2, 500),
        ("rare", 1, 500),
        ("refused", 1, None),
    ]


@pytest.mark.parametrize(
    "torn", ['{"reason": "flow_er', "[1]", "null", line(7), line("x", "a", "b")[:-1], "[" * 100_000]
)
def test_a_line_that_is_no_sample_is_left_out(torn: str) -> None:
    assert [one.text for one in sample_answers(f"{line('whole')}\n{torn}\n")] == ["whole"]


def test_what_looks_like_a_secret_is_not_shown_of_an_answer() -> None:
    found = sample_answers("\n".join([line("password: correct-horse"), line("", error="Bearer abcdefghijkl")]))
    assert [one.text for one in found] == ["password: [redacted]", "Bearer [redacted]"]


def test_few_kinds_are_shown_and_a_long_body_is_cut() -> None:
    found = sample_answers("\n".join(line(f"{number}" * 3000) for number in range(20)))
    assert len(found) == 6
    assert all(len(one.text) < 1600 and one.text.endswith("more)") for one in found)


def test_a_plan_is_shown_without_its_secrets() -> None:
    assert shown_plan(
        {
            "load": {
                "api_key_from": "LANGFLOW_API_KEY",
                "headers": {"X-Api-Key": "hunter2hunter2", "Accept": "text/html"},
                "tweaks": [{"name": "API_KEY", "value": "hunter2"}, {"name": "model", "value": "Bearer abcdefghijkl"}],
                "url": "http://user:hunter2@flow.example",
            },
            "rollback": {"command": ["./back", "--token", "hunter2", "--api-key=hunter2", "--to", "1.2"]},
            "password": 1234,
            "passwords": ["hunter2"],
        }
    ) == {
        "load": {
            "api_key_from": "LANGFLOW_API_KEY",
            "headers": {"X-Api-Key": "[redacted]", "Accept": "text/html"},
            "tweaks": [{"name": "API_KEY", "value": "[redacted]"}, {"name": "model", "value": "Bearer [redacted]"}],
            "url": "http://user:[redacted]@flow.example",
        },
        "rollback": {"command": ["./back", "--token", "[redacted]", "--api-key=[redacted]", "--to", "1.2"]},
        "password": "[redacted]",
        "passwords": ["[redacted]"],
    }


def test_the_plan_of_a_report_is_the_one_that_may_be_shown() -> None:
    run = synthetic_run()
    drill = run.drill.model_copy(update={"description": "with password: hunter2"})
    assert report_of(replace(run, drill=drill)).plan["description"] == "with password: [redacted]"
