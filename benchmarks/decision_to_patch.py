"""From the detector's decision to the accepted rollback: what the engine adds to a warm patch, and what
`kubectl set image` takes for the same change, run as a process.

On the embedded cluster, and in the same run on a real one where the environment names it (KUBECONFIG,
FLOWDRILL_TEST_CONTEXT). Each round breaks a Deployment and takes it back in each way, in turns: the engine's own
(decide, write it down, patch), by setting the image and by an undo; one patch by the same client over the same
connection; and kubectl's. A watch tells of every change meanwhile, as in a drill. Goals, of the medians: at most 1.5
times a warm patch, and at least 10 times as fast as kubectl.

    python benchmarks/decision_to_patch.py [--rounds 30] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from kubernetes import client, config

from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.host.inbox import QueueInbox
from flowdrill.edges.kubernetes.target_workload import KubernetesWorkload, open_workload
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.deciding import decide
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Ports, RollbackStrategy
from flowdrill.engine.rolling_back import take_the_way_back
from flowdrill.engine.stable_image import Stable
from flowdrill.model.access import Actor
from flowdrill.model.advisories import Advisories, Advisory
from flowdrill.model.drill import Drill
from flowdrill.model.events import Decided, Event, ImageSet, Phase
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.images import BrokenImage, PreparedImage, RetainedImage
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.release import IMAGE_ONLY
from flowdrill.model.scenario import Scenario

KUBECTL = Path(sys.executable).with_name("kubectl")
STABLE, BROKEN = (f"registry.invalid/flow@sha256:{one * 64}" for one in "ab")
OUTSIDE = "outside"  # load, evidence and registry are not asked on the way back


@dataclass(frozen=True, slots=True)
class Speed:
    """One cluster: medians, and ranges, in milliseconds."""

    cluster: str
    rounds: int
    engine_ms: float
    engine_range_ms: tuple[float, float]
    undo_ms: float
    undo_range_ms: tuple[float, float]
    warm_patch_ms: float
    warm_patch_range_ms: tuple[float, float]
    kubectl_ms: float
    kubectl_range_ms: tuple[float, float]
    times_a_warm_patch: float
    times_faster_than_kubectl: float


@dataclass(frozen=True, slots=True)
class Place:
    context: str
    kubeconfig: str


@contextmanager
def deployment(place: Place) -> Iterator[str]:
    """A namespace with a Deployment `app` that wants no pods: nothing else keeps the processors busy."""
    space = f"flowdrill-decision-{secrets.token_hex(3)}"
    with config.new_client_from_config(place.kubeconfig, place.context) as api:
        core, labels = client.CoreV1Api(api), {"app": "app"}
        core.create_namespace({"metadata": {"name": space}})
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "flow", "image": STABLE}]}}
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
        try:
            client.AppsV1Api(api).create_namespaced_deployment(space, {"metadata": {"name": "app"}, "spec": spec})
            yield space
        finally:
            core.delete_namespace(space)


class Brake:
    """The engine on one workload, with everything real that a rollback touches: client, watch, inbox, run folder."""

    def __init__(self, workload: KubernetesWorkload, drill: Drill, folder: RunFolder, scenario: Scenario) -> None:
        self.workload, self._folder = workload, folder
        self._clock, self._inbox = MonotonicClock(), QueueInbox()
        self._events: list[Event] = []
        self._drill = drill
        mended = Advisory(id="CVE-1", fixed_in="0.1", what="long mended")
        self._order = RunOrder(
            drill, scenario, "run", "flow", "c", "v1", "0", "sha256:0", "here", b"",
            Advisories(product="langflow", as_of="2026-01-01", advisories=(mended,)),
        )  # fmt: skip
        self._cleared = self._looked()
        workload.start_watching(self._inbox.tell)

    def _looked(self) -> Cleared:
        """What preflight would have found."""
        stable, broken = parse_image_reference(STABLE), parse_image_reference(BROKEN)
        retained = RetainedImage(stable, "m", (), 1)
        revision = None
        while revision is None:  # until the controller has made it
            found = self.workload.surroundings().revisions
            revision = next((one.name for one in found if one.current), None)
        return Cleared(
            before=self.workload.snapshot(),
            stable=Stable(STABLE, stable, frozenset({str(stable.digest)}), None, retained),
            broken=PreparedImage(BrokenImage(broken, stable, (), 0, ()), "m", b"", ()),
            release=IMAGE_ONLY,
            revision=revision,
            template=self.workload.template(),
        )

    def emit(self, event: Event) -> None:
        self._folder.emit(event)
        self._events.append(event)

    def lookout_on_broken(self) -> Lookout:
        """A new lookout that has seen the workload broken, as it is when a detector has fired."""
        self.workload.set_image(BROKEN, "benchmark: break")
        lookout = Lookout(self._clock, self._inbox, self.emit, self._drill.load, self._drill.trigger)
        seen = lookout.wait(lambda _: lookout.workload if self._is_broken(lookout) else None, 30)
        assert seen is not None, "the watch never showed the broken image"
        return lookout

    def _is_broken(self, lookout: Lookout) -> bool:
        """Broken, and settled: the Deployment controller has made the revision and written the status."""
        seen = lookout.workload
        return seen is not None and seen.image == BROKEN and seen.observed_generation >= seen.generation

    def decision_to_patch_ms(self, strategy: RollbackStrategy) -> float:
        """What `brake.py` does once a detector's word is enough."""
        lookout = self.lookout_on_broken()
        ports = self._ports(strategy)
        tell = Narrator(self._clock, self.emit)
        self._events.clear()
        decide(self._order, BROKEN, lookout, ports, tell)
        tell.phase(Phase.ROLL_BACK)
        lookout.catch_up()
        taken = take_the_way_back(self._order, self._cleared, ports, lookout, tell)
        assert taken is not None
        (decided,) = (one for one in self._events if isinstance(one, Decided))
        (image_set,) = (one for one in self._events if isinstance(one, ImageSet))
        return ns_to_seconds(image_set.instant.latest_ns - decided.instant.earliest_ns) * 1000

    def _ports(self, strategy: RollbackStrategy) -> Ports:
        return Ports(
            clock=self._clock, inbox=self._inbox, tell=self._inbox.tell, workload=self.workload, registry=OUTSIDE,
            load=OUTSIDE, evidence=self._folder, rollback=strategy,
        )  # fmt: skip

    def set_image(self) -> float:
        return self.decision_to_patch_ms(SetImage(self.workload, self._clock))

    def undo(self) -> float:
        return self.decision_to_patch_ms(Undo(self.workload, self._clock))

    def warm_patch(self) -> float:
        self.lookout_on_broken()
        return took_ms(lambda: self.workload.set_image(STABLE, "benchmark: roll back", by=Actor.RESPONDER))

    def kubectl(self, place: Place, space: str) -> float:
        self.lookout_on_broken()
        where = ["--kubeconfig", place.kubeconfig, "--context", place.context, "-n", space]
        command = [KUBECTL, *where, "set", "image", "deployment/app", f"flow={STABLE}"]
        return took_ms(lambda: subprocess.run(command, check=True, capture_output=True))


