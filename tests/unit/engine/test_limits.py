"""The limits that stop a drill: each at its bound and not below, never during the restore, and explained."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.terminal.lines import line_of
from flowdrill.edges.terminal.summary import summary_of
from flowdrill.model.around import Neighbour, NodeState
from flowdrill.model.events import End, ImageSet, LimitReached, Phase, PhaseStarted, Purpose
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.limits_plan import LimitName
from flowdrill.model.quantity import duration_text, ratio_text
from flowdrill.model.result import Assessment, Report, Verdict
from flowdrill.model.status import Status
from flowdrill.report.html import render_html
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import render_markdown
from tests.fakes.fake_look import FakeLook
from tests.fakes.world import World, drill_of

SEARCH = Neighbour("deployment/search", ready=3, wanted=3)
WORKER = NodeState("worker-1", ready=True)
PROMETHEUS = {"url": "http://127.0.0.1:9090", "alerts": {"FlowFailing": {}}}
Change = Callable[[FakeLook], object]


def world_of(*, slo: dict[str, str] | None = None, **limits: Any) -> World:
    return World(drill=drill_of(limits=limits, **({} if slo is None else {"slo": slo})))


def looked_at(limit: LimitName, *first: Any, problem: str | None = None) -> tuple[World, FakeLook]:
    world = World()
    look = world.around[limit] = FakeLook(world.time, limit, *first, problem=problem)
    return world, look


def after_the_break(limit: LimitName, change: Change, *first: Any) -> World:
    """A run in which something changes around the drill once it is broken."""
    world, look = looked_at(limit, *first)
    world.at_the_break = lambda: change(look)
    world.run()
    return world


def limit_of(world: World, name: str) -> Assessment:
    (found,) = (one for one in report_of(world.record()).result.limits if one.name == name)
    return found


def assert_stopped(world: World, limit: LimitName, observed: str) -> Report:
    """The limit ended the run, everything is as before, and the report says why."""
    (reached,) = world.all_of(LimitReached)
    assert (reached.limit, reached.observed) == (limit, observed)
    assert world.problems_left() == []
    report = report_of(world.record())
    result, told = report.result, limit_of(world, limit)
    assert (result.end, result.verdict) == (End.LIMIT, Verdict.INCONCLUSIVE)
    assert result.reasons[0] == f"stopped by a limit: {limit}: {observed} (limit: {told.required})"
    assert (told.status, told.observed) == (Status.FAIL, observed)
    return report


def assert_not_stopped(world: World, limit: LimitName, status: Status = Status.PASS) -> None:
    assert world.all_of(LimitReached) == []
    assert report_of(world.record()).result.verdict is Verdict.PASS
    assert limit_of(world, limit).status is status


def cost_of_a_whole_drill() -> tuple[int, float]:
    """The bad requests from the break on, and the seconds until the restore begins."""
    world = world_of(bad_requests=10_000)
    world.run()
    bad = int(limit_of(world, "bad_requests").observed.removesuffix(" bad requests"))
    restore = next(event.at_ns for event in world.all_of(PhaseStarted) if event.phase is Phase.RESTORE)
    return bad, ns_to_seconds(restore - world.events[0].at_ns)


def test_as_many_bad_requests_as_the_limit_stop_the_drill_and_one_less_does_not() -> None:
    bad, _ = cost_of_a_whole_drill()
    assert bad > 10
    stopped = world_of(bad_requests=bad)
    outcome = stopped.run()
    assert (outcome.end, outcome.error) == (End.LIMIT, None)
    assert_stopped(stopped, LimitName.BAD_REQUESTS, f"{bad} bad requests since the break")
    spared = world_of(bad_requests=bad + 1)
    spared.run()
    assert_not_stopped(spared, LimitName.BAD_REQUESTS)


def test_a_limit_stops_long_before_the_drill_would_and_restores_at_once() -> None:
    world = world_of(bad_requests=1)
    world.run()
    assert_stopped(world, LimitName.BAD_REQUESTS, "1 bad requests since the break")
    assert [event.purpose for event in world.all_of(ImageSet)] == [Purpose.BREAK, Purpose.RESTORE]
    (reached,) = world.all_of(LimitReached)
    restored = world.all_of(ImageSet)[-1]
    assert reached.at_ns <= restored.instant.earliest_ns


def test_bad_requests_of_the_baseline_do_not_count() -> None:
    world = World(drill=drill_of(baseline={"window": "60s"}, limits={"bad_requests": 5}, detect={"limit": "20s"}))
    world.noise_every = 100
    world.bites = False
    world.at_the_break = lambda: setattr(world, "noise_every", 0)
    assert world.run().end is End.NOT_BROKEN
    assert world.all_of(LimitReached) == []


def test_the_burned_error_budget_stops_the_drill_at_its_share_as_the_report_computes_it() -> None:
    bad, _ = cost_of_a_whole_drill()
    slo = {"availability": "99%", "period": "1h"}
    burned = bad / (0.01 * 20 * 3600)
    stopped = world_of(slo=slo, error_budget=ratio_text(round(burned - 1e-9, 10)))
    stopped.run()
    (reached,) = stopped.all_of(LimitReached)
    report = assert_stopped(stopped, LimitName.ERROR_BUDGET, reached.observed)
    assert f"burned by {bad} bad requests" in reached.observed
    assert report.result.requests.error_budget is not None
    assert report.result.requests.error_budget.burned_ratio == pytest.approx(burned)
    spared = world_of(slo=slo, error_budget=ratio_text(round((bad + 0.5) / 720, 10)))
    spared.run()
    assert_not_stopped(spared, LimitName.ERROR_BUDGET)


def test_noise_burns_nothing_that_the_report_would_not_count() -> None:
    plan = {
        "baseline": {"window": "60s"},
        "detect": {"limit": "60s"},
        "slo": {"availability": "99%", "period": "1h"},  # 720 bad requests
        "limits": {"error_budget": "1%"},
    }
    world = World(drill=drill_of(**plan))
    world.noise_every, world.bites = 100, False  # 12 bad requests in the minute after the break
    assert world.run().end is End.NOT_BROKEN
    assert limit_of(world, "error_budget").observed == "0 % burned"


def test_the_wall_clock_stops_the_drill_and_a_moment_more_would_have_been_enough() -> None:
    _, seconds = cost_of_a_whole_drill()
    late = world_of(wall_clock=duration_text(round(seconds - 0.5, 3)))
    late.run()
    (reached,) = late.all_of(LimitReached)
    assert_stopped(late, LimitName.WALL_CLOCK, reached.observed)
    in_time = world_of(wall_clock=duration_text(round(seconds + 0.5, 3)))
    in_time.run()
    assert_not_stopped(in_time, LimitName.WALL_CLOCK)


def test_the_wall_clock_stops_a_run_before_anything_is_broken() -> None:
    world = world_of(wall_clock="15500ms")
    assert world.run().end is End.LIMIT
    assert world.all_of(ImageSet) == []
    assert world.problems_left() == []


def test_without_a_word_a_run_has_twice_what_its_own_limits_add_up_to_and_a_quarter_of_an_hour() -> None:
    drill = drill_of(baseline={"window": "20s"}, detect={"limit": "60s"}, rollback={"limit": "90s"}, hold="10s")
    assert drill.wall_clock_limit_seconds == 2 * 180 + 900
    by_people = drill_of(rollback={"by": "human", "take_over_after": "2h"}, baseline={"window": "20s"})
    assert by_people.wall_clock_limit_seconds > 2 * 7200


def test_another_workload_that_is_short_of_replicas_for_too_long_stops_the_drill() -> None:
    short = Neighbour("deployment/search", ready=1, wanted=3, rolling=True)
    world = after_the_break(LimitName.OTHER_WORKLOADS, lambda look: look.sees(short, 1.0), SEARCH)
    observed = "deployment/search has 1 of 3 replicas ready for 5.00 s, and had 3, in a rollout of its own"
    assert_stopped(world, LimitName.OTHER_WORKLOADS, observed)


@pytest.mark.parametrize(
    "change",
    [
        lambda look: (look.sees(Neighbour(SEARCH.name, 2, 3), 1.0), look.sees(SEARCH, 5.9)),
        lambda look: look.sees(Neighbour(SEARCH.name, 1, 1)),  # somebody has scaled it
        lambda look: look.sees(SEARCH.gone()),  # somebody has deleted it
        lambda look: look.sees(Neighbour("deployment/new", 0, 3)),  # was not there before
        lambda look: (look.sees(Neighbour(SEARCH.name, 4, 4)), look.sees(SEARCH, 0.5)),  # more than before is no bound
    ],
    ids=["a moment", "scaled", "deleted", "new", "back from more"],
)
def test_another_workload_that_does_not_suffer_stops_nothing(change: Change) -> None:
    assert_not_stopped(after_the_break(LimitName.OTHER_WORKLOADS, change, SEARCH), LimitName.OTHER_WORKLOADS)


def test_a_workload_that_was_short_when_it_was_last_seen_is_not_known_to_suffer() -> None:
    def change(look: FakeLook) -> None:
        look.sees(Neighbour(SEARCH.name, 1, 3), 1.0)
        look.goes("the API server is away", 2.0)

    world = after_the_break(LimitName.OTHER_WORKLOADS, change, SEARCH)
    assert_not_stopped(world, LimitName.OTHER_WORKLOADS, Status.WARNING)
    assert limit_of(world, "other_workloads").observed == "not watched all the time: the API server is away"


def test_another_workload_that_suffers_before_the_break_keeps_the_drill_from_breaking_anything() -> None:
    world, look = looked_at(LimitName.OTHER_WORKLOADS, SEARCH)
    look.sees(Neighbour(SEARCH.name, 0, 3), 2.0)
    world.time.after(1.0, lambda: look.sees(Neighbour(SEARCH.name, 0, 3), 1.0))
    assert world.run().end is End.LIMIT
    assert world.all_of(ImageSet) == []
    assert world.problems_left() == []
    assert not look.watching


@pytest.mark.parametrize(
    ("now", "observed"),
    [
        (NodeState("worker-1", False, "it is not ready: kubelet stopped posting"), "it is not ready: kubelet stopped"),
        (WORKER.gone(), "it is gone from the cluster"),
    ],
)
def test_a_node_that_was_ready_and_is_not_stops_the_drill(now: NodeState, observed: str) -> None:
    world = after_the_break(LimitName.NODES, lambda look: look.sees(now, 1.0), WORKER)
    (reached,) = world.all_of(LimitReached)
    assert reached.observed.startswith(f"node worker-1 was ready: {observed}")
    assert_stopped(world, LimitName.NODES, reached.observed)


def test_a_node_that_never_was_ready_stops_nothing_nor_does_a_new_one() -> None:
    def change(look: FakeLook) -> None:
        look.sees(NodeState("worker-2", False, "it is not ready: booting"))
        look.sees(NodeState("old", False, "it is gone from the cluster"))

    old = NodeState("old", False, "it is not ready: since last week")
    assert_not_stopped(after_the_break(LimitName.NODES, change, WORKER, old), LimitName.NODES)


def firing_world(before: Change, then: Change) -> World:
    world, look = looked_at(LimitName.ALERTS)
    world.time.after(0.5, lambda: before(look))
    world.at_the_break = lambda: then(look)
    world.run()
    return world


def test_an_alert_that_begins_to_fire_after_the_break_stops_the_drill() -> None:
    world = firing_world(lambda look: look.fires("Watchdog{}"), lambda look: look.fires("Watchdog{}", "Disk{}"))
    assert_stopped(world, LimitName.ALERTS, "alert Disk{} fires, and was quiet before the break")


def test_many_alerts_are_named_by_the_first() -> None:
    world = firing_world(lambda look: look.fires(), lambda look: look.fires("A{}", "B{}", "C{}", "D{}", "E{}"))
    assert_stopped(world, LimitName.ALERTS, "alerts A{}, B{}, C{} and 2 more fire, and were quiet before the break")


def test_an_alert_that_fired_before_the_break_may_come_back() -> None:
    def then(look: FakeLook) -> None:
        look.fires(after_seconds=0.5)
        look.fires("Disk{}", after_seconds=1.0)

    assert_not_stopped(firing_world(lambda look: look.fires("Disk{}"), then), LimitName.ALERTS)


def test_what_was_asked_before_the_break_is_of_before_it_whenever_the_answer_came() -> None:
    world = firing_world(lambda look: look.fires(), lambda look: look.fires("Disk{}", took_seconds=2.0))
    assert_not_stopped(world, LimitName.ALERTS)


def test_alerts_that_could_not_be_asked_for_before_the_break_accuse_nobody_and_are_noted() -> None:
    world, look = looked_at(LimitName.ALERTS, problem="Prometheus is away")
    world.at_the_break = lambda: (look.goes(None, 0.5), look.fires("Disk{}", after_seconds=0.5))
    world.run()
    assert_not_stopped(world, LimitName.ALERTS, Status.WARNING)


@pytest.mark.parametrize("limit", [LimitName.OTHER_WORKLOADS, LimitName.NODES, LimitName.ALERTS])
def test_what_may_not_be_looked_at_is_noted_and_fails_nothing(limit: LimitName) -> None:
    world, look = looked_at(limit, problem="the harness must not list nodes")
    world.run()
    assert_not_stopped(world, limit, Status.WARNING)
    assert limit_of(world, limit).observed == "not watched all the time: the harness must not list nodes"
    lines = [line for event in world.events if (line := line_of(event)) is not None]
    assert f"limit {limit} is not watched: the harness must not list nodes" in lines
    assert not look.watching


@pytest.mark.parametrize("limit", [LimitName.OTHER_WORKLOADS, LimitName.NODES, LimitName.ALERTS])
def test_a_look_that_never_says_anything_is_not_taken_for_good_news(limit: LimitName) -> None:
    world, look = looked_at(limit)
    look.start_watching = lambda tell: None  # type: ignore[method-assign]
    world.run()
    assert limit_of(world, limit).observed == "not watched: nothing was seen of it before the break"


def test_no_limit_stops_the_restore() -> None:
    """Everything is reached at once, when the restore has begun."""
    world = World(
        drill=drill_of(
            limits={"bad_requests": 300, "error_budget": "1%", "wall_clock": "60s"},
            slo={"availability": "99%", "period": "1500s"},  # 1 % are 3 requests
        )
    )
    world.bites = False
    first = {LimitName.OTHER_WORKLOADS: SEARCH, LimitName.NODES: WORKER}
    for limit in (LimitName.OTHER_WORKLOADS, LimitName.NODES, LimitName.ALERTS):
        world.around[limit] = FakeLook(world.time, limit, *([first[limit]] if limit in first else []))

    def everything_at_once() -> None:
        world.fails = lambda: True
        world.around[LimitName.OTHER_WORKLOADS].sees(Neighbour(SEARCH.name, 0, 3))
        world.around[LimitName.NODES].sees(WORKER.gone())
        world.around[LimitName.ALERTS].fires("Disk{}")
        world.time.pass_seconds(120)

    world.at_the_restore = everything_at_once
    world.at_the_break = lambda: world.stop_after(3)
    assert world.run().end is End.INTERRUPTED
    assert world.all_of(LimitReached) == []
    assert world.problems_left() == []


def test_a_journal_that_is_full_when_a_limit_is_reached_keeps_nothing_from_being_put_back() -> None:
    whole = world_of(bad_requests=1)
    whole.run()
    world = world_of(bad_requests=1)
    world.journal_fails_after = next(i for i, one in enumerate(whole.events) if isinstance(one, LimitReached))
    outcome = world.run()
    assert outcome.error is not None
    assert world.problems_left() == []


def test_every_report_names_the_limit_the_number_and_the_bound() -> None:
    world = world_of(bad_requests=7)
    world.around[LimitName.NODES] = FakeLook(world.time, LimitName.NODES, problem="forbidden")
    world.run()
    report = report_of(world.record())
    observed, bound = "7 bad requests since the break", "fewer than 7 bad requests from the break on"
    for text in (render_html(report), render_markdown(report), render_junit(report), summary_of(report.result)):
        assert observed in text
        assert bound in text
        assert "forbidden" in text
    assert "stopped by one of the drill&#39;s limits" in render_html(report)
    assert 'classname="flowdrill.edge-missing.limits" name="bad_requests"' in render_junit(report)
    assert "LIMIT bad_requests reached: 7 bad requests since the break: everything is put back" in [
        line_of(event) for event in world.events
    ]


def test_of_limits_that_were_kept_a_short_report_says_how_many() -> None:
    world = world_of(bad_requests=10_000, error_budget="50%")
    world.run()
    assert "3 of 3 limits were kept." in render_markdown(report_of(world.record()))


@pytest.mark.parametrize(
    ("limits", "says"),
    [
        ({"bad_requests": 0}, "greater than or equal to 1"),
        ({"bad_requests": "many"}, "valid integer"),
        ({"error_budget": 0.05}, "needs a share in percent"),
        ({"error_budget": "0%"}, "greater than 0"),
        ({"wall_clock": 900}, "needs a duration with its unit"),
        ({"wall_clock": "10s"}, "must be longer than `baseline.window`"),
        ({"alerts": "outside"}, "needs `detect.prometheus`"),
        ({"alerts": "all"}, "'none' or 'outside'"),
        ({"allow_alerts": ["Watchdog"]}, "needs `alerts: outside`"),
        ({"nodes": "maybe"}, "valid boolean"),
        ({"requests": 5}, "not permitted"),
    ],
)
def test_a_limit_that_cannot_be_kept_is_one_clear_error(limits: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as error:
        drill_of(limits=limits)
    (found,) = error.value.errors()
    assert says in found["msg"]


def test_alerts_outside_the_drill_are_watched_where_there_is_a_prometheus() -> None:
    drill = drill_of(detect={"prometheus": PROMETHEUS}, limits={"alerts": "outside", "allow_alerts": ["Watchdog"]})
    assert json.loads(drill.model_dump_json())["limits"]["alerts"] == "outside"
