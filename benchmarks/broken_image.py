"""What it takes to make a broken image from a stable one of 170 MB: seconds, and bytes over the wire both ways.

Beside it, in the same run: pushing the stable image as a whole. A proxy before the embedded cluster's registry counts
every byte of every connection. Goals: under 1 s, and nothing moves but the new layer, configurations and manifests.

    python benchmarks/broken_image.py [--megabytes 170] [--smoke]
"""

from __future__ import annotations

import argparse
import json
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import temporary_cluster
from flowdrill.cluster.state_folder import Settings
from flowdrill.edges.planfiles.reading import find_scenario
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.model.image_reference import ImageReference, parse_image_reference
from flowdrill.oci.client import open_registry
from flowdrill.oci.image_config import ConfigEdit
from flowdrill.oci.layer import make_layer
from flowdrill.oci.repository import Repository
from flowdrill.oci.stored_image import image_with, publish, stored_image

FLOW = Path(__file__).parents[1] / "scenarios" / "flows" / "greeting.json"


@dataclass(frozen=True, slots=True)
class Cost:
    """One measurement."""

    stable_megabytes: float
    whole_push_seconds: float
    broken_image_seconds: float
    broken_image_kilobytes_moved: float
    broken_image_kilobytes_new: float


class CountingProxy:
    """Carries connections to a port on loopback and counts the bytes of both directions."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.bytes = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._port))
                for one, other in ((client, server), (server, client)):
                    threading.Thread(target=self._carry, args=(one, other), daemon=True).start()

    def _carry(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while data := one.recv(1 << 16):
                self.bytes += len(data)
                other.sendall(data)
            other.shutdown(socket.SHUT_WR)


@contextmanager
def counted_registry() -> Iterator[tuple[str, CountingProxy]]:
    with temporary_cluster(Settings()) as cluster, closing(CountingProxy(cluster.settings.registry_port)) as proxy:
        push_base_image(cluster.registry, "benchmark")
        yield f"127.0.0.1:{proxy.port}", proxy


def measured(megabytes: int) -> Cost:
    scenario = find_scenario("edge-missing")
    with counted_registry() as (registry, proxy):
        images = ImageRegistry(open_registry, scenario.read_source)
        with closing(images), closing(open_registry(registry)) as client:
            repository = Repository(client, "langflow-base")
            base = stored_image(repository, parse_image_reference(f"{registry}/langflow-base:benchmark"), None)
            runtime = make_layer({"/app/runtime": secrets.token_bytes(megabytes * 1_000_000)})
            began = time.monotonic()
            publish(image_with(base, runtime, ConfigEdit("a runtime")), repository, "whole")
            whole_seconds = time.monotonic() - began
            whole = parse_image_reference(f"{registry}/langflow-base:whole")
            to = ImageReference(registry, "flows/greeting", "1.0.0", None)
            stable = images.make_flow_image(FLOW.read_bytes(), FLOW.name, whole, to).reference
            before, began = proxy.bytes, time.monotonic()
            prepared = images.prepare_broken(stable, scenario.scenario)
            images.push(prepared)
            took, moved = time.monotonic() - began, proxy.bytes - before
    return Cost(
        megabytes, round(whole_seconds, 3), round(took, 3), round(moved / 1000, 1),
        round(prepared.image.new_bytes / 1000, 1),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=170)
    parser.add_argument("--smoke", action="store_true", help="only see that it runs")
    options = parser.parse_args()
    cost = measured(5 if options.smoke else options.megabytes)
    for name, value in asdict(cost).items():
        print(f"{name.replace('_', ' '):<30} {value}")
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main()
