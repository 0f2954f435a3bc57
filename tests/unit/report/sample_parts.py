"""What sample reports are put together from."""

from __future__ import annotations

import math

from flowdrill.model.alerts import AlertStage
from flowdrill.model.kubernetes_signals import SignalKind
from flowdrill.model.measured import Measure, Moment
from flowdrill.model.noticed import AlertFact, AlertStageFact, Signal
from flowdrill.model.result import Assessment, ChartBin, RunFacts, Stage
from flowdrill.model.shown import Excerpt, LatencyRow, SampleAnswer, ServingStep
from flowdrill.model.status import Status

STABLE = "sha256:" + "3f9a" * 16
BROKEN = "sha256:" + "b0e1" * 16
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)> | a | b `x` **b** [l](javascript:alert(1)) "
    "\x1b[2J\x1b[31mred \u202egnp.exe\u2066 \x00\x07\x9b \ud800 \ufffe {{ 7*7 }} ]]> --> @everyone #1 "
    "https://evil.example/x www.evil.example $x$ \\| \r\n\n# heading\u2028end"
)


def moment(seconds: float, half: float = 0.002) -> Moment:
    whole, parts = divmod(round((26.0 + seconds) * 1000), 1000)
    utc = f"2026-03-14T09:{15 + whole // 60:02d}:{whole % 60:02d}.{parts:03d}Z"
    return Moment(seconds=seconds, earliest=seconds - half, latest=seconds + half, utc=utc)


def measure(start: Moment, end: Moment) -> Measure:
    return Measure(
        seconds=round(end.seconds - start.seconds, 6),
        earliest=round(end.earliest - start.latest, 6),
        latest=round(end.latest - start.earliest, 6),
    )


def run_facts(**changes: object) -> RunFacts:
    facts: dict[str, object] = {
        "id": "20260314-091526-edge-missing-7c2f",
        "drill": "edge-missing",
        "description": "A flow is deployed whose edge into the output is missing.",
        "scenario": "edge-missing",
        "started": "2026-03-14T09:15:26.000Z",
        "finished": "2026-03-14T09:16:47.200Z",
        "duration_seconds": 81.2,
        "cluster": "lab",
        "kubernetes_version": "v1.33.4",
        "namespace": "shop",
        "workload": "deployment/langflow-flow",
        "container": "langflow",
        "tool_version": "0.1.0",
        "plan_digest": "sha256:" + "51ce" * 16,
        "host": "ci-runner-4",
        "rolled_back_as": "system:serviceaccount:shop:on-call",
        "clock_step_seconds": 0.00021,
    }
    return RunFacts.model_validate(facts | changes)


