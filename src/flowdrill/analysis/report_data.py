"""Everything a report says, as one value: a pure function of the recorded run."""

from __future__ import annotations

from itertools import pairwise

from flowdrill.analysis.activity_facts import activity_facts
from flowdrill.analysis.alert_facts import alert_facts
from flowdrill.analysis.audit import with_audit
from flowdrill.analysis.binned_latency import binned_lag_p99_ns, binned_latency_windows
from flowdrill.analysis.binned_run import binned_run
from flowdrill.analysis.chart import chart_bins
from flowdrill.analysis.game_day import game_day_of
from flowdrill.analysis.judge import judge
from flowdrill.analysis.latency_windows import latency_windows
from flowdrill.analysis.limit_facts import limits_of
from flowdrill.analysis.load_by_workers import load_by_workers, notes_of
from flowdrill.analysis.measure import Timeline, image_set, timeline_of
from flowdrill.analysis.obstacles import obstacles_of
from flowdrill.analysis.outage_columns import failure_of_run
from flowdrill.analysis.recorded_outcomes import known_columns
from flowdrill.analysis.recovery_stages import recovery_stages
from flowdrill.analysis.request_counts import request_counts
from flowdrill.analysis.requests_sent import schedule_lag_p99_ns
from flowdrill.analysis.run_clock import (
    RunClock,
    clock_step_seconds,
    last_seen_ns,
    measure_of,
    run_clock,
    run_started,
    utc_text,
)
from flowdrill.analysis.sample_answers import sample_answers
from flowdrill.analysis.serving_versions import serving_versions
from flowdrill.analysis.shown_plan import shown_plan
from flowdrill.analysis.signals_seen import signals_of
from flowdrill.analysis.tokens import tokens_of
from flowdrill.model.detect_plan import HUMAN
from flowdrill.model.events import (
    BrakeSeen,
    BrokenImageMade,
    Detected,
    EvidenceTaken,
    Noted,
    PhaseStarted,
    Purpose,
    RunEnded,
    StableImageSeen,
)
from flowdrill.model.instant import Instant, seconds_to_ns
from flowdrill.model.measured import Moment
from flowdrill.model.noticed import Detection
from flowdrill.model.result import (
    Evidence,
    ImageFacts,
    Images,
    Instants,
    Measures,
    PhaseSpan,
    Report,
    Result,
    Rollback,
    RunFacts,
)
from flowdrill.model.run_record import RunRecord

_CLOCK_STEP_WORTH_A_NOTE_SECONDS = 1.0


def report_of(record: RunRecord) -> Report:
    """Return the report's data; the same record always gives the same bytes of JSON. RunFolderError when the record
    does not begin with the run's start."""
    clock = run_clock(record)
    load = record.drill.load
    bins = None if record.frames is None else binned_run(record.frames)
    known = (
        known_columns(record.records, seconds_to_ns(load.latency_objective), last_seen_ns(record))
        if bins is None
        else bins.known
    )
    workers = None if bins is None else load_by_workers(bins, clock)
    failure = failure_of_run(record, known.outcomes)
    timeline = timeline_of(record, failure)
    lag_ns = schedule_lag_p99_ns(record.records) if bins is None else binned_lag_p99_ns(bins)
    requests = request_counts(record, known, failure, timeline, lag_ns)
    judgement = judge(record, timeline, requests, workers)
    ended = record.first(RunEnded)
    result = Result(
        run=_run_facts(record, clock),
        verdict=judgement.verdict,
        reasons=judgement.reasons,
        end=ended.end if ended else None,
        measures=Measures(
            time_to_detect=measure_of(timeline.time_to_detect),
            reaction=measure_of(timeline.reaction),
            time_to_acknowledge=measure_of(timeline.time_to_acknowledge),
            time_to_act=measure_of(timeline.time_to_act),
            time_to_recover=measure_of(timeline.time_to_recover),
            outage=measure_of(timeline.outage),
            outage_until_restore=measure_of(timeline.outage_until_restore),
        ),
        instants=_instants(timeline, clock),
        recovery_stages=recovery_stages(record, timeline),
        requests=requests,
        load=workers,
        tokens=tokens_of(record, timeline, bins),
        trigger=record.drill.trigger.described() if timeline.broken else None,
        detections=_detections(record, timeline, clock),
        game_day=game_day_of(record, clock),
        silent_detectors=_silent(record) if timeline.broken else (),
        obstacles=obstacles_of(record, clock),
        activities=activity_facts(record, clock),
        rollback=_rollback(record),
        alerts=alert_facts(record, timeline, clock) if timeline.broken else (),
        signals=signals_of(record, timeline, clock),
        objectives=judgement.objectives,
        checks=judgement.checks,
        limits=limits_of(record, known.outcomes),
        images=_images(record),
        readiness=seen.readiness if (seen := record.first(BrakeSeen)) else None,
        phases=_phases(record, clock),
        evidence=tuple(Evidence(path=event.path, what=event.what) for event in record.all_of(EvidenceTaken)),
        notes=(*_notes(record), *(() if workers is None else notes_of(workers))),
    )
    return Report(
        result=with_audit(result, record),
        chart=chart_bins(known.outcomes, clock, load.requests_per_second, bins),
        latency_objective_seconds=load.latency_objective,
        requests_per_second=load.requests_per_second,
        serving=serving_versions(record, clock),
        latencies=(
            latency_windows(known.outcomes, timeline) if bins is None else binned_latency_windows(bins, timeline)
        ),
        samples=sample_answers(record.sample_lines),
        excerpts=record.excerpts,
        plan=shown_plan(record.drill.model_dump(mode="json", by_alias=True, exclude_defaults=True)),
    )


