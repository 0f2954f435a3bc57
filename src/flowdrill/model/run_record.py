"""A run as data: the plan, the events and the outcomes. Everything reports are made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from flowdrill.model.controls import Controls
from flowdrill.model.drill import Drill
from flowdrill.model.events import Event
from flowdrill.model.load_frames import Frame
from flowdrill.model.outcome import Record
from flowdrill.model.provider_log import NOT_READ, ProviderLog
from flowdrill.model.scenario import Scenario
from flowdrill.model.shown import Excerpt

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class RecordDigests:
    """SHA-256 of what was recorded, `sha256:…` each; None for a record that is in no folder."""

    plan: str | None = None  # of plan.json
    controls: str | None = None  # of controls.json
    all: str | None = None  # of the lines that `sha256sum` prints of every file that was recorded, by name


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What a run folder holds. `records` are in the order in which they reached the harness (those of a folder stay in
    their file: `model.record_columns`); `events` are the harness's and, where it took over, the guard's. `torn` names
    the files whose end was cut off in mid-record, and left out; `changed` those whose lines no longer follow from one
    another, each with the first such line. `excerpts` and `sample_lines` (bad answers, a JSON object a line) are pieces
    of the evidence."""

    drill: Drill
    scenario: Scenario
    events: tuple[Event, ...]
    records: Sequence[Record]
    provider: ProviderLog = NOT_READ
    torn: tuple[str, ...] = ()
    changed: tuple[tuple[str, int], ...] = ()
    excerpts: tuple[Excerpt, ...] = ()
    sample_lines: str = ""
    controls: Controls | None = None  # that was recorded with the run
    frames: Iterable[Frame] | None = None  # that workers sent instead of `records`; None: one process sent the load
    digests: RecordDigests = field(default=RecordDigests(), compare=False)  # of the files that it was read from

    def all_of(self, kind: type[E]) -> tuple[E, ...]:
        """Return the events of one type, in order."""
        return tuple(event for event in self.events if isinstance(event, kind))

    def first(self, kind: type[E]) -> E | None:
        """Return the first event of one type, or None."""
        return next((event for event in self.events if isinstance(event, kind)), None)
