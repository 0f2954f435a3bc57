"""A whole edge-missing drill as a record, made by hand and seed: two replicas, a rolling update, a rollback that holds.

Times are seconds since the run started. The broken pod takes traffic from BROKEN_SERVES to BROKEN_GONE: the truth."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from typing import Any

from flowdrill.analysis.detector import SequentialDetector, normal_bad_ratio_of, threshold_for
from flowdrill.analysis.outcomes import outcomes_of
from flowdrill.model.drill import Drill
from flowdrill.model.events import (
    BaselineHeld,
    BrokenImageMade,
    Check,
    Checked,
    ClockPair,
    Decided,
    Detected,
    End,
    Event,
    EvidenceTaken,
    ImageSet,
    Phase,
    PhaseStarted,
    Purpose,
    RecoveryHeld,
    RolledBack,
    RunEnded,
    RunStarted,
    StableImageSeen,
    UndoRegistered,
    WorkloadSeen,
)
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.outcome import Reason, Record, RecordKind
from flowdrill.model.run_record import RunRecord
from flowdrill.model.scenario import Scenario
from flowdrill.model.status import Status
from flowdrill.model.workload import PodSnapshot, WorkloadKind, WorkloadSnapshot

START_NS = 86_400_000_000_000
UTC_START_NS = 1_790_000_000_250_000_000
REPOSITORY = "registry.test:5000/flows/greeting"
STABLE_DIGEST, BROKEN_DIGEST = "sha256:" + "5ab1e0" * 10 + "5ab1", "sha256:" + "b20ce4" * 10 + "b20c"
WRITTEN, PINNED = f"{REPOSITORY}:1.0.0", f"{REPOSITORY}@{STABLE_DIGEST}"
BROKEN = f"{REPOSITORY}:drill-edge-missing-b20ce4@{BROKEN_DIGEST}"
LOAD, BASELINE, BREAK = 1.2, 2.2, 17.61
BROKEN_SERVES, BROKEN_GONE = 23.9, 31.4
BACK, RESTORED, END = 41.9, 43.0, 44.5
_TICKS = ("scheduled", "pulled", "started", "ready", "in_endpoints")


def at(seconds: float) -> int:
    """The monotonic instant of so many seconds into the run."""
    return START_NS + seconds_to_ns(seconds)


def drill_of(**changes: Any) -> Drill:
    plan: dict[str, Any] = {
        "drill": "edge-missing",
        "description": "A flow without its last connection is rolled out, noticed and rolled back.",
        "target": {"namespace": "demo", "workload": "deployment/greeting", "container": "langflow"},
        "scenario": "edge-missing",
        "load": {
            "url": "http://127.0.0.1:30786",
            "route": "lfx-run",
            "flow": "0e5fb6e0-7a2c-4d0e-9b7e-6d1f4c3a2b10",
            "expect": "Answer v1",
            "requests_per_second": 20,
        },
        "objectives": {
            "time_to_detect": "5s",
            "time_to_recover": "60s",
            "outage": "90s",
            "failed_requests_ratio": "60%",
        },
    }
    return Drill.model_validate_json(json.dumps({**plan, **changes}))


SCENARIO = Scenario.model_validate_json(
    json.dumps(
        {
            "scenario": "edge-missing",
            "story": "The connection into the chat output was lost on the canvas.",
            "changes": {"flow": [{"remove_edges": {"into": {"place": "output"}}}]},
            "symptom": "bad-answers",
            "seen_by_users": 'HTTP 500 "No response generated"',
        }
    )
)


def synthetic_run(
    *, seed: int = 7, noise: float = 0.0, recovers: bool = True, end: End | None = End.COMPLETED, **plan: Any
) -> RunRecord:
    """Return a whole run. `noise` is the share of bad answers that has nothing to do with the fault; `plan` replaces
    keys of the drill. Without recovery the broken pod never goes; `end` None makes a run that was cut off."""
    drill = drill_of(**plan)
    records = _records(random.Random(seed), drill, noise, at(BROKEN_GONE if recovers else END + 1))
    baseline = _baseline(records, drill)
    detected = _detected(records, drill, baseline)
    triggered_ns = detected.at_ns + 2_000_000
    events: list[Event] = [*_before(), baseline, *_drill_events(detected, triggered_ns)]
    events += [WorkloadSeen(at_ns=ns, snapshot=seen) for ns, seen in _rollout(triggered_ns, recovers=recovers)]
    events += _after(recovers=recovers)
    events.sort(key=lambda event: event.at_ns)
    if end is not None:
        clock = ClockPair(at(END), UTC_START_NS + seconds_to_ns(END) + 1_500_000)
        why = "recovery held" if end is End.COMPLETED else "as the test wanted it"
        events.append(RunEnded(at_ns=at(END), end=end, why=why, clock=clock))
    return RunRecord(drill, SCENARIO, tuple(events), records)


def changed(record: RunRecord, old: type[Event], *new: Event) -> RunRecord:
    """Return the record with `new` in the place of every event of the type `old`."""
    kept = [event for event in record.events if not isinstance(event, old)]
    return replace(record, events=tuple(sorted([*kept, *new], key=lambda event: event.at_ns)))


def _records(rng: random.Random, drill: Drill, noise: float, gone_ns: int) -> tuple[Record, ...]:
    """Requests on schedule; while the broken pod serves, each goes to it with probability 1/2."""
    interval_ns = round(1e9 / drill.load.requests_per_second)
    records = []
    for number, intended in enumerate(range(at(LOAD), at(END - 0.4), interval_ns)):
        sent = intended + int(rng.expovariate(1 / 400_000))
        broken = at(BROKEN_SERVES) <= sent < gone_ns and rng.random() < 0.5
        latency = int((4_000_000 if broken else 24_000_000) * rng.lognormvariate(0, 0.35))
        reason = Reason.FLOW_ERROR if broken or rng.random() < noise else Reason.GOOD
        status = 500 if reason is Reason.FLOW_ERROR else 200
        records.append((sent, Record(RecordKind.SENT, Reason.GOOD, 0, number, intended, sent, 0)))
        finished = Record(RecordKind.FINISHED, reason, status, number, intended, sent, sent + latency)
        records.append((sent + latency, finished))
    return tuple(record for _, record in sorted(records, key=lambda pair: pair[0]))


def _known(records: tuple[Record, ...], drill: Drill):
    return outcomes_of(records, seconds_to_ns(drill.load.latency_objective), at(END)).outcomes


def _baseline(records: tuple[Record, ...], drill: Drill) -> BaselineHeld:
    window = Instant(at(BASELINE), at(BASELINE + 15))
    seen = [o for o in _known(records, drill) if window.earliest_ns <= o.known_ns <= window.latest_ns]
    bad = sum(o.bad for o in seen)
    return BaselineHeld(at(BASELINE + 15), window, len(seen), bad, normal_bad_ratio_of(bad, len(seen)))


def _detected(records: tuple[Record, ...], drill: Drill, baseline: BaselineHeld) -> Detected:
    detector = SequentialDetector(
        normal_bad_ratio=baseline.normal_bad_ratio, threshold=threshold_for(480), start_ns=at(BREAK)
    )
    for outcome in _known(records, drill):
        detector.take(outcome)
        alarm = detector.advance(outcome.known_ns)
        if alarm is not None:
            now = outcome.known_ns + 300_000
            return Detected(
                now,
                "sequential",
                Instant(alarm.slot_end_ns, now),
                alarm.newest_outcome_ns,
                alarm.statistic,
                alarm.threshold,
                True,
            )
    raise AssertionError("the synthetic failure was not detected")


def _phase(seconds: float, phase: Phase) -> PhaseStarted:
    return PhaseStarted(at_ns=at(seconds), phase=phase)


def _check(seconds: float, name: str, required: str, observed: str) -> Checked:
    return Checked(at_ns=at(seconds), check=Check(name, Status.PASS, required, observed))


def _before() -> list[Event]:
    return [
        RunStarted(
            at_ns=at(0),
            run_id="20260921T132640Z-edge-missing-7f3a",
            tool_version="0.1.0",
            plan_digest="sha256:" + "9" * 64,
            clock=ClockPair(at(0), UTC_START_NS),
            cluster="lab (https://127.0.0.1:6443)",
            kubernetes_version="v1.36.0",
            host="drill-host",
        ),
        _phase(0.001, Phase.PREFLIGHT),
        _check(0.1, "workload_healthy", "a complete rollout", "2/2 replicas updated, 2 ready, 2 available"),
        _check(0.2, "stable_image_pinned", "an immutable reference: a digest, or a version tag", WRITTEN),
        _check(0.4, "stable_image_retained", "the registry holds its manifest and every blob", PINNED),
        StableImageSeen(at_ns=at(0.45), reference=WRITTEN, pinned=PINNED, digest=STABLE_DIGEST),
        _check(0.9, "rollback_permitted", "the API server accepts the patch (server-side dry run)", "accepted"),
        UndoRegistered(at_ns=at(1.0), where="lease/flowdrill-greeting", image=WRITTEN),
        _phase(1.1, Phase.BASELINE),
        _check(BASELINE + 15, "baseline_steady", "at most 5 % bad over 15 s", "0 of 300 requests bad"),
        BrokenImageMade(
            at_ns=at(17.5),
            reference=BROKEN,
            digest=BROKEN_DIGEST,
            changes=("/app/flow.json: edge Prompt-p -> ChatOutput-out removed",),
            new_bytes=3471,
        ),
    ]


def _drill_events(detected: Detected, triggered_ns: int) -> list[Event]:
    sent_ns = detected.at_ns + 500_000
    accepted_ns = triggered_ns + 9_000_000
    return [
        _phase(17.6, Phase.BREAK),
        ImageSet(at(BREAK + 0.011), Purpose.BREAK, BROKEN, Instant(at(BREAK), at(BREAK + 0.011)), None),
        _phase(BREAK + 0.012, Phase.DETECT),
        detected,
        Decided(at_ns=sent_ns, instant=Instant(sent_ns, sent_ns), by="policy: sequential detected"),
        PhaseStarted(at_ns=sent_ns + 100_000, phase=Phase.ROLL_BACK),
        ImageSet(accepted_ns, Purpose.ROLL_BACK, PINNED, Instant(triggered_ns, accepted_ns), None),
        Checked(
            accepted_ns + 1_000,
            Check("rollback_accepted", Status.PASS, "the API server accepts the rollback from the harness", "accepted"),
        ),
        EvidenceTaken(at_ns=accepted_ns + 400_000_000, path="evidence/pods.yaml", what="the pods while broken"),
        PhaseStarted(at_ns=accepted_ns + 400_100_000, phase=Phase.SETTLE),
    ]


def _after(*, recovers: bool) -> list[Event]:
    restore = Instant(at(BACK + 0.1), at(BACK + 0.112))
    settled: list[Event] = [
        RolledBack(at_ns=at(32.6), instant=Instant(at(32.1), at(32.6))),
        RecoveryHeld(at_ns=at(BACK)),
    ]
    return [
        *(settled if recovers else ()),
        _phase(BACK + 0.05, Phase.RESTORE),
        ImageSet(restore.latest_ns, Purpose.RESTORE, WRITTEN, restore, None),
        _check(RESTORED, "ends_on_stable_digest", f"deployment/greeting ends on {STABLE_DIGEST}", "every pod runs it"),
        _check(END - 0.1, "nothing_left_behind", "no broken image, revision, lease or load is left", "all removed"),
    ]


def _pod(name: str, image: str, reached: int, *, deleting: bool = False) -> PodSnapshot:
    """`reached`: how many of the stages in _TICKS the pod has behind it."""
    stages = {tick: index < reached for index, tick in enumerate(_TICKS)}
    digest = BROKEN_DIGEST if image == BROKEN else STABLE_DIGEST
    revision = {WRITTEN: "6c9d", BROKEN: "7b21", PINNED: "5f0e"}[image]
    stages["in_endpoints"] = stages["in_endpoints"] and not deleting
    return PodSnapshot(
        name=f"greeting-{revision}-{name}",
        uid=f"uid-{revision}-{name}",
        image=image,
        image_digest=digest if stages["started"] else None,
        template_hash=revision,
        deleting=deleting,
        restarts=0,
        waiting_reason=None,
        **stages,
    )


def _snapshot(generation: int, image: str, *pods: PodSnapshot) -> WorkloadSnapshot:
    staying = [pod for pod in pods if not pod.deleting]
    ready = sum(pod.ready for pod in staying)
    return WorkloadSnapshot(
        kind=WorkloadKind.DEPLOYMENT,
        namespace="demo",
        name="greeting",
        uid="uid-greeting",
        generation=generation,
        observed_generation=generation,
        wanted_replicas=2,
        replicas=len(staying),
        updated_replicas=sum(pod.image == image for pod in staying),
        ready_replicas=ready,
        available_replicas=ready,
        paused=False,
        on_delete=False,
        containers=("langflow",),
        image=image,
        change_cause=None,
        pods=pods,
    )


def _rollout(triggered_ns: int, *, recovers: bool) -> list[tuple[int, WorkloadSnapshot]]:
    """One old pod was replaced by a broken one when the rollback came; two new stable pods take over one by one."""
    old = [_pod("a", WRITTEN, 5), _pod("b", WRITTEN, 5)]
    seen = [(at(1.15), _snapshot(1, WRITTEN, *old))]
    for seconds, reached in ((17.64, 0), (17.66, 1), (18.4, 2), (18.7, 3), (23.85, 4), (23.9, 5)):
        seen.append((at(seconds), _snapshot(2, BROKEN, *old, _pod("x", BROKEN, reached))))
    gone = _pod("a", WRITTEN, 5, deleting=True)
    broken = _pod("x", BROKEN, 5)
    seen.append((at(23.95), _snapshot(2, BROKEN, gone, old[1], broken)))
    steps_ms = ((35, 0), (48, 1), (260, 2), (620, 3), (5210, 4), (5260, 5)) if recovers else ((35, 0), (48, 1))
    for ms, reached in steps_ms:
        pods = (old[1], broken, _pod("m", PINNED, reached))
        seen.append((triggered_ns + ms * 1_000_000, _snapshot(3, PINNED, *pods)))
    if not recovers:
        return seen
    first = _pod("m", PINNED, 5)
    seen.append((at(BROKEN_GONE), _snapshot(3, PINNED, old[1], _pod("x", BROKEN, 5, deleting=True), first)))
    for seconds, reached in ((31.42, 1), (31.7, 2), (31.75, 3), (32.05, 4), (32.1, 5)):
        seen.append((at(seconds), _snapshot(3, PINNED, old[1], first, _pod("n", PINNED, reached))))
    seen.append((at(32.6), _snapshot(3, PINNED, first, _pod("n", PINNED, 5))))
    restored = (_pod("c", WRITTEN, 5), _pod("d", WRITTEN, 5))
    return [*seen, (at(RESTORED - 0.1), _snapshot(4, WRITTEN, *restored))]
