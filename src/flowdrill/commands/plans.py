"""`plan`: the page that a change approver signs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.fleet_options import refuse_without_selector
from flowdrill.commands.fleets import choice_of
from flowdrill.commands.telling import tell
from flowdrill.drilling.candidates import read_candidate
from flowdrill.drilling.fleets import FleetOrder, fleet_of
from flowdrill.drilling.gating import GateOrder, gate_plans
from flowdrill.drilling.planning import drill_plan
from flowdrill.edges.planfiles.reading import is_suite, read_suite
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import FlowdrillError, PlanError
from flowdrill.preparing.drill_file import DrillFile, plan_of
from flowdrill.preparing.opening import Cluster
from flowdrill.report.plan_text import render_plan, render_plan_markdown


def plan(options: argparse.Namespace) -> ExitCode:
    """Say what a drill will do, or each drill of a suite, of a gate with its candidate, or of a fleet. Exit code 1 when
    one would be refused as things stand."""
    files, several, unplanned = _plans(options)
    cluster = Cluster(options.context, options.kubeconfig)
    plans = [drill_plan(one, cluster, offline=options.offline) for one in files]
    if options.json:
        facts = [one.model_dump(mode="json", by_alias=True) for one in plans]
        print(json.dumps(facts if several else facts[0], indent=2))
    else:
        render = render_plan_markdown if options.markdown else render_plan
        print(visible("\n".join(map(render, plans))), end="")
    for problem in unplanned:
        tell(f"flowdrill: {visible(problem)}")
    return ExitCode.FAIL if unplanned or any(one.refused for one in plans) else ExitCode.PASS


def _plans(options: argparse.Namespace) -> tuple[Sequence[DrillFile], bool, Sequence[str]]:
    """The plans; whether there may be several; and why some have none."""
    gated = options.candidate is not None or options.rollback_to is not None
    if options.candidate_changes is not None and options.candidate is None:
        raise PlanError("--candidate-changes: of which candidate is not said", "name it with --candidate")
    if options.selector is not None:
        if gated or options.offline:
            raise PlanError("--selector goes neither with --candidate nor with --offline", "leave one of them out")
        return _of_fleet(options)
    refuse_without_selector(options)
    if gated:
        return gate_plans(_gate_order(options), offline=options.offline, say=tell), True, ()
    if not is_suite(options.drill):
        return (plan_of(options.drill),), False, ()
    return [plan_of(one) for one in read_suite(options.drill)[1]], True, ()


def _of_fleet(options: argparse.Namespace) -> tuple[Sequence[DrillFile], bool, Sequence[str]]:
    order = FleetOrder(
        options.drill, choice_of(options), options.context, options.kubeconfig, parallel=1, out=options.drill.parent
    )
    found = fleet_of(order).members
    plans = [one.plan for one in found if isinstance(one.plan, DrillFile)]
    return plans, True, [f"{one.target.where}: {one.plan}" for one in found if isinstance(one.plan, FlowdrillError)]


def _gate_order(options: argparse.Namespace) -> GateOrder:
    candidate = None if options.candidate is None else read_candidate(options.candidate, options.candidate_changes)
    return GateOrder(
        suite_file=options.drill,
        context=options.context,
        kubeconfig=options.kubeconfig,
        candidate=candidate,
        rollback_to=options.rollback_to,
        fail_fast=False,
        out=options.drill.parent,
    )
