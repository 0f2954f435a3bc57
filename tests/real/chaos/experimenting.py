"""A real `chaos run` of an experiment about a small service, followed by its run folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.real.kill.arena import Arena
from tests.real.kill.running import RunningDrill
from tests.real.kill.stage import Stage, stage_on
from tests.real.kill.who_wrote import Write, writes_of_flowdrill
from tests.unit.chaos.experiments import probe_of, shipped

Json = dict[str, Any]
CHAOS = [sys.executable, "-m", "chaostoolkit", "--no-version-check", "--no-log-file"]
_ENV = {name: text for name, text in os.environ.items() if not name.startswith("FLOWDRILL_CONTEXT")}


@dataclass
class Bench:
    """A service to experiment on, one of its own for every test."""

    arena: Arena
    stage: Stage
    folder: Path
    drill: Json = field(default_factory=dict)

    def experiment(self, change: Callable[[Json], object] = lambda _: None, **drill: Any) -> Path:
        """A shipped one about the service, after `change`; `drill`: what is changed in its plan."""
        plan = yaml.safe_load(self.stage.drill_file.read_text()) | drill
        (self.stage.folder / "of-the-experiment.yaml").write_text(yaml.safe_dump(plan))
        made = shipped()
        del made["secrets"]
        made["controls"][0]["provider"]["arguments"] = {
            "drill": str(self.stage.folder / "of-the-experiment.yaml"),
            "kube_context": "${flowdrill_context}",
            "kubeconfig": "${flowdrill_kubeconfig}",
            "out": "${flowdrill_out}",
        }
        probe_of(made, "time_to_detect")["tolerance"]["range"] = [0, 40]
        probe_of(made, "time_to_recover")["tolerance"]["range"] = [0, 60]
        change(made)
        path = self.folder / "experiment.yaml"
        path.write_text(yaml.safe_dump(made, sort_keys=False))
        return path

    @contextmanager
    def chaos(self, experiment: Path, *options: str) -> Iterator[RunningDrill]:
        """`chaos run`; whatever of it is still there is ended afterwards."""
        out, log = self.folder / "out", self.folder / "output.txt"
        place = self.arena.place
        where = {"FLOWDRILL_CONTEXT": place.context, "KUBECONFIG": place.kubeconfig, "FLOWDRILL_OUT": str(out)}
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*CHAOS, "run", "--journal-path", str(self.journal_file), *options, str(experiment)],
                stdin=subprocess.DEVNULL, stdout=file, stderr=file, cwd=self.folder, start_new_session=True,
                env={**_ENV, **where},
            )  # fmt: skip
        running = RunningDrill(process, out, log)
        try:
            yield running
        finally:
            for pid in (*([] if running.ended() else [process.pid]), *running.guards(), *running.locusts()):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
            process.wait()

    def run(self, experiment: Path, *options: str) -> tuple[int, Json, RunningDrill]:
        """Run one to its end; return its exit code and its journal."""
        with self.chaos(experiment, *options) as running:
            code = running.wait(240)
            assert self.journal_file.is_file(), running.told()
            journal: Json = json.loads(self.journal_file.read_text())
            return code, journal, running

    def writes(self, running: RunningDrill) -> list[Write]:
        """What flowdrill has written to the service's namespace on the embedded cluster, dry runs left out."""
        assert self.arena.cluster is not None
        return writes_of_flowdrill(self.arena.cluster.folder.audit_log, self.stage.stand.play.namespace, running.began)

    @property
    def journal_file(self) -> Path:
        return self.folder / "journal.json"

    def assert_as_before(self, since: float) -> None:
        awaited = self.stage.until_as_before(since, 60.0)
        assert awaited.problems == []


@contextmanager
def bench_on(arena: Arena, folder: Path) -> Iterator[Bench]:
    """A service on the arena's cluster, and nothing left afterwards."""
    (experiments := folder / "experiments").mkdir()
    with stage_on(arena.place, folder / "stage") as stage:
        yield Bench(arena, stage, experiments)
