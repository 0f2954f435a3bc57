"""Which version answered: how many pods of each a Service sent requests to, over the run."""

from __future__ import annotations

from flowdrill.analysis.rollout import pod_digest
from flowdrill.analysis.run_clock import RunClock
from flowdrill.model.events import BrokenImageMade, StableImageSeen, WorkloadSeen
from flowdrill.model.run_record import RunRecord
from flowdrill.model.shown import ServingStep
from flowdrill.model.workload import WorkloadSnapshot


def serving_versions(record: RunRecord, clock: RunClock) -> tuple[ServingStep, ...]:
    """Return a step for every change that the watch showed; empty where it showed none. An answer does not say which
    pod it came from: what a Service sends requests to is as near as one gets without a change of the flow."""
    stable, broken = record.first(StableImageSeen), record.first(BrokenImageMade)
    stable_digests = {stable.digest, *stable.other_digests} if stable else set()
    broken_digests = {broken.digest} if broken else set()
    steps: list[ServingStep] = []
    for event in record.all_of(WorkloadSeen):
        counts = _counts(event.snapshot, stable_digests, broken_digests)
        if not steps or (steps[-1].stable, steps[-1].broken, steps[-1].other) != counts:
            steps.append(
                ServingStep(seconds=clock.seconds(event.at_ns), stable=counts[0], broken=counts[1], other=counts[2])
            )
    return tuple(steps)


def _counts(seen: WorkloadSnapshot, stable: set[str], broken: set[str]) -> tuple[int, int, int]:
    digests = [pod_digest(pod) for pod in seen.pods if pod.in_endpoints]
    known = (sum(digest in stable for digest in digests), sum(digest in broken for digest in digests))
    return (*known, len(digests) - sum(known))
