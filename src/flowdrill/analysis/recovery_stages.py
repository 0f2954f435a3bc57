"""What the recovery was spent on: when each new stable pod reached which stage, as the watch showed it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from flowdrill.analysis.measure import Timeline, image_set
from flowdrill.analysis.rollout import pod_digest
from flowdrill.model.events import ImageSet, Purpose, StableImageSeen, WorkloadSeen
from flowdrill.model.instant import Instant, ns_to_seconds
from flowdrill.model.result import Stage
from flowdrill.model.run_record import RunRecord
from flowdrill.model.workload import PodSnapshot

_POD_STAGES: tuple[tuple[str, Callable[[PodSnapshot], bool]], ...] = (
    ("pod scheduled", lambda pod: pod.scheduled),
    ("image pulled", lambda pod: pod.pulled),
    ("container started", lambda pod: pod.started),
    ("pod ready", lambda pod: pod.ready),
    ("endpoint added", lambda pod: pod.in_endpoints),
)


def recovery_stages(record: RunRecord, timeline: Timeline) -> tuple[Stage, ...]:
    """Return the stages from the rollback's request to the first good answer, in seconds since the trigger; empty
    when nothing was rolled back. A pod's stage lies between the last snapshot that did not show it and the first that
    did; `seconds` is the latter, as a watch tells changes within milliseconds."""
    trigger = image_set(record, Purpose.ROLL_BACK)
    if trigger is None:
        return ()
    triggered = trigger.instant
    seen = _seen_after(record, trigger)
    stages = [_stage("API accepted", None, triggered, triggered)]
    for pod in _new_stable_pods(record, trigger, seen):
        for name, reached in _POD_STAGES:
            at = _first_shown(seen, pod.uid, reached, triggered)
            if at is not None:
                stages.append(_stage(name, pod.name, at, triggered, at.latest_ns))
    if timeline.recovered is not None:
        stages.append(_stage("first good answer", None, timeline.recovered, triggered))
    return tuple(stages)


@dataclass(frozen=True, slots=True)
class _Seen:
    """The pods by uid, as seen at one moment."""

    at_ns: int
    pods: dict[str, PodSnapshot]


def _seen_after(record: RunRecord, trigger: ImageSet) -> Sequence[_Seen]:
    """The last snapshot before the rollback, then all until the restore (which may start a rollout of its own)."""
    restore = image_set(record, Purpose.RESTORE)
    seen = [
        _Seen(event.at_ns, {pod.uid: pod for pod in event.snapshot.pods})
        for event in record.all_of(WorkloadSeen)
        if restore is None or event.at_ns <= restore.instant.earliest_ns
    ]
    before = [moment for moment in seen if moment.at_ns <= trigger.instant.earliest_ns]
    first = before[-1] if before else _Seen(trigger.instant.earliest_ns, {})
    return [first, *seen[len(before) :]]


def _new_stable_pods(record: RunRecord, trigger: ImageSet, seen: Sequence[_Seen]) -> Iterator[PodSnapshot]:
    stable = record.first(StableImageSeen)
    digests: Collection[str] = (stable.digest, *stable.other_digests) if stable else ()
    known = set(seen[0].pods)
    for moment in seen[1:]:
        for uid, pod in moment.pods.items():
            if uid not in known and (pod.image == trigger.image or pod_digest(pod) in digests):
                known.add(uid)
                yield pod


def _first_shown(
    seen: Sequence[_Seen], uid: str, reached: Callable[[PodSnapshot], bool], triggered: Instant
) -> Instant | None:
    for before, now in pairwise(seen):
        pod = now.pods.get(uid)
        if pod is not None and reached(pod):
            return Instant(max(before.at_ns, triggered.earliest_ns), now.at_ns)
    return None


def _stage(name: str, pod: str | None, at: Instant, triggered: Instant, estimate_ns: int | None = None) -> Stage:
    zero_ns = triggered.middle_ns
    return Stage(
        stage=name,
        pod=pod,
        seconds=ns_to_seconds((at.middle_ns if estimate_ns is None else estimate_ns) - zero_ns),
        earliest=ns_to_seconds(at.earliest_ns - zero_ns),
        latest=ns_to_seconds(at.latest_ns - zero_ns),
    )
