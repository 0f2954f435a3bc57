"""Reports made by hand: one of every way in which a drill can end, and one full of text that means harm."""

from __future__ import annotations

from collections.abc import Callable

from flowdrill.model.events import End
from flowdrill.model.noticed import Detection
from flowdrill.model.result import (
    ErrorBudget,
    Evidence,
    ImageFacts,
    Images,
    Instants,
    Measures,
    PhaseSpan,
    Report,
    Requests,
    Result,
    Tokens,
    TokenUse,
    Verdict,
)
from flowdrill.model.status import Status
from tests.unit.report import sample_readiness
from tests.unit.report.sample_parts import (
    BROKEN,
    HOSTILE,
    STABLE,
    alerts,
    assessed,
    chart,
    excerpts,
    latencies,
    measure,
    moment,
    recovery_stages,
    run_facts,
    samples,
    serving,
    signals,
)


def passing() -> Report:
    """Everything went as planned."""
    broken, impact, detected = moment(16.3, 0.011), moment(26.42, 0.031), moment(27.31, 0.0005)
    decided, triggered = moment(27.3112, 0.0001), moment(27.33, 0.012)
    rolled_back, recovered = moment(45.54, 0.02), moment(45.93, 0.18)
    times = Measures(
        time_to_detect=measure(impact, detected),
        reaction=measure(detected, triggered),
        time_to_recover=measure(triggered, recovered),
        outage=measure(impact, recovered),
    )
    spans = (0, 4.1, 15.9, 16.32, 27.31, 27.35, 71.4, 81.2)
    phases = ("preflight", "baseline", "break", "detect", "roll back", "settle", "restore")
    return Report(
        result=Result(
            run=run_facts(),
            verdict=Verdict.PASS,
            reasons=("Every objective was met and every check held.",),
            end=End.COMPLETED,
            measures=times,
            instants=Instants(
                broken=broken,
                impact=impact,
                detected=detected,
                decided=decided,
                triggered=triggered,
                rolled_back=rolled_back,
                recovered=recovered,
            ),
            recovery_stages=recovery_stages(),
            requests=Requests(
                total=1560,
                good=1322,
                bad=238,
                by_reason={"wrong_answer": 201, "connection": 31, "too_slow": 6},
                unanswered_at_end=1,
                bad_seconds=20,
                failed_ratio=0.4021,
                stretches=1,
                schedule_lag_p99_seconds=0.0021,
                error_budget=ErrorBudget(availability=0.999, period_seconds=2592000.0, burned_ratio=0.0046),
            ),
            detections=(
                Detection(
                    detector="e-detector",
                    at=detected,
                    newest_outcome=moment(27.309, 0.0001),
                    statistic=2.41e6,
                    threshold=1.8e6,
                    triggers=True,
                ),
                Detection(
                    detector="e-detector on single requests",
                    at=moment(26.93, 0.0005),
                    newest_outcome=moment(26.92, 0.0001),
                    statistic=1.9e6,
                    threshold=1.8e6,
                    triggers=False,
                ),
            ),
            trigger="any of e-detector, FlowErrors",
            silent_detectors=("kubernetes",),
            alerts=alerts(impact),
            signals=signals(broken, impact),
            limits=(assessed("wall_clock", Status.PASS, "less than 31 min", "81.2 s"),),
            objectives=(
                assessed("time_to_detect", Status.PASS, "at most 2.00 s", "890 ms", limit=2.0),
                assessed("time_to_recover", Status.PASS, "at most 1 min 00 s", "18.60 s", limit=60.0),
                assessed("outage", Status.PASS, "at most 1 min 30 s", "19.51 s", limit=90.0),
                assessed("failed_requests_ratio", Status.PASS, "at most 60 %", "40.2 %", limit=0.6),
            ),
            checks=(
                assessed("workload is healthy", Status.PASS, "all replicas available", "2/2 replicas updated"),
                assessed("stable image is retained", Status.PASS, "manifest and blobs in the registry", "12 blobs"),
                assessed("ends on the stable digest", Status.PASS, STABLE, STABLE),
                assessed("nothing_left_behind", Status.PASS, "no image, no revision, no lock", "nothing"),
            ),
            readiness=sample_readiness.good(),
            images=Images(
                stable=ImageFacts(reference=f"registry.example.org/shop/flow:2026.3.1@{STABLE}", digest=STABLE),
                broken=ImageFacts(
                    reference="registry.example.org/shop/flow:drill-edge-missing-b0e1b0e1",
                    digest=BROKEN,
                    changes=("/app/flow.json: removed 1 edge (Prompt-3xk2 → ChatOutput-9fQa)",),
                ),
            ),
            phases=tuple(
                PhaseSpan(phase=name, start=start, end=end)
                for name, start, end in zip(phases, spans, spans[1:], strict=False)
            ),
            evidence=(
                Evidence(path="evidence/broken/manifests.yaml", what="the workload while it was broken"),
                Evidence(path="evidence/broken/langflow-flow-x2x8p.log", what="log of a broken pod"),
                Evidence(path="events.jsonl", what="everything the run saw, in order"),
            ),
            notes=("The registry deletes manifests, but frees their space only when its garbage collection runs.",),
        ),
        chart=chart(81.2, 26.4, 45.9),
        serving=serving(),
        latencies=latencies(),
        samples=samples(),
        excerpts=excerpts(),
        plan={"drill": "edge-missing", "target": {"namespace": "shop"}, "hold": "10s", "note": "two\nlines"},
        latency_objective_seconds=2.0,
        requests_per_second=20.0,
    )