def chart(duration: float, impact: float, recovered: float, rate: int = 20) -> tuple[ChartBin, ...]:
    """One column a second, noise from a fixed formula: some errors at first, then a rising share, then none."""
    bins = []
    for second in range(1, int(duration) - 2):
        share = 0.0
        if impact - 1 < second < recovered:
            share = min(1.0, 0.35 + 0.05 * (second - impact))
        bad = round(rate * max(0.0, share))
        noise = 0.5 + 0.5 * math.sin(second * 12.9898)
        p50 = round(0.021 + 0.006 * noise + 0.05 * share, 6)
        slow = 1.4 * noise if share else 0.0
        bins.append(
            ChartBin(
                start=float(second),
                seconds=1.0,
                good=rate - bad,
                bad=bad,
                bad_by_reason={"connection": bad // 5, "wrong_answer": bad - bad // 5} if bad else {},
                latency_p50_seconds=None if second == 33 else p50,
                latency_p95_seconds=None if second == 33 else round(p50 * 2.2 + slow, 6),
            )
        )
    return tuple(bins)


def recovery_stages() -> tuple[Stage, ...]:
    pods = ("langflow-flow-7d9c6b5f4-x2x8p", "langflow-flow-7d9c6b5f4-qq7lm")
    names = ("pod scheduled", "image pulled", "container started", "pod ready", "endpoint added")
    times = ((0.09, 0.31, 1.02, 8.41, 8.6), (8.72, 8.93, 9.71, 16.9, 17.12))
    stages = [Stage(stage="API accepted", pod=None, seconds=0.012, earliest=0.0, latest=0.024)]
    for pod, reached in zip(pods, times, strict=True):
        stages += [
            Stage(stage=name, pod=pod, seconds=at, earliest=at - 0.02, latest=at + 0.02)
            for name, at in zip(names, reached, strict=True)
        ]
    stages.append(Stage(stage="rolled back", pod=None, seconds=18.21, earliest=18.2, latest=18.25))
    return (*stages, Stage(stage="first good answer", pod=None, seconds=18.6, earliest=18.33, latest=18.7))


def assessed(
    name: str, status: Status, required: str, observed: str, detail: str = "", limit: float | None = None
) -> Assessment:
    return Assessment(name=name, status=status, required=required, observed=observed, detail=detail, limit=limit)


def alerts(impact: Moment) -> tuple[AlertFact, ...]:
    """One alert through all of its stages, and one that never fired."""
    reached = zip(AlertStage, (2.1, 3.4, 12.6, 13.1, 14.0), strict=True)
    stages = [(stage, moment(impact.seconds + after, 0.4)) for stage, after in reached]
    told = tuple(AlertStageFact(stage=stage, at=at, since_impact=measure(impact, at)) for stage, at in stages)
    return (
        AlertFact(alert="FlowErrors", stages=told, detects_at=AlertStage.NOTIFIED),
        AlertFact(alert="FlowSlow", stages=(), detects_at=AlertStage.FIRING, told=("silenced by 5c1d0d5e",)),
    )


def signals(broken: Moment, impact: Moment) -> tuple[Signal, ...]:
    """What Kubernetes said before and after users were hit."""
    kinds = ((SignalKind.PROBE_FAILED, 22.0, False), (SignalKind.CRASH_LOOP, 31.2, True))
    return tuple(
        Signal(
            kind=kind,
            pod="langflow-flow-7d9c6b5f4-x2x8p",
            at=moment(at),
            since_break=measure(broken, moment(at)),
            since_impact=measure(impact, moment(at)) if at > impact.seconds else None,
            fails=fails,
            says="Readiness probe failed: HTTP probe failed with statuscode: 503",
        )
        for kind, at, fails in kinds
    )


def serving() -> tuple[ServingStep, ...]:
    """Two pods, replaced one after the other, and back."""
    steps = ((0.2, 2, 0), (26.3, 1, 1), (34.9, 0, 2), (36.1, 1, 1), (45.5, 2, 0))
    return tuple(ServingStep(seconds=at, stable=stable, broken=broken, other=0) for at, stable, broken in steps)


def latencies() -> tuple[LatencyRow, ...]:
    return tuple(
        LatencyRow(window=window, requests=300, p50=p50, p90=p50 * 2, p95=p50 * 2.2, p99=p50 * 4, highest=p50 * 5)
        for window, p50 in (("before the break", 0.021), ("during the outage", 0.33), ("after the recovery", 0.022))
    )


def samples(text: str = '{"result":"No response generated","success":false}') -> tuple[SampleAnswer, ...]:
    return (
        SampleAnswer(reason="wrong_answer", http_status=200, text=text, sampled=5),
        SampleAnswer(reason="connection", http_status=None, text="", sampled=2),
    )


def excerpts(text: str = "error: no edge leads to ChatOutput-9fQa") -> tuple[Excerpt, ...]:
    lines = tuple(f"2026-03-14T09:15:{second:02d}Z   {text}" for second in range(12))
    return (
        Excerpt(
            path="evidence/broken/langflow-flow-x2x8p.log",
            what="log of a broken pod",
            head=lines,
            left_out=311,
            tail=lines,
        ),
        Excerpt(
            path="evidence/restored-as-before.diff", what="what is not as it was", head=("no difference",), left_out=0
        ),
    )
