"""The product's load as `flowdrill run` starts it: Locust in a process of its own, its records in `outcomes.bin`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from flow_load.service import ROOT
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.load.locust_load import OUTCOME_FILE, LocustLoad
from flowdrill.edges.runfolder.outcome_file import read_outcomes
from flowdrill.engine.facts import Fact, LoadDied
from flowdrill.model.load_plan import LoadPlan
from flowdrill.model.outcome import Record


def plan_of(url: str, rate: float, **plan: object) -> LoadPlan:
    """A drill's load of the small flow service; `plan`: what else a drill says of it."""
    written = {"url": url, "route": "lfx-run", "flow": "echo", "expect": "v1", "requests_per_second": rate, **plan}
    return LoadPlan.model_validate_json(json.dumps(written))


def load_of(plan: LoadPlan, folder: Path) -> LocustLoad:
    """What sends it, as in a drill."""
    file = ROOT / "scenarios" / "load" / "run_flow.py"
    return LocustLoad(plan, environ=os.environ, folder=folder, locust_file=file, clock=MonotonicClock())


class RecordedLoad:
    """Sends from its beginning to its end. Both must be in one thread, which lives as long: Locust dies with it."""

    def __init__(self, url: str, rate: float, folder: Path, **plan: object) -> None:
        self.plan = plan_of(url, rate, **plan)
        self._load = load_of(self.plan, folder)
        self._folder = folder
        self._deaths: list[LoadDied] = []

    def __enter__(self) -> Self:
        self._load.start(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self._load.stop()
        assert not self._deaths, f"the load died: {self._deaths[0]}"

    def _hear(self, fact: Fact) -> None:
        if isinstance(fact, LoadDied):
            self._deaths.append(fact)

    @property
    def records(self) -> Sequence[Record]:
        """All of them, once it has ended."""
        return read_outcomes(self._folder / OUTCOME_FILE).records
