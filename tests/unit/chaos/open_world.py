"""A control of the tests' own: opens a drill of fakes in the place of `record_timeline`. Which one says the
experiment's `theatre`, which chaoslib carries along."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from flowdrill.chaos.asking import Asked
from flowdrill.chaos.configured import put_session
from flowdrill.chaos.session import Session
from flowdrill.drilling.runs import FinishedRun, Pilot, RunWith, reported
from flowdrill.edges.runfolder.folder import OUTCOMES, RunFolder
from flowdrill.engine.facts import Fact, RecordsArrived
from flowdrill.engine.run import run
from flowdrill.errors import FlowdrillError
from flowdrill.model.events import Event
from flowdrill.model.outcome import FILE_HEADER
from flowdrill.preparing.chaos_activities import sure_secrets
from flowdrill.preparing.drill_file import DrillFile
from flowdrill.preparing.opening import Cluster, OpenDrill
from tests.fakes.paced_time import PacedTime
from tests.fakes.world import World, drill_of

_POST = SimpleNamespace(context="the-drills", kubeconfig="/the/drills")
DRILL = {
    "baseline": {"window": "1s", "max_bad_ratio": "30%"},
    "hold": "1s",
    "detect": {"limit": "20s"},
    "rollback": {"limit": "20s"},
}


@dataclass
class Theatre:
    """A world in real time, and what becomes of the drill in it."""

    out: Path
    drill: dict[str, Any] = field(default_factory=dict)
    refuses: FlowdrillError | None = None
    session: Session | None = None
    hidden: tuple[str, ...] = ("hidden-text",)
    hands_over: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.world = World(drill=drill_of(**{**DRILL, **self.drill}), time=PacedTime(), step_seconds=0.1)

    def carry_out(
        self, plan: DrillFile, where: Cluster, asked: RunWith, pilot: Pilot, say: Callable[[str], None]
    ) -> FinishedRun:
        """What `run_steered` does, with fakes."""
        if self.refuses is not None:
            raise self.refuses
        world, lock = self.world, threading.RLock()
        here = SimpleNamespace(workload=world.workload, registry=world.registry, environ={}, post=_POST)
        pilot.opened(cast("OpenDrill", here))
        hidden = sure_secrets(asked.hidden)
        with RunFolder.create(self.out, world.drill, world.scenario, datetime.now(UTC), hidden) as folder:
            outcomes = folder.path / OUTCOMES
            outcomes.write_bytes(FILE_HEADER)

            def emit(event: Event) -> None:
                with lock:
                    folder.emit(event)
                    world.emit(event)
                    pilot.emit(event)

            def tell(fact: Fact) -> None:
                if isinstance(fact, RecordsArrived):
                    with outcomes.open("ab") as file:
                        file.write(b"".join(one.pack() for one in fact.records))
                world.time.tell(fact)

            ports = replace(world.ports(), steering=pilot, evidence=folder, tell=tell)
            pilot.take(folder.path, ports, emit, lambda: None)
            outcome = run(world.order(), ports, emit)
        pilot.ended(folder.path, outcome)
        return FinishedRun(folder.path, outcome, reported(folder.path, outcome, None))


def before_experiment_control(context: dict[str, Any], configuration: dict[str, Any], **_: Any) -> None:
    theatre = context["theatre"]
    plan = cast("DrillFile", SimpleNamespace(drill=theatre.world.drill))
    run_with = RunWith(out=theatre.out, hidden=theatre.hidden)
    experiment = {name: value for name, value in context.items() if name != "theatre"}
    asked = Asked(plan, Cluster(None, None), run_with, experiment, dry=context.get("dry") is not None)
    theatre.session = Session(asked, theatre.carry_out)
    put_session(configuration, theatre.session)
    theatre.session.open()


def after_experiment_control(context: dict[str, Any], state: dict[str, Any], configuration: dict[str, Any]) -> None:
    configuration["flowdrill_session"].finish(state)
