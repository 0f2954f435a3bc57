"""Embedded cluster: start, patch latency at 1,000 objects, watch fan-out to 100 watchers, and memory, against the real
API server of a test kit.

The claim: the cluster that a drill brings along is up in a tenth of the time of a real Kubernetes' API server, in a
fifth of its memory, and answers a patch within twice its time. The peer is etcd and kube-apiserver alone, on the
loopback; the embedded cluster has, in the same process, its controllers, a node and a registry, and makes its
certificates while it starts: the comparison is generous to the peer.

Each round starts both, one after the other, in alternating order, and takes the time to the first 200 of /readyz, and
the resident memory then; those of the last round stay. They are filled with 1,000 ConfigMaps, and in each round, in
alternating order, 200 patches of one of them are sent over one connection, and 10 changes are heard by 100 watchers,
each with a connection of its own; the client is as lean as can be, and the same. At the end, memory again, of the peer
also with its controllers and its scheduler; and 200 Deployments of 2 processes each roll out on the embedded cluster.

Goals, of the medians of the rounds' ratios, embedded / real: start <= 1/10, memory <= 1/5, a patch's median <= 2.

    python benchmarks/cluster_speed.py [--rounds 5] [--smoke] [--json FILE]
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from api_servers.connection import Connection, address_in
from api_servers.embedded import embedded_cluster
from api_servers.kit import NotHere, Programs, programs
from api_servers.real import controllers, real_api_server
from api_servers.server import ApiServer, rss_megabytes
from api_speed.fan_out import FanOut, Watchers
from api_speed.patches import Latency, fill, patch_latency, wait_for_account
from api_speed.roll_out import roll_out
from api_speed.side_by_side import compared, in_turns
from proof.measure import Claim, Found, Goal, Measure
from proof.program import run_claim, say

from flowdrill.cluster.base_image import push_base_image

CLAIM = Claim(
    "cluster_speed",
    "Embedded cluster: start, patches, watches, memory",
    "a real Kubernetes' API server with its etcd",
)
EMBEDDED, REAL = "embedded", "real"
START, MEMORY, PATCH = Goal(at_most=0.1), Goal(at_most=0.2), Goal(at_most=2)
NOTES = (
    "real: etcd and kube-apiserver alone; embedded: API, controllers, node and registry, which makes its certificates "
    "while it starts",
)
HELD = "objects and watchers"
Start = Callable[[], AbstractContextManager[ApiServer]]


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything."""

    objects: int
    patches: int
    watchers: int
    changes: int
    deployments: int


@dataclass(frozen=True, slots=True)
class Started:
    """One start: until /readyz, and the resident memory then."""

    seconds: float
    megabytes: float


FULL, SMOKE = Size(1000, 200, 100, 10, 200), Size(20, 5, 5, 2, 3)


def measured(options: argparse.Namespace) -> Found:
    size, rounds = SMOKE if options.smoke else FULL, options.rounds
    with tempfile.TemporaryDirectory(prefix="kubernetes-") as path:
        kit, skipped = kit_in(Path(path))
        ways: dict[str, Start] = {EMBEDDED: embedded_cluster}
        if kit is not None:
            ways[REAL] = lambda: real_api_server(kit)
        starts = in_turns(tuple(ways), rounds - 1, lambda side, _: started_and_stopped(side, ways[side]))
        with ExitStack() as kept:
            servers = {side: kept.enter_context(start()) for side, start in ways.items()}
            for side, server in servers.items():
                starts[side].append(started(server))
            measures = [*of_starts(starts), *of_filled(servers, size, rounds)]
            if kit is not None:
                measures.append(with_controllers(kit, servers[REAL]))
        return Found((*measures, *rolled_out(size)), skipped, NOTES, () if kit is None else kit.versions)


def kit_in(folder: Path) -> tuple[Programs | None, tuple[str, ...]]:
    """The real one's programs, or why there are none."""
    try:
        return programs(folder), ()
    except NotHere as missing:
        return None, (str(missing),)


def started_and_stopped(side: str, start: Start) -> Started:
    say(f"start: {side}")
    with start() as server:
        return started(server)


def started(server: ApiServer) -> Started:
    return Started(server.up_seconds, rss_megabytes(server.pids))


