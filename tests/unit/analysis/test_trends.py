"""Which runs are on one line, and where a release lies between two of them."""

from __future__ import annotations

from flowdrill.analysis.history import in_order
from flowdrill.analysis.trends import only_last, releases_of, trends_of
from tests.unit.report.sample_history import digest, run


def test_runs_of_other_drills_and_other_targets_are_not_on_one_line() -> None:
    runs = [run("2026-11-01"), run("2026-11-02", namespace="search"), run("2026-11-03", drill="b"), run("2026-11-04")]
    trends = trends_of(in_order(runs))
    assert [(trend.drill, [(one.target, len(one.runs)) for one in trend.targets]) for trend in trends] == [
        ("b", [("shop/deployment/flow on lab", 1)]),
        ("edge-missing", [("search/deployment/flow on lab", 1), ("shop/deployment/flow on lab", 2)]),
    ]
    assert [one.day for one in trends[1].targets[1].runs] == ["2026-11-01", "2026-11-04"]


def test_a_cluster_whose_address_alone_changed_is_the_same_target() -> None:
    runs = [run("2026-11-01"), run("2026-11-02", cluster="lab (https://127.0.0.1:7777)")]
    assert len(trends_of(runs)[0].targets) == 1


def test_another_digest_and_another_version_are_releases() -> None:
    second = {"stable_digest": digest(2), "stable_reference": "flow:1.1"}
    runs = [
        run("2026-11-01"),
        run("2026-11-02"),
        run("2026-11-03", **second),
        run("2026-11-04", **second, tool_version="0.2.0"),
    ]
    assert [(one.before, one.what, one.old, one.new) for one in releases_of(runs)] == [
        (2, "stable image", f"registry.example/flow:1.0@{digest(1)}", f"flow:1.1@{digest(2)}"),
        (3, "flowdrill", "0.1.0", "0.2.0"),
    ]


def test_a_run_that_knew_no_image_is_no_release() -> None:
    unknown = {"stable_digest": None, "stable_reference": None}
    assert releases_of([run("2026-11-01"), run("2026-11-02", **unknown), run("2026-11-03")]) == ()
    changed = releases_of([run("2026-11-01"), run("2026-11-02", **unknown), run("2026-11-03", stable_digest=digest(2))])
    assert [one.before for one in changed] == [2]


def test_releases_stay_where_they_are_when_old_runs_are_left_out() -> None:
    runs = [run(f"2026-11-{day:02d}", stable_digest=digest(day // 10)) for day in range(1, 31)]
    (trend,) = trends_of(runs)[0].targets
    last = only_last(trend, 5)
    assert [one.day for one in last.runs] == [f"2026-11-{day}" for day in range(26, 31)]
    assert [last.runs[one.before].day for one in last.releases] == ["2026-11-30"]
    assert only_last(trend, 100) == trend
