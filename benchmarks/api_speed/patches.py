"""Patches of one object among many: how long each takes until it is answered."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass

from api_servers.connection import MERGE_PATCH, Connection

SPACE = "flowdrill-speed"
MAPS = f"/api/v1/namespaces/{SPACE}/configmaps"


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one round's patches, in milliseconds."""

    p50: float
    p99: float


def fill(connection: Connection, objects: int) -> None:
    """Make a namespace with so many ConfigMaps."""
    connection.ask("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": SPACE}}).encode())
    for number in range(objects):
        body = {"metadata": {"name": f"map-{number}"}, "data": {"turn": "0"}}
        connection.ask("POST", MAPS, json.dumps(body).encode())
    there = json.loads(connection.ask("GET", MAPS))["items"]
    # A real cluster's controllers add one of their own, with the authority's certificate.
    assert sum(one["metadata"]["name"].startswith("map-") for one in there) == objects


def patch_latency(connection: Connection, count: int, first: int) -> Latency:
    """Patch `map-0` so often, each time to another number from `first` on; each answer must show it."""
    took = []
    for turn in range(first, first + count):
        body = turn_to(turn)
        began = time.perf_counter_ns()
        answer = connection.ask("PATCH", f"{MAPS}/map-0", body, MERGE_PATCH)
        took.append((time.perf_counter_ns() - began) / 1e6)
        assert json.loads(answer)["data"]["turn"] == str(turn)
    return Latency(statistics.median(took), percentile_99(took))


def turn_to(turn: int) -> bytes:
    return json.dumps({"data": {"turn": str(turn)}}).encode()


def percentile_99(values: list[float]) -> float:
    """Interpolated between the two next to it; the only one there is when there is one."""
    return statistics.quantiles(values, n=100, method="inclusive")[98] if len(values) > 1 else values[0]


def wait_for_account(connection: Connection) -> None:
    """Until the namespace has its ServiceAccount: then a cluster's controllers are at work. TimeoutError after 60 s."""
    end = time.monotonic() + 60
    while not json.loads(connection.ask("GET", f"/api/v1/namespaces/{SPACE}/serviceaccounts"))["items"]:
        if time.monotonic() > end:
            raise TimeoutError(f"no ServiceAccount in {SPACE} after 60 s: do the controllers work?")
        time.sleep(0.05)
