"""A run folder of as many requests as wanted, in the frame of a recorded drill; always the same."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from flowdrill.model.instant import NS_PER_SECOND, seconds_to_ns
from flowdrill.model.outcome import FILE_HEADER, Reason, RecordKind
from flowdrill.model.record_columns import RECORD_DTYPE, RecordChunk

GOLDEN = Path(__file__).parents[2] / "tests" / "golden" / "statefulset"
RUN_SECONDS = 12_000  # a drill sends at most 1,000 requests a second
NOISE, HANGING, BROKEN_REPLICAS = 0.0005, 0.0001, 1 / 3
CLIENT_LIMIT_SECONDS = 10
BATCH = 200_000  # requests that are made at once


class Frame:
    """The recorded run, made longer: its events with all times stretched, its plan at another rate."""

    def __init__(self, requests: int, seconds: float) -> None:
        lines = (GOLDEN / "events.jsonl").read_text().splitlines()
        self._events: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self._starts = self._events[0]["clock"]
        took_ns = self._events[-1]["at_ns"] - self._starts["monotonic_ns"]
        self._factor = seconds * NS_PER_SECOND / took_ns
        self.stretched = [self._stretched(event) for event in self._events]
        self.load_ns = self._at("phase started", phase="baseline")
        self.until_ns = self._at("image set", purpose="restore")
        self.broken_ns = self._at("detected") - seconds_to_ns(seconds / 40)
        self.recovered_ns = self._at("rolled back")
        self.rate = requests * NS_PER_SECOND / (self.until_ns - self.load_ns)

    def _at(self, kind: str, **having: str) -> int:
        return next(
            one["at_ns"]
            for one in self.stretched
            if one["event"] == kind and all(one[name] == value for name, value in having.items())
        )

    def _stretched(self, value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: self._stretched(inner, name) for name, inner in value.items()}
        if isinstance(value, list):
            return [self._stretched(inner) for inner in value]
        if not key.endswith("_ns") or value is None:
            return value
        start = self._starts["utc_ns" if key == "utc_ns" else "monotonic_ns"]
        return start + round((value - start) * self._factor)

    def write(self, folder: Path) -> None:
        plan = json.loads((GOLDEN / "plan.json").read_text())
        load = plan["drill"]["load"]
        load["requests_per_second"], load["timeout"] = self.rate, f"{CLIENT_LIMIT_SECONDS}s"
        (folder / "plan.json").write_text(json.dumps(plan))
        for event in self.stretched:
            if event["event"] == "baseline held":
                window = event["window"]
                event["finished"] = round((window["latest_ns"] - window["earliest_ns"]) * self.rate / NS_PER_SECOND)
                event["bad"] = round(event["finished"] * (NOISE + HANGING))
        (folder / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in self.stretched))


def write_run(folder: Path, requests: int) -> None:
    """Write plan, events and outcomes of a run of so many requests."""
    frame = Frame(requests, RUN_SECONDS)
    frame.write(folder)
    rng = np.random.default_rng(1)
    with (folder / "outcomes.bin").open("wb") as file:
        file.write(FILE_HEADER)
        for records in in_order_of_arrival(frame, requests, rng):
            records.tofile(file)


def in_order_of_arrival(frame: Frame, requests: int, rng: np.random.Generator) -> Iterator[RecordChunk]:
    """Every record once it has reached the harness: an answer up to 2 ms after it came."""
    waiting, arrives_ns = np.empty(0, RECORD_DTYPE), np.empty(0, np.int64)
    for first in range(0, requests, BATCH):
        number = np.arange(first, min(first + BATCH, requests))
        left, back = made(frame, number, rng)
        arrives_ns = np.concatenate(
            (arrives_ns, left["sent_ns"], back["finished_ns"] + rng.integers(0, 2_000_000, len(back)))
        )
        order = np.argsort(arrives_ns, kind="stable")
        waiting, arrives_ns = np.concatenate((waiting, left, back))[order], arrives_ns[order]
        last = number[-1] + 1 == requests
        ready = len(waiting) if last else int(np.searchsorted(arrives_ns, int(left["intended_ns"][-1])))
        yield waiting[:ready]
        waiting, arrives_ns = waiting[ready:], arrives_ns[ready:]


def made(frame: Frame, number: np.ndarray, rng: np.random.Generator) -> tuple[RecordChunk, RecordChunk]:
    left = np.zeros(len(number), RECORD_DTYPE)
    left["kind"], left["sequence"] = RecordKind.SENT, number
    left["intended_ns"] = frame.load_ns + (number * (NS_PER_SECOND / frame.rate)).astype(np.int64)
    left["sent_ns"] = left["intended_ns"] + rng.exponential(400_000, len(number)).astype(np.int64)
    back, chance = left.copy(), rng.random(len(number))
    outage = (left["sent_ns"] >= frame.broken_ns) & (left["sent_ns"] < frame.recovered_ns)
    failed, refused = outage & (chance < BROKEN_REPLICAS), (chance > 1 - NOISE)
    hangs = (chance > 1 - NOISE - HANGING) & ~refused
    back["kind"], back["http_status"] = RecordKind.FINISHED, 200
    took_ns = (np.where(failed, 4_000_000, 24_000_000) * rng.lognormal(0, 0.35, len(number))).astype(np.int64)
    for which, reason, status in (
        (failed, Reason.FLOW_ERROR, 500),
        (refused, Reason.CONNECTION, 0),
        (hangs, Reason.NO_ANSWER, 0),
    ):
        back["reason"][which], back["http_status"][which] = reason, status
    back["finished_ns"] = back["sent_ns"] + np.where(hangs, seconds_to_ns(CLIENT_LIMIT_SECONDS), took_ns)
    return left, back
