"""Puts the edges together. The only module beside the command line that knows them all."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console

from flowdrill.analysis.report_data import report_of
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.host.signals import signals_told
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.load.locust_load import LocustLoad
from flowdrill.edges.planfiles.reading import ScenarioFolder, find_scenario, read_drill, shipped_scenarios
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.edges.runfolder.folder import RunFolder, plan_text, write_durably
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.terminal.live import LiveView
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports
from flowdrill.engine.run import RunOutcome, run
from flowdrill.errors import PlanError
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event
from flowdrill.model.result import Report
from flowdrill.model.scenario import Scenario
from flowdrill.report.html import render_html
from flowdrill.report.junit import render_junit
from flowdrill.report.markdown import render_markdown
from flowdrill.report.result_json import render_result_json

RENDERERS: Mapping[str, Callable[[Report], str]] = {
    "result.json": render_result_json,
    "report.html": render_html,
    "report.md": render_markdown,
    "junit.xml": render_junit,
}


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """A run and its reports, which are written."""

    folder: Path
    outcome: RunOutcome
    report: Report


def run_drill_file(drill_file: Path, *, context: str, kubeconfig: str | None, out: Path) -> FinishedRun:
    """Read the plan, carry out the drill, write its folder. FlowdrillError before a run has begun."""
    drill = read_drill(drill_file)
    found = find_scenario(drill.scenario, near=drill_file.parent)
    api_key = _api_key(drill)
    console = Console(stderr=True, highlight=False, markup=False)
    with ExitStack() as stack:
        workload = stack.enter_context(
            open_workload(context, drill.target, kubeconfig=kubeconfig, rollback_user=drill.rollback.as_user)
        )
        started = datetime.now(UTC)
        hidden = (api_key,) if api_key else ()
        folder = stack.enter_context(RunFolder.create(out, drill, found.scenario, started, hidden))
        view = stack.enter_context(LiveView(console))
        order = _order(drill, found, workload, started)
        outcome = _carry_out(order, found, workload, folder, view, api_key)
    report = write_reports(folder.path)
    return FinishedRun(folder.path, outcome, report)


def read_plan(drill_file: Path) -> tuple[Drill, Scenario]:
    """Return a drill and its scenario; PlanError when either cannot be used as written."""
    drill = read_drill(drill_file)
    return drill, find_scenario(drill.scenario, near=drill_file.parent).scenario


def write_reports(folder: Path) -> Report:
    """Make every report of a run folder anew from what was recorded; the same bytes every time."""
    report = report_of(read_run(folder))
    for name, render in RENDERERS.items():
        write_durably(folder / name, render(report))
    return report


def _carry_out(
    order: RunOrder,
    found: ScenarioFolder,
    workload: KubernetesWorkload,
    folder: RunFolder,
    view: LiveView,
    api_key: str | None,
) -> RunOutcome:
    clock, inbox = MonotonicClock(), QueueInbox()

    def emit(event: Event) -> None:
        folder.emit(event)
        view.emit(event)

    load = LocustLoad(
        order.drill.load,
        environ=os.environ,
        folder=folder.path,
        locust_file=shipped_scenarios() / "load" / "run_flow.py",
        clock=clock,
    )
    access = order.drill.registry
    registry = ImageRegistry(plain_http=access.plain_http, ca_file=access.ca_file, read_source=found.read_source)
    ports = Ports(
        clock=clock,
        inbox=inbox,
        tell=view.told(inbox.tell),
        workload=workload,
        registry=registry,
        load=load,
        evidence=folder,
    )
    with signals_told(inbox.tell):
        return run(order, ports, emit)


def _order(drill: Drill, found: ScenarioFolder, workload: KubernetesWorkload, started: datetime) -> RunOrder:
    plan_digest = hashlib.sha256(plan_text(drill, found.scenario).encode()).hexdigest()
    return RunOrder(
        drill=drill,
        scenario=found.scenario,
        run_id=f"{started:%Y%m%dT%H%M%SZ}-{drill.drill}-{secrets.token_hex(3)}",
        container=workload.container,
        cluster=workload.cluster,
        kubernetes_version=workload.kubernetes_version,
        tool_version=version("flowdrill"),
        plan_digest=f"sha256:{plan_digest}",
        host=socket.gethostname(),
    )


def _api_key(drill: Drill) -> str | None:
    """The key's value comes from the environment only; the plan names the variable."""
    variable = drill.load.api_key_from
    if variable is None:
        return None
    value = os.environ.get(variable)
    if not value:
        raise PlanError(f"load.api_key_from: the environment variable {variable} is not set", f"export {variable}=…")
    return value
