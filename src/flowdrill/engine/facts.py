"""What the world tells a run while it waits. One inbox, one order: the engine never polls."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.outcome import Record
from flowdrill.model.workload import WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class RecordsArrived:
    """Records came from a Locust process, read at `arrived_ns`."""

    arrived_ns: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class WorkloadChanged:
    """A watch delivered a change, read at `arrived_ns`; `snapshot` is the workload after it."""

    arrived_ns: int
    snapshot: WorkloadSnapshot


@dataclass(frozen=True, slots=True)
class LoadDied:
    """A Locust process ended although nobody had stopped it."""

    arrived_ns: int
    exit_code: int
    last_words: str


@dataclass(frozen=True, slots=True)
class WatchLost:
    """A watch could not be kept up, with the reason; what it showed is no longer current."""

    arrived_ns: int
    problem: str


@dataclass(frozen=True, slots=True)
class StopAsked:
    """SIGINT, SIGTERM or SIGHUP."""

    arrived_ns: int
    signal: str


Fact = RecordsArrived | WorkloadChanged | LoadDied | WatchLost | StopAsked