def of_starts(starts: Mapping[str, Sequence[Started]]) -> tuple[Measure, ...]:
    seconds = {side: [one.seconds for one in of_side] for side, of_side in starts.items()}
    megabytes = {side: [one.megabytes for one in of_side] for side, of_side in starts.items()}
    return (
        *compared("start", "until ready", "s", seconds, START),
        *compared("start", "memory then", "MB", megabytes, MEMORY),
    )


def of_filled(servers: Mapping[str, ApiServer], size: Size, rounds: int) -> tuple[Measure, ...]:
    """What servers with many objects do, side by side, and how much memory they have in the end."""
    patches = patched(servers, size, rounds)
    with watched(servers, size, rounds) as heard:
        memory = {side: [rss_megabytes(server.pids)] for side, server in servers.items()}
    objects, watchers = f"{size.objects:,} objects", f"{size.watchers} watchers"
    p50 = {side: [one.p50 for one in of_side] for side, of_side in patches.items()}
    p99 = {side: [one.p99 for one in of_side] for side, of_side in patches.items()}
    half = {side: [one.median for one in of_side] for side, of_side in heard.items()}
    last = {side: [one.last for one in of_side] for side, of_side in heard.items()}
    return (
        *compared(objects, "patch, median", "ms", p50, PATCH),
        *compared(objects, "patch, 99 %", "ms", p99),
        *compared(watchers, "half have heard", "ms", half),
        *compared(watchers, "all have heard", "ms", last),
        *compared(HELD, "memory", "MB", memory, MEMORY),
    )


def patched(servers: Mapping[str, ApiServer], size: Size, rounds: int) -> dict[str, list[Latency]]:
    with ExitStack() as kept:
        connections = {}
        for side, server in servers.items():
            say(f"{size.objects} objects: {side}")
            connections[side] = kept.enter_context(closing(Connection(address_in(server.kubeconfig))))
            fill(connections[side], size.objects)
            patch_latency(connections[side], size.patches, -size.patches)  # until all of it is warm
        say("patches")
        return in_turns(
            tuple(servers), rounds,
            lambda side, turn: patch_latency(connections[side], size.patches, 1 + turn * size.patches),
        )  # fmt: skip


@contextmanager
def watched(servers: Mapping[str, ApiServer], size: Size, rounds: int) -> Iterator[dict[str, list[FanOut]]]:
    """The watchers stay for as long as the context lasts."""
    with ExitStack() as kept:
        watchers = {}
        for side, server in servers.items():
            say(f"{size.watchers} watchers: {side}")
            watchers[side] = kept.enter_context(closing(Watchers(address_in(server.kubeconfig), size.watchers)))
            watchers[side].heard(1_000_000)  # once, until all of it is warm

        def heard(side: str, turn: int) -> FanOut:
            """The medians of some changes."""
            first = 1_000_001 + turn * size.changes
            every = [watchers[side].heard(first + number) for number in range(size.changes)]
            return FanOut(statistics.median(one.median for one in every), statistics.median(one.last for one in every))

        yield in_turns(tuple(servers), rounds, heard)


def with_controllers(kit: Programs, server: ApiServer) -> Measure:
    """The memory of the real one with what the embedded one has in it but for a node and a registry."""
    with controllers(kit, server) as more, closing(Connection(address_in(server.kubeconfig))) as connection:
        wait_for_account(connection)
        megabytes = rss_megabytes((*server.pids, *more))
    return Measure(HELD, "memory: real with controllers and scheduler", "MB", (megabytes,))


def rolled_out(size: Size) -> tuple[Measure, ...]:
    """On the embedded cluster alone: the real one here has no node."""
    case = f"{size.deployments} Deployments of 2"
    with embedded_cluster() as cluster, closing(Connection(address_in(cluster.kubeconfig))) as connection:
        say(case)
        image = push_base_image(cluster.registry, "benchmark")
        fill(connection, 0)
        rolled = roll_out(connection, image, size.deployments)
        assert rolled.failed == 0, f"{rolled.failed} pods failed"
        assert rolled.complete == size.deployments, f"{rolled.complete} of {size.deployments} are complete"
        megabytes = rss_megabytes(cluster.pids)
    return (
        Measure(case, "complete: embedded", "s", (rolled.seconds,)),
        Measure(case, "memory then: embedded", "MB", (megabytes,)),
    )


if __name__ == "__main__":
    sys.exit(run_claim(CLAIM, measured, __doc__, rounds=5))
