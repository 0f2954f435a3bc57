"""A benchmark's record: all that one run of it found, as JSON and back."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from proof.machine import Machine
from proof.measure import Claim, Found, Goal, Measure


@dataclass(frozen=True, slots=True)
class Record:
    """`day`: when, as 2026-01-31; `took_seconds`: the whole benchmark."""

    claim: Claim
    found: Found
    machine: Machine
    flowdrill: str
    day: str
    took_seconds: float
    smoke: bool

    @property
    def missed(self) -> tuple[Measure, ...]:
        """The measures that do not meet their goals; a smoke says nothing of goals."""
        return () if self.smoke else tuple(one for one in self.found.measures if one.missed)


def as_json(record: Record) -> str:
    """One object; each measure with its median and whether its goal is met, too."""
    told = asdict(record)
    told["found"]["versions"] = dict(record.found.versions)
    for one, measure in zip(told["found"]["measures"], record.found.measures, strict=True):
        one["median"] = measure.median
        one["met"] = None if measure.goal is None or record.smoke else not measure.missed
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def from_json(text: str) -> Record:
    """What `as_json` wrote."""
    told = json.loads(text)
    found = told["found"]
    return Record(
        Claim(**told["claim"]),
        Found(
            tuple(_measure(one) for one in found["measures"]),
            tuple(found["skipped"]),
            tuple(found["notes"]),
            tuple(found["versions"].items()),
        ),
        Machine(**told["machine"]),
        *(told[name] for name in ("flowdrill", "day", "took_seconds", "smoke")),
    )


def _measure(told: dict[str, Any]) -> Measure:
    goal = None if told["goal"] is None else Goal(**told["goal"])
    return Measure(told["case"], told["name"], told["unit"], tuple(told["values"]), goal)
