"""What a drill's wall time consists of: one piece after the other from the process's start to its end, by the run's own
events. Each second is in one piece, so that all of them together are the wall time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from flowdrill.analysis.worst_case import WARM_UP_SECONDS
from flowdrill.model.events import BaselineHeld, Event, ImageSet, Phase, PhaseStarted, Purpose, RecoveryHeld, RunEnded
from flowdrill.model.instant import ns_to_seconds, seconds_to_ns

E = TypeVar("E")

WINDOW = "the baseline's window"
BROKEN = "the broken release, until users met it"
DETECTED = "time to detect"
BACK = "the rollback, until served and complete, and the hold"
FIRST_ROLLOUT = "the target's first rollout, on the cluster of its own"
OWN_CLUSTER = "the cluster of its own: start and flow image"
OWN_CLUSTER_END = "the cluster of its own: end, and the process's"
IRREDUCIBLE = (FIRST_ROLLOUT, WINDOW, BROKEN, DETECTED, BACK)
APART = (OWN_CLUSTER, OWN_CLUSTER_END)  # neither what a drill needs, nor what it could leave out


@dataclass(frozen=True, slots=True)
class Told:
    """Beside the events, what was seen of the run; all instants on CLOCK_MONOTONIC, in nanoseconds.

    `cluster_ns`, `deploying_ns`: when the process said that it starts a cluster of its own, and that it deploys the
    target there; None where a cluster was up. `impact`, `detected`, `recovered`: the latest that these instants can
    have been, in seconds from the run's start (`result.json`). `sealed_ns`: when the last report was written.
    """

    began_ns: int
    cluster_ns: int | None
    deploying_ns: int | None
    impact: float
    detected: float
    recovered: float
    hold: float
    sealed_ns: int
    ended_ns: int


def pieces(events: tuple[Event, ...], told: Told) -> dict[str, float]:
    """Return the seconds of every piece, in order. ValueError when the run did not come so far that it has all."""
    names: list[str] = []
    ends: list[int] = []
    for name, end_ns in _boundaries(events, told):
        names.append(name)
        ends.append(max(end_ns, ends[-1] if ends else told.began_ns))
    begins = [told.began_ns, *ends[:-1]]
    return {name: ns_to_seconds(end - begin) for name, begin, end in zip(names, begins, ends, strict=True)}


def overhead(found: dict[str, float]) -> float:
    """Return the seconds that a drill could do without."""
    return sum(seconds for name, seconds in found.items() if name not in (*IRREDUCIBLE, *APART))


def _boundaries(events: tuple[Event, ...], told: Told) -> list[tuple[str, int]]:
    """Every piece with its end."""
    started_ns = events[0].at_ns
    window = _one(events, BaselineHeld).window
    broken, back = (_image_set(events, one).instant for one in (Purpose.BREAK, Purpose.ROLL_BACK))
    impact_ns, detected_ns, recovered_ns = (
        started_ns + seconds_to_ns(one) for one in (told.impact, told.detected, told.recovered)
    )
    rolled_back_ns = max(one.at_ns for one in events if one.event == "rolled back")
    held_ns, ended_ns = _one(events, RecoveryHeld).at_ns, _one(events, RunEnded).at_ns
    cluster = told.cluster_ns is not None and told.deploying_ns is not None
    return [
        ("Python's start, imports, plan" + ("" if cluster else ", connections"), told.cluster_ns or started_ns),
        *([(OWN_CLUSTER, told.deploying_ns or 0), (FIRST_ROLLOUT, started_ns)] if cluster else []),
        ("preflight, the undo, the guard's start", _phase(events, Phase.BASELINE)),
        ("the load's start", window.earliest_ns - seconds_to_ns(WARM_UP_SECONDS)),
        ("the warm-up, which no baseline counts", window.earliest_ns),
        (WINDOW, window.latest_ns),
        ("from the baseline to the break", broken.earliest_ns),
        (BROKEN, impact_ns),
        (DETECTED, detected_ns),
        ("from the detection to the rollback", back.earliest_ns),
        (BACK, min(held_ns, max(rolled_back_ns, recovered_ns + seconds_to_ns(told.hold)))),
        ("until the recovery is seen", held_ns),
        ("restore", _restored(events)),
        ("the load's end", max((one.at_ns for one in events if _is_of_load(one)), default=0)),
        ("comparison, cleaning up, the guard's end", ended_ns),
        ("reports", told.sealed_ns),
        (OWN_CLUSTER_END if cluster else "the process's end", told.ended_ns),
    ]


def _one(events: tuple[Event, ...], kind: type[E]) -> E:
    for one in events:
        if isinstance(one, kind):
            return one
    raise ValueError(f"the run has no {kind.__name__}")


def _image_set(events: tuple[Event, ...], purpose: Purpose) -> ImageSet:
    for one in events:
        if isinstance(one, ImageSet) and one.purpose is purpose:
            return one
    raise ValueError(f"no image was set to {purpose}")


def _phase(events: tuple[Event, ...], phase: Phase) -> int:
    return next(one.at_ns for one in events if isinstance(one, PhaseStarted) and one.phase is phase)


def _restored(events: tuple[Event, ...]) -> int:
    return next(one.at_ns for one in events if one.event == "checked" and one.check.name == "ends_on_stable_digest")


def _is_of_load(one: Event) -> bool:
    return one.event == "evidence taken" and one.path.startswith(("load/", "locust"))