def changed(report: Report, **changes: object) -> Report:
    """Return the report with other values in its result."""
    return report.model_copy(update={"result": report.result.model_copy(update=changes)})


def _use(seconds: float, asked: int, calls: int) -> TokenUse:
    return TokenUse(
        seconds=seconds,
        user_requests=asked,
        provider_requests=calls,
        prompt_tokens=2 * calls,
        completion_tokens=4 * calls,
        tokens_per_user_request=6 * calls / asked if asked else None,
    )


def token_burn() -> Report:
    """The broken version asked the model many times for one answer, and the provider's log was read."""
    tokens = Tokens(baseline=_use(15.0, 300, 300), outage=_use(49.2, 984, 14_760), cost_ratio=15.0)
    return changed(passing(), tokens=tokens)


def too_slow_to_recover() -> Report:
    """The service came back, later than the objective allows."""
    report = passing()
    missed = assessed("time_to_recover", Status.FAIL, "at most 1.00 s", "18.60 s", "17.60 s longer than allowed", 1.0)
    objectives = (report.result.objectives[0], missed, *report.result.objectives[2:])
    return changed(
        report,
        verdict=Verdict.FAIL,
        reasons=("time_to_recover: 18.60 s (required: at most 1.00 s)",),
        objectives=objectives,
    )


def never_recovered() -> Report:
    """The rollback was asked for, and users were not served again."""
    report = passing()
    result = report.result
    objectives = (
        result.objectives[0],
        assessed("time_to_recover", Status.FAIL, "at most 1 min 00 s", "> 5 min 00 s", "never recovered"),
        assessed("outage", Status.FAIL, "at most 1 min 30 s", "> 5 min 00 s", "never recovered"),
    )
    return changed(
        report,
        verdict=Verdict.FAIL,
        reasons=("Users were not served again within 5 min 00 s of the rollback.",),
        objectives=objectives,
        measures=result.measures.model_copy(update={"time_to_recover": None, "outage": None}),
        instants=result.instants.model_copy(update={"recovered": None, "rolled_back": None}),
        recovery_stages=result.recovery_stages[:5],
    ).model_copy(update={"chart": chart(81.2, 26.4, 99)})


def _without_break(report: Report, end: End, verdict: Verdict, reason: str) -> Report:
    return changed(
        report,
        verdict=verdict,
        reasons=(reason,),
        end=end,
        measures=Measures(),
        instants=Instants(),
        recovery_stages=(),
        detections=(),
        trigger=None,
        alerts=(),
        signals=(),
        silent_detectors=(),
        objectives=(),
        evidence=(),
        notes=(),
        phases=report.result.phases[:2],
    )


def unsteady() -> Report:
    """Three requests of ten were bad before anything was broken."""
    reason = "The baseline was not steady: 30 % of 300 requests were bad. Nothing was touched."
    report = _without_break(passing(), End.UNSTEADY, Verdict.INCONCLUSIVE, reason)
    bins = tuple(b.model_copy(update={"good": 14, "bad": 6}) for b in chart(20, 99, 99))
    checks = (
        report.result.checks[0],
        assessed("steady baseline", Status.FAIL, "at most 2 % bad over 15 s", "30 % of 300 requests"),
    )
    requests = report.result.requests.model_copy(
        update={"total": 300, "good": 210, "bad": 90, "by_reason": {"flow_error": 90}, "failed_ratio": None}
    )
    return changed(report, checks=checks, requests=requests).model_copy(update={"chart": bins})


