"""What becomes of a fleet when one of its drills does not pass, harms, or is gone."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from flowdrill.cli.main import main
from flowdrill.drilling import fleets
from flowdrill.drilling.fleet_plans import FleetChoice, plan_for
from flowdrill.drilling.fleets import Fleet, FleetOrder, FleetRun, Member, fleet_of, fleet_runs
from flowdrill.drilling.side_by_side import Job, NotBegun
from flowdrill.edges.host.forked import Defect, Gone, Stopped
from flowdrill.errors import PlanError
from flowdrill.model.fleet import FleetDrill, FleetOutcome
from flowdrill.model.fleet_target import FleetService, FleetTarget
from flowdrill.model.workload import WorkloadKind
from flowdrill.preparing.drill_file import plan_as_written
from flowdrill.preparing.opening import Cluster

ROOT = Path(__file__).parents[2]
CHOICE = FleetChoice("app=langflow", None, "http://{name}.{namespace}.svc")


class InTurn:
    """One job after the other; gives what it was given."""

    def __init__(self, *left: object) -> None:
        self.left, self.stops = [*left], ""
        self.begun: list[str] = []

    def stop(self, why: str) -> None:
        self.stops = self.stops or why

    def run(self, jobs: Sequence[Job]) -> Iterator[tuple[Job, object]]:
        for job in jobs:
            if self.stops:
                yield job, NotBegun(self.stops)
                continue
            self.begun.append(job.shares)
            yield job, self.left.pop(0)


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "base.yaml").write_text((ROOT / "drills" / "edge-missing.yaml").read_text())
    (tmp_path / "drill.yaml").write_text(yaml.safe_dump({"extends": "base.yaml", "drill": "d"}))
    plan = plan_as_written(tmp_path / "drill.yaml")
    targets = [FleetTarget(space, WorkloadKind.DEPLOYMENT, "flow") for space in "abc"]
    return Fleet(plan, Cluster("staging", None), tuple(Member(one, plan_for(plan, one, CHOICE)) for one in targets))


def came_to(outcome: FleetOutcome, stops: str | None = None) -> FleetRun:
    return FleetRun(FleetDrill(namespace="a", workload="deployment/flow", outcome=outcome, reasons=("r",)), stops)


def ended(fleet: Fleet, side_by_side: InTurn, **more: Any) -> list[FleetRun]:
    order = FleetOrder(fleet.plan.path, CHOICE, "staging", None, 1, Path("nowhere"), **more)
    return list(fleet_runs(order, fleet, side_by_side))  # type: ignore[arg-type] # it does all that is asked of it


PASS, FAIL, ERROR = (came_to(one) for one in (FleetOutcome.PASS, FleetOutcome.FAIL, FleetOutcome.ERROR))


@pytest.mark.parametrize(
    ("first", "fail_fast", "begun"),
    [
        (FAIL, False, 3),
        (ERROR, False, 3),
        (FAIL, True, 1),
        (PASS, True, 3),
        (came_to(FleetOutcome.ERROR, "it is not as it was"), False, 1),
        (Gone(-9), False, 1),
        (Stopped(), False, 3),
        (Defect("Traceback\nKeyError: x"), False, 1),
    ],
)
def test_only_harm_and_fail_fast_keep_the_others_from_beginning(
    fleet: Fleet, first: object, fail_fast: bool, begun: int
) -> None:
    side_by_side = InTurn(first, PASS, PASS)
    runs = ended(fleet, side_by_side, fail_fast=fail_fast)
    assert len(side_by_side.begun) == begun
    assert [one.told.outcome for one in runs[begun:]] == [FleetOutcome.NOT_RUN] * (3 - begun)
    assert all(one.told.reasons == (side_by_side.stops,) for one in runs[begun:])


def test_a_process_that_is_gone_is_an_error_that_says_who_puts_things_back(fleet: Fleet) -> None:
    told = ended(fleet, InTurn(Gone(-9)))[0].told
    assert told.outcome is FleetOutcome.ERROR
    assert told.reasons[0].startswith("its process was killed by SIGKILL: `flowdrill status` tells")


def test_one_that_is_not_approved_or_has_no_plan_leaves_the_others_alone(fleet: Fleet) -> None:
    first, *others = fleet.members
    planless = Fleet(fleet.plan, fleet.where, (Member(first.target, PlanError("no URL", "say it")), *others))
    side_by_side = InTurn(PASS, PASS)
    runs = ended(planless, side_by_side)
    assert (runs[0].told.outcome, runs[0].told.reasons) == (FleetOutcome.ERROR, ("no URL", "say it"))
    assert side_by_side.begun == ["b", "c"]
    refused = ended(fleet, side_by_side, approved=(f"sha256:{'a' * 64}",))
    assert {one.told.outcome for one in refused} == {FleetOutcome.ERROR}
    assert all("is not the one that was approved" in one.told.reasons[0] for one in refused)


WEB = FleetService("web", 7860)


@pytest.mark.parametrize(
    ("url", "targets", "refused"),
    [
        ("http://{name}.example.org", [("a", "flow"), ("b", "flow"), ("b", "other")], ["a", "b"]),
        ("http://{namespace}.example.org", [("a", "flow"), ("a", "other"), ("b", "flow")], ["a", "a"]),
        ("http://{service}.{namespace}.svc", [("a", "flow"), ("a", "canary"), ("b", "flow")], []),
        ("http://{service}.example.org", [("a", "flow"), ("b", "flow")], ["a", "b"]),
    ],
)
def test_no_workload_is_judged_by_the_answers_of_another(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, url: str, targets: list[tuple[str, str]], refused: list[str]
) -> None:
    behind = (WEB,) if "{service}" in url else ()
    found = tuple(FleetTarget(space, WorkloadKind.DEPLOYMENT, name, behind) for space, name in targets)
    monkeypatch.setattr(fleets, "find_fleet", lambda *_, **__: found)
    choice = FleetChoice("app=langflow", None, url)
    members = fleet_of(FleetOrder(fleet.plan.path, choice, "staging", None, 1, Path("nowhere"))).members
    assert [one.target.namespace for one in members if isinstance(one.plan, PlanError)] == refused
    assert all("is also that of" in str(one.plan) for one in members if isinstance(one.plan, PlanError))


def test_a_run_that_could_not_be_pushed_is_named_and_is_no_pass(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def ending(*_: object) -> Generator[FleetRun, None, None]:
        yield PASS
        yield replace(PASS, told=PASS.told.model_copy(update={"namespace": "b"}), kept=False)

    for name, gives in (("fleet_of", lambda _: fleet), ("fleet_runs", ending), ("appeared_since", lambda *_: ())):
        monkeypatch.setattr(f"flowdrill.commands.fleets.{name}", gives)
    asked = ["run", str(fleet.plan.path), "--selector", "app=langflow", "--context", "staging", "--out", str(tmp_path)]
    assert main(asked) == 2
    said = capsys.readouterr()
    assert "PASS: drill d" in said.out
    assert "flowdrill: b/deployment/flow: its run is not where it should be" in said.err
    assert "a/deployment/flow: its run" not in said.err
