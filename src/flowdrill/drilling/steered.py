"""Carrying out a drill that somebody else steers from another thread, step by step: an experiment of Chaos Toolkit."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from flowdrill.drilling.wiring import FinishedRun, Helm, carry_out, reported
from flowdrill.edges.load.locust_load import api_key_of
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.edges.signing.keys import SigningKey
from flowdrill.engine.run import RunOutcome
from flowdrill.history.ledgers import note_verified
from flowdrill.preparing.authority import NOTHING_TOLD, audit_facts_of
from flowdrill.preparing.chaos_activities import sure_secrets
from flowdrill.preparing.drill_file import DrillFile, refuse_unknown_url
from flowdrill.preparing.opening import Cluster, OpenDrill, open_drill, order_of, permit_for


@dataclass(frozen=True, slots=True)
class SteeredRun:
    """What a steered drill is carried out with, beside its plan."""

    out: Path
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    approved: Sequence[str] = ()
    hidden: tuple[str, ...] = ()  # texts that must not be written down, beside the drill's own secrets
    signing_key: SigningKey | None = None


class Pilot(Helm, Protocol):
    """The helm, and what it needs before and after the run itself."""

    def opened(self, here: OpenDrill) -> None:
        """Everything that the drill is about is connected."""
        ...

    def ended(self, folder: Path, outcome: RunOutcome) -> None:
        """The run is over, and all is put back as far as it could be. Returns once everything that is not the run's own
        lies in its folder, too: then the reports are written."""
        ...


def run_steered(
    plan: DrillFile, where: Cluster, run: SteeredRun, pilot: Pilot, say: Callable[[str], None]
) -> FinishedRun:
    """Carry out a drill as `run_plan` does, but for who says when. FlowdrillError before a run has begun."""
    drill = plan.drill
    refuse_unknown_url(drill)
    permit = permit_for(plan, where, run.approved, approval_asked=True)
    facts = audit_facts_of(drill, NOTHING_TOLD, run.out)
    if where.context is not None:
        api_key_of(drill.load, run.environ)  # a key that is missing is named before anything is asked
    with open_drill(plan, where, say, run.environ) as here:
        api_key = api_key_of(drill.load, here.environ)
        started = datetime.now(UTC)
        hidden = (
            *((api_key,) if api_key else ()),
            *(here.alerts.secrets if here.alerts is not None else ()),
            *sure_secrets(run.hidden),
        )
        pilot.opened(here)
        with RunFolder.create(run.out, drill, plan.found.scenario, started, hidden, plan.controls) as folder:
            order = replace(order_of(plan, here.workload, started, permit), audit=facts)
            outcome = carry_out(order, here, folder, pilot, pilot)
        pilot.ended(folder.path, outcome)
        report = reported(folder.path, outcome, run.signing_key)
        noted = None if outcome.error is not None else note_verified(here.ledger, report.result)
    return FinishedRun(folder.path, outcome, report, noted)