def refused() -> Report:
    """The registry no longer holds the stable image; no request was ever sent."""
    reason = "The registry does not hold the stable image's manifest. Nothing was touched."
    report = _without_break(passing(), End.REFUSED, Verdict.FAIL, reason)
    checks = (
        report.result.checks[0],
        assessed("stable image is retained", Status.FAIL, "manifest and blobs in the registry", "404: no manifest"),
    )
    requests = Requests(
        total=0,
        good=0,
        bad=0,
        by_reason={},
        unanswered_at_end=0,
        bad_seconds=0,
        failed_ratio=None,
        stretches=0,
        schedule_lag_p99_seconds=None,
        error_budget=None,
    )
    images = Images(stable=report.result.images.stable)
    bare = changed(report, checks=checks, requests=requests, images=images, phases=report.result.phases[:1])
    return bare.model_copy(update={"chart": ()})


def cut_off() -> Report:
    """The harness was killed while it waited for a detector; another process put the service back."""
    report = passing()
    instants = report.result.instants
    return changed(
        report,
        verdict=Verdict.INCONCLUSIVE,
        reasons=("The run's record ends without an end: the harness was killed.",),
        end=None,
        run=run_facts(finished=None, duration_seconds=30.0, rolled_back_as=None, clock_step_seconds=None),
        measures=Measures(),
        instants=Instants(broken=instants.broken, impact=instants.impact),
        recovery_stages=(),
        detections=(),
        objectives=(assessed("time_to_detect", Status.UNKNOWN, "at most 2.00 s", "not measured"),),
        checks=(assessed("ends on the stable digest", Status.UNKNOWN, STABLE, "not observed"),),
        phases=report.result.phases[:3],
        evidence=(),
    ).model_copy(update={"chart": chart(30, 26.4, 99)})


def hostile() -> Report:
    """Every text that anybody else could have written means harm, and one is huge."""
    report = passing()
    result = report.result
    harm = [assessed(HOSTILE, status, HOSTILE, HOSTILE, HOSTILE) for status in Status]
    image = ImageFacts(reference=HOSTILE, digest=HOSTILE, changes=(HOSTILE, "x" * 1_000_000))
    pods = tuple(s.model_copy(update={"pod": s.pod and HOSTILE, "stage": HOSTILE}) for s in result.recovery_stages)
    texts = dict.fromkeys(("id", "drill", "description", "scenario", "cluster", "namespace", "workload"), HOSTILE)
    return changed(
        report,
        verdict=Verdict.FAIL,
        run=run_facts(**texts, host=HOSTILE, container=HOSTILE, rolled_back_as=HOSTILE, plan_digest=HOSTILE),
        reasons=(HOSTILE, "y" * 1_000_000),
        recovery_stages=pods,
        requests=result.requests.model_copy(update={"by_reason": {HOSTILE: 7}}),
        detections=tuple(d.model_copy(update={"detector": HOSTILE}) for d in result.detections),
        trigger=HOSTILE,
        silent_detectors=(HOSTILE,),
        alerts=tuple(a.model_copy(update={"alert": HOSTILE, "told": (HOSTILE,)}) for a in result.alerts),
        signals=tuple(s.model_copy(update={"pod": HOSTILE, "says": HOSTILE}) for s in result.signals),
        objectives=(*harm, assessed("outage", Status.FAIL, HOSTILE, HOSTILE, HOSTILE)),
        checks=tuple(harm),
        images=Images(stable=image, broken=image),
        phases=tuple(p.model_copy(update={"phase": HOSTILE}) for p in result.phases),
        evidence=tuple(
            Evidence(path=path, what=HOSTILE)
            for path in (HOSTILE, "javascript:alert(1)", "//evil.example/x", "../../etc/passwd", "https://evil.example")
        ),
        notes=(HOSTILE, "z" * 1_000_000),
        readiness=sample_readiness.harm(),
    ).model_copy(
        update={
            "samples": samples(HOSTILE),
            "excerpts": excerpts(HOSTILE),
            "plan": {HOSTILE: [HOSTILE, {"a": HOSTILE}]},
        }
    )


SAMPLES: dict[str, Callable[[], Report]] = {
    made.__name__: made
    for made in (passing, token_burn, too_slow_to_recover, never_recovered, unsteady, refused, cut_off, hostile)
}