def _run_facts(record: RunRecord, clock: RunClock) -> RunFacts:
    started, ended, drill = run_started(record), record.first(RunEnded), record.drill
    rolled_back = image_set(record, Purpose.ROLL_BACK)
    return RunFacts(
        id=started.run_id,
        drill=drill.drill,
        description=drill.description,
        scenario=record.scenario.scenario,
        started=utc_text(started.clock.utc_ns),
        finished=utc_text(ended.clock.utc_ns) if ended else None,
        duration_seconds=clock.seconds(last_seen_ns(record)),
        cluster=started.cluster,
        kubernetes_version=started.kubernetes_version,
        namespace=drill.target.namespace,
        workload=drill.target.workload,
        container=drill.target.container,
        tool_version=started.tool_version,
        plan_digest=started.plan_digest,
        approved=started.approved,
        host=started.host,
        rolled_back_as=rolled_back.identity if rolled_back else None,
        clock_step_seconds=clock_step_seconds(record),
    )


def _rollback(record: RunRecord) -> Rollback | None:
    taken = image_set(record, Purpose.ROLL_BACK)
    if taken is None:
        return None
    return Rollback(strategy=taken.strategy or record.drill.rollback.way, how=taken.how, by=taken.identity)


def _instants(timeline: Timeline, clock: RunClock) -> Instants:
    return Instants(
        broken=clock.moment(timeline.broken),
        impact=clock.moment(timeline.impact),
        detected=clock.moment(timeline.detected),
        acknowledged=clock.moment(timeline.acknowledged),
        decided=clock.moment(timeline.decided),
        triggered=clock.moment(timeline.triggered),
        rolled_back=clock.told(timeline.rolled_back),
        recovered=clock.moment(timeline.recovered),
    )


def _detections(record: RunRecord, timeline: Timeline, clock: RunClock) -> tuple[Detection, ...]:
    return tuple(
        Detection(
            detector=event.detector,
            at=clock.moment(event.instant),
            time_to_detect=measure_of(timeline.time_to_detect_of(event)),
            newest_outcome=_moment_of(event.newest_outcome_ns, clock),
            statistic=event.statistic,
            threshold=event.threshold,
            triggers=event.triggers,
            says=event.says,
        )
        for event in record.all_of(Detected)
    )


def _silent(record: RunRecord) -> tuple[str, ...]:
    """The detectors that had their chance and said nothing."""
    drill, said = record.drill, {event.detector for event in record.all_of(Detected)}
    return tuple(name for name in (*drill.detect.names, *((HUMAN,) if drill.by_people else ())) if name not in said)


def _moment_of(at_ns: int | None, clock: RunClock) -> Moment | None:
    return None if at_ns is None else clock.moment(Instant(at_ns, at_ns))


def _images(record: RunRecord) -> Images:
    stable, broken = record.first(StableImageSeen), record.first(BrokenImageMade)
    return Images(
        stable=ImageFacts(reference=stable.reference, digest=stable.digest) if stable else None,
        broken=ImageFacts(reference=broken.reference, digest=broken.digest, changes=broken.changes) if broken else None,
    )


def _phases(record: RunRecord, clock: RunClock) -> tuple[PhaseSpan, ...]:
    starts = [(event.phase.value, event.at_ns) for event in record.all_of(PhaseStarted)]
    return tuple(
        PhaseSpan(phase=phase, start=clock.seconds(start_ns), end=clock.seconds(end_ns))
        for (phase, start_ns), (_, end_ns) in pairwise([*starts, ("end", last_seen_ns(record))])
    )


def _notes(record: RunRecord) -> tuple[str, ...]:
    notes = [event.text for event in record.all_of(Noted)]
    notes += [f"{name} was cut off in the middle of an entry: its torn end is left out" for name in record.torn]
    notes += [
        f"{name} was changed after it was written: line {line} does not follow from the one before"
        for name, line in record.changed
    ]
    step = clock_step_seconds(record)
    if step is not None and abs(step) > _CLOCK_STEP_WORTH_A_NOTE_SECONDS:
        notes.append(
            f"this host's UTC clock was set by {step:+.3f} s during the run; "
            "every measure is from the monotonic clock and is not affected, UTC times count from the start"
        )
    return tuple(notes)
