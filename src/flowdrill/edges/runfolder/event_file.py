"""`events.jsonl` and `guard.jsonl`, read back: one event a line, as far as whole lines go."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from flowdrill.analysis.event_chain import chain_of
from flowdrill.errors import RunFolderError
from flowdrill.model.events import Event, GuardTookOver, ImageSet, RunStarted, event_from_json, event_to_json
from flowdrill.model.instant import Instant
from flowdrill.regular_file import read_regular

_NOT_THIS_VERSION = "use the flowdrill version that made this run folder, or restore the folder from a copy"
_LINK = "previous"  # the chain's, which is no part of an event
_LONGEST = 80  # characters of somebody else's text


@dataclass(frozen=True, slots=True)
class EventsRead:
    """The events of a file in its order. `torn`: something that was not whole is left out at its end. `changed_at`: the
    first line, from 1, that does not follow from the one before it; None also where lines are not chained."""

    events: tuple[Event, ...]
    torn: bool
    changed_at: int | None = None


def read_events(path: Path, *, only_known: bool = False) -> EventsRead:
    """Return what the file holds. What follows the last line end was never finished, also where it happens to be whole
    JSON; and what a power cut left as NUL bytes was never written, nor is anything behind it to be relied on.
    RunFolderError when a whole line is no event, or with `only_known` says something that this version does not know;
    OSError when the file cannot be read."""
    data = read_regular(path)
    written, nul, _ = data.partition(b"\0")
    *lines, rest = written.split(b"\n")
    events = tuple(_event(path, number, line, only_known=only_known) for number, line in enumerate(lines, 1))
    return EventsRead(events, bool(nul or rest), chain_of(lines).broken_at)


def merged(harness: tuple[Event, ...], guard: tuple[Event, ...]) -> tuple[Event, ...]:
    """Return both streams as one by the instants at which they were written (CLOCK_MONOTONIC of one host), each in its
    own order; of two at the same instant the harness's comes first. What was written after a reboot, or on another
    host, counts by UTC."""
    found: list[Event] = []
    left = list(reversed(_on_one_clock(harness, guard)))
    for event in harness:
        while left and left[-1].at_ns < event.at_ns:
            found.append(left.pop())
        found.append(event)
    return (*found, *reversed(left))


def _on_one_clock(harness: tuple[Event, ...], guard: tuple[Event, ...]) -> list[Event]:
    """The guard's events with the times that the harness's clock would have had: a monotonic clock that is behind the
    run's start is another one. Each time somebody takes over tells the time on both clocks anew."""
    start = next((one.clock for one in harness if isinstance(one, RunStarted)), None)
    shift_ns, found = 0, list[Event]()
    for event in guard:
        if isinstance(event, GuardTookOver) and start is not None:
            now = event.clock
            behind = now.monotonic_ns < start.monotonic_ns
            shift_ns = now.utc_ns - start.utc_ns + start.monotonic_ns - now.monotonic_ns if behind else 0
        found.append(_later(event, shift_ns) if shift_ns else event)
    return found


def _later(event: Event, by_ns: int) -> Event:
    at_ns = event.at_ns + by_ns
    if isinstance(event, ImageSet):
        instant = Instant(event.instant.earliest_ns + by_ns, event.instant.latest_ns + by_ns)
        return replace(event, at_ns=at_ns, instant=instant)
    return replace(event, at_ns=at_ns)


def _within_64_bits(digits: str) -> int:
    number = int(digits)
    if not -(2**63) <= number < 2**63:
        raise ValueError("a number in it has more than 64 bits: no clock shows such a time")
    return number


def _event(path: Path, number: int, line: bytes, *, only_known: bool) -> Event:
    try:
        told = json.loads(line, parse_int=_within_64_bits)
        event = event_from_json(line)
        unknown = _unknown(told, json.loads(event_to_json(event))) - {_LINK} if only_known else set()
    except (ValueError, RecursionError) as error:
        raise RunFolderError(f"{path}:{number}: not an event of this version", _NOT_THIS_VERSION) from error
    if unknown:
        raise RunFolderError(
            f"{path}:{number}: not an event of this version: {min(unknown)[:_LONGEST]!r} is not known to it",
            _NOT_THIS_VERSION,
        )
    return event


def _unknown(told: object, read: object) -> set[str]:
    """The fields of what was told that are not in what was read of it."""
    if isinstance(told, dict) and isinstance(read, dict):
        inner = (_unknown(value, read[key]) for key, value in told.items() if key in read)
        return (told.keys() - read.keys()).union(*inner)
    if isinstance(told, list) and isinstance(read, list):
        return set().union(*map(_unknown, told, read))
    return set()
