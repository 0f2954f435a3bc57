"""What people did and were told, in the order of time."""

from __future__ import annotations

from collections.abc import Iterator

from flowdrill.analysis.measure import image_set
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import Acknowledged, BrokenImageMade, Detected, ImageSet, Injected, Purpose
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.noticed import GameDay, GameDayEntry, GameDayKind
from flowdrill.model.quantity import format_seconds
from flowdrill.model.run_record import RunRecord

_Told = tuple[GameDayKind, Instant, str, str]  # kind, when, who, what


def game_day_of(record: RunRecord, clock: RunClock) -> GameDay | None:
    """Return a run's game day; None where people were neither waited for nor heard, and were told nothing."""
    drill, rolled_back = record.drill, image_set(record, Purpose.ROLL_BACK)
    heard = any(isinstance(event, Acknowledged | Injected) for event in record.events)
    if not (drill.by_people or heard):
        return None
    broken = image_set(record, Purpose.BREAK)
    told = sorted(_told(record, broken, rolled_back), key=lambda one: one[1].latest_ns)
    by_people = rolled_back is not None and rolled_back.by_people
    return GameDay(
        by_people=drill.by_people,
        take_over_after=drill.rollback.human_limit_seconds if drill.by_people else None,
        rolled_back_by=rolled_back.identity if rolled_back is not None and by_people else None,
        how=rolled_back.how if rolled_back is not None and by_people else "",
        entries=tuple(_entry(one, broken, clock) for one in told),
    )


def _told(record: RunRecord, broken: ImageSet | None, rolled_back: ImageSet | None) -> Iterator[_Told]:
    if broken is not None:
        made = record.first(BrokenImageMade)
        changes = "; ".join(made.changes) if made is not None else ""
        what = f"scenario {record.scenario.scenario}" + (f": {changes}" if changes else "")
        yield GameDayKind.BROKEN, broken.instant, "the drill", what
    for said in record.all_of(Detected):
        if said.detector != HUMAN:
            yield GameDayKind.DETECTED, said.instant, said.detector, said.says
    for event in record.all_of(Acknowledged):
        yield GameDayKind.ACKNOWLEDGED, event.instant, event.by, event.how
    for inject in record.all_of(Injected):
        yield GameDayKind.INJECT, Instant(inject.at_ns, inject.at_ns), inject.by, inject.text
    if rolled_back is not None and rolled_back.by_people:
        yield GameDayKind.ROLLED_BACK, rolled_back.instant, rolled_back.identity or "somebody", rolled_back.how
    elif rolled_back is not None and record.drill.by_people:
        limit = format_seconds(record.drill.rollback.human_limit_seconds)
        what = rolled_back.how or f"nobody had rolled back within {limit} of the break"
        yield GameDayKind.TAKEN_OVER, rolled_back.instant, rolled_back.identity or "the drill", what
    elif rolled_back is not None:
        yield GameDayKind.ROLLED_BACK, rolled_back.instant, rolled_back.identity or "the drill", rolled_back.how


def _entry(told: _Told, broken: ImageSet | None, clock: RunClock) -> GameDayEntry:
    kind, instant, who, what = told
    since = None if broken is None else instant.latest_ns - broken.instant.latest_ns
    since_break = None if since is None or since < 0 else ns_to_seconds(since)
    return GameDayEntry(kind=kind, at=clock.moment(instant), since_break=since_break, who=who, what=what)