def took_ms(act: Callable[[], object]) -> float:
    began = time.perf_counter_ns()
    act()
    return (time.perf_counter_ns() - began) / 1e6


def measured(name: str, place: Place, rounds: int, out: Path) -> Speed:
    with ExitStack() as stack:
        space = stack.enter_context(deployment(place))
        drill, scenario = plan(space)
        workload = stack.enter_context(open_workload(place.context, drill.target, kubeconfig=place.kubeconfig))
        folder = stack.enter_context(RunFolder.create(out, drill, scenario, datetime.now(UTC)))
        brake = Brake(workload, drill, folder, scenario)
        ways = {
            "engine": brake.set_image,
            "undo": brake.undo,
            "warm": brake.warm_patch,
            "kubectl": lambda: brake.kubectl(place, space),
        }
        for way in ways.values():  # every program and connection is warm, kubectl's files too
            way()
        told: dict[str, list[float]] = {way: [] for way in ways}
        for turn in range(rounds):
            names = list(ways)
            for way in (*names[turn % len(names) :], *names[: turn % len(names)]):
                told[way].append(ways[way]())
    medians = {way: statistics.median(times) for way, times in told.items()}
    ranges = {way: (round(min(times), 2), round(max(times), 2)) for way, times in told.items()}
    return Speed(
        name, rounds,
        round(medians["engine"], 2), ranges["engine"], round(medians["undo"], 2), ranges["undo"],
        round(medians["warm"], 2), ranges["warm"], round(medians["kubectl"], 2), ranges["kubectl"],
        round(medians["engine"] / medians["warm"], 2), round(medians["kubectl"] / medians["engine"], 1),
    )  # fmt: skip


def plan(space: str) -> tuple[Drill, Scenario]:
    load = {"url": "http://127.0.0.1:1", "route": "lfx-run", "flow": "f", "expect": "v1", "requests_per_second": 20}
    drill = {
        "drill": "decision",
        "target": {"namespace": space, "workload": "deployment/app"},
        "scenario": "decision",
        "load": load,
        "objectives": {"outage": "60s"},
    }
    scenario = {
        "scenario": "decision",
        "story": "s",
        "changes": {"command": ["false"]},
        "symptom": "bad-answers",
        "seen_by_users": "500",
    }
    return Drill.model_validate_json(json.dumps(drill)), Scenario.model_validate_json(json.dumps(scenario))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--smoke", action="store_true", help="two rounds on the embedded cluster, to see that it runs")
    options = parser.parse_args()
    rounds, real = (2, None) if options.smoke else (options.rounds, os.environ.get("FLOWDRILL_TEST_CONTEXT"))
    with tempfile.TemporaryDirectory() as path:
        out = Path(path)
        with temporary_cluster(Settings()) as running:
            here = Place("flowdrill", str(running.folder.kubeconfig))
            speeds = [measured("embedded", here, rounds, out / "embedded")]
        if real:
            speeds.append(measured("real", Place(real, os.environ["KUBECONFIG"]), rounds, out / "real"))
    goals = {"times_a_warm_patch": "at most 1.5", "times_faster_than_kubectl": "at least 10"}
    print(f"{'':28} " + " ".join(f"{one.cluster:>18}" for one in speeds))
    for name in asdict(speeds[0]):
        if name != "cluster":
            goal = f"  (goal: {goals[name]})" if name in goals else ""
            shown = " ".join(f"{_text(getattr(one, name)):>18}" for one in speeds)
            print(f"{name.replace('_', ' '):28} {shown}{goal}")
    print(json.dumps([asdict(one) for one in speeds]))


def _text(value: float | tuple[float, float]) -> str:
    return f"{value[0]} to {value[1]}" if isinstance(value, tuple) else str(value)


if __name__ == "__main__":
    main()
