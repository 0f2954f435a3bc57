"""Trying a scenario: its broken image in one pod of the embedded cluster, a handful of requests, and nothing left."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowdrill.analysis.answers import FlowRequest, request_for
from flowdrill.analysis.redaction import redact
from flowdrill.analysis.symptoms import asked_enough, reason_of, symptoms_seen
from flowdrill.analysis.workload_changes import beside_the_container, release_of
from flowdrill.cluster.kubeconfig import CONTEXT
from flowdrill.cluster.lifecycle import RunningCluster
from flowdrill.edges.kubernetes.single_pod import PodStart, SinglePod, single_pod
from flowdrill.edges.load.single_request import HttpAnswer, send_request
from flowdrill.edges.planfiles.reading import ScenarioFolder, find_scenario, read_drill, shipped_scenarios
from flowdrill.edges.registry.flow_image import FlowRuntime
from flowdrill.edges.registry.image_registry import ImageRegistry
from flowdrill.errors import PlanError, RegistryError
from flowdrill.model.container_fields import with_fields
from flowdrill.model.drill import RegistryAccess
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.outcome import Reason
from flowdrill.model.release import Release
from flowdrill.model.route import Route
from flowdrill.model.scenario import Scenario
from flowdrill.model.trial import Trial, TriedAnswer, TriedPod
from flowdrill.preparing.embedded import base_image, embedded_cluster, trusted_image
from flowdrill.preparing.opening import open_images
from flowdrill.report.safe_text import visible_text

# what drills/edge-missing.yaml and drills/target/kubernetes.yaml have
SAMPLE_FLOW = "flows/greeting.json"
SAMPLE_EXPECT = "Answer v1"
LATENCY_OBJECTIVE_SECONDS = 2.0
PORT = 7860
KEY_VARIABLE = "LANGFLOW_API_KEY"
_NAME = "langflow"
_BESIDE = {"config_map": "a flow in a ConfigMap", "provider": "the model provider", "data": "a database"}
_ASKING_SECONDS = 8.0  # for all requests together
_REQUEST_SECONDS = 6.0
_END_SECONDS = 2.0  # how long a container's end may take to show after its connections broke
_LOG_LINES = 8
_FRAME = " │╭╮╰╯─"  # lfx draws boxes around what it says
_READ_CHARACTERS, _SHOWN_CHARACTERS = 8192, 160  # of an answer or of a log's line

Json = dict[str, Any]
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class TrialOrder:
    """What to try, and how."""

    scenario: str
    image: str | None  # the stable image, pinned
    flow: Path | None  # else a flow for this machine's runtime; None for both: the sample flow
    input: str
    expect: str | None  # None: known for the sample flow only
    limit_seconds: float  # for the pod to get ready


@dataclass(frozen=True, slots=True)
class _Stable:
    reference: ImageReference
    flow: str  # the flow's text
    runtime: FlowRuntime


@dataclass(frozen=True, slots=True)
class _Question:
    """What the pod is asked, every time."""

    route: Route
    request: FlowRequest
    expect: str  # "": any text
    key: str


def try_scenario(order: TrialOrder, say: Say) -> Trial:
    """Build the broken image, run it alone, ask it, remove everything. FlowdrillError when it cannot be tried."""
    began = time.monotonic()
    found = find_scenario(order.scenario)
    _require_alone(found.scenario)
    left: list[str] = []

    def leave(what: str) -> None:
        left.append(visible_text(what))
        say(f"left behind: {left[-1]}")  # also when there will be nothing else to print

    with ExitStack() as stack:
        images = stack.enter_context(closing(open_images(RegistryAccess(), found.read_source)))
        cluster = stack.enter_context(embedded_cluster(say))
        stable = _stable_image(order, cluster, images, stack, leave)
        trial = _tried(order, found, stable, cluster, images, leave, say)
    took = time.monotonic() - began
    return trial.model_copy(update={"left_behind": tuple(left), "took_seconds": took})


def pod_spec(image: str, key: str) -> Json:
    """Return a pod like those of the sample target, with the key in it and an end that nobody waits for."""
    container: Json = {
        "name": _NAME,
        "image": image,
        "env": [{"name": KEY_VARIABLE, "value": key}],
        "ports": [{"name": "http", "containerPort": PORT, "protocol": "TCP"}],
        "resources": {"requests": {"memory": "384Mi", "cpu": "250m"}, "limits": {"memory": "512Mi", "cpu": "500m"}},
        "readinessProbe": {"httpGet": {"path": "/health", "port": "http"}, "periodSeconds": 1, "timeoutSeconds": 3},
    }
    return {"enableServiceLinks": False, "terminationGracePeriodSeconds": 0, "containers": [container]}


def shown_line(text: str, key: str) -> str:
    """Return the beginning of what a pod or an answer said: redacted before it is cut, so that no half of a secret is
    left, on one line, and with every sign visible."""
    line = visible_text(redact(text[:_READ_CHARACTERS], (key,)), _READ_CHARACTERS)
    return line if len(line) <= _SHOWN_CHARACTERS else f"{line[:_SHOWN_CHARACTERS]}…"


def _require_alone(scenario: Scenario) -> None:
    """PlanError when a pod alone cannot show the scenario."""
    needed = [*beside_the_container(scenario.changes.workload)]
    if scenario.changes.provider is not None:
        needed.append("provider")
    if scenario.recovery is not None:
        needed.append("data")
    if not needed:
        return
    drills = sorted(Path("drills").glob("*.yaml"))
    drill = next((path for path in drills if _drills(path, scenario.scenario)), None)
    what = ", ".join(_BESIDE.get(name, f"its {name.replace('_', ' ')}") for name in needed)
    raise PlanError(
        f"scenario {scenario.scenario}: changes what lies beside the target's container ({what}), and `try` runs a pod "
        "alone",
        f"drill it: `flowdrill run {drill}`"
        if drill is not None
        else f"drill it: a drill file with `scenario: {scenario.scenario}`, and a target that has it",
    )


def _drills(path: Path, scenario: str) -> bool:
    try:
        return read_drill(path).scenario == scenario
    except PlanError:
        return False  # it is another file that is looked for


def _stable_image(
    order: TrialOrder, cluster: RunningCluster, images: ImageRegistry, stack: ExitStack, leave: Say
) -> _Stable:
    if order.image is not None:
        reference = trusted_image(order.image, cluster, "--image")
        served = images.flow_of(reference)
        return _Stable(reference, served.text, served.runtime)
    path = order.flow or shipped_scenarios() / SAMPLE_FLOW
    try:
        flow = path.read_bytes()
    except OSError as error:
        raise PlanError(f"--flow {path}: {error.strerror}", "name a flow that LangFlow exported as JSON") from error
    base, name = base_image(cluster), f"try-{secrets.token_hex(6)}"
    to = ImageReference(base.registry, base.repository, name, None)
    made = images.make_flow_image(flow, path.name, base, to, note=f"flowdrill {name}")
    stack.callback(_delete, lambda: images.delete_flow_image(made, base), leave)
    pinned = made.reference.at_digest(str(made.reference.digest))
    return _Stable(pinned, flow.decode("utf-8", "replace"), made.runtime)


def _delete(delete: Callable[[], tuple[str, ...]], leave: Say) -> None:
    try:
        remaining = delete()
    except RegistryError as error:
        remaining = (error.problem,)
    for one in remaining:
        leave(one)


def _tried(
    order: TrialOrder, found: ScenarioFolder, stable: _Stable, cluster: RunningCluster, images: ImageRegistry,
    leave: Say, say: Say,
) -> Trial:  # fmt: skip
    scenario, token, key = found.scenario, secrets.token_hex(4), secrets.token_urlsafe(24)
    question = _question(order, stable, key)
    prepared = images.prepare_broken(stable.reference, scenario, f"try-{token}")
    broken = prepared.image
    spec = pod_spec(str(broken.reference.at_digest(str(broken.reference.digest))), key)
    container = spec["containers"][0]
    release = release_of(scenario.changes.workload, container, {}, f"pod/{_NAME}", found.read_source)
    spec["containers"] = [_released(container, release)]
    with ExitStack() as stack:
        stack.callback(_delete, lambda: images.delete(broken), leave)
        images.push(prepared)
        say(f"running {broken.reference} alone; it has {order.limit_seconds:g} s to get ready")
        kubeconfig = str(cluster.folder.kubeconfig)
        pod = stack.enter_context(single_pod(CONTEXT, kubeconfig, f"flowdrill-try-{token}", spec, leave))
        start = pod.await_start(order.limit_seconds)
        answers = _answers(start, question, say) if start.ready else ()
        became = _became(pod, start, answers, key)
        say("removing everything again")
    seen = symptoms_seen(became, answers)
    return Trial(
        scenario=scenario.scenario,
        declared=scenario.symptom,
        seen=seen,
        as_declared=scenario.symptom in seen,
        seen_by_users=" ".join(scenario.seen_by_users.split()),
        seen_by_kubernetes=" ".join(scenario.seen_by_kubernetes.split()),
        image=str(broken.reference),
        changes=(*broken.changes, *release.changes),
        pod=became,
        request=f"POST {question.request.path}",
        answers=answers,
        notes=() if question.expect else ("without --expect TEXT every text counts as a right answer",),
        took_seconds=0.0,
    )


def _question(order: TrialOrder, stable: _Stable, key: str) -> _Question:
    route = Route.LANGFLOW_RUN if stable.runtime is FlowRuntime.LANGFLOW else Route.LFX_RUN
    usual = SAMPLE_EXPECT if order.image is None and order.flow is None else ""
    expect = usual if order.expect is None else order.expect
    return _Question(route, request_for(route, _flow_id(stable), order.input), expect, key)


def _flow_id(stable: _Stable) -> str:
    try:
        name = json.loads(stable.flow)["id"]
    except (ValueError, LookupError, TypeError, RecursionError):
        name = None
    if not isinstance(name, str) or not name.replace("-", "").isalnum() or not name.isascii():
        raise PlanError(f"{stable.reference}: its flow has no id to ask it by", "export the flow from LangFlow again")
    return name


def _released(container: Json, release: Release) -> Json:
    return with_fields(container, release.broken_fields)


def _answers(start: PodStart, question: _Question, say: Say) -> tuple[TriedAnswer, ...]:
    say(f"ready after {start.watched_seconds:.1f} s; asking it")
    url, answers = f"http://{start.address}:{PORT}", list[TriedAnswer]()
    until = time.monotonic() + _ASKING_SECONDS
    while not asked_enough(answers) and (left_seconds := until - time.monotonic()) > 0:
        answer = send_request(url, question.request, question.key, min(left_seconds, _REQUEST_SECONDS))
        if answer.timed_out and answer.seconds <= LATENCY_OBJECTIVE_SECONDS:
            break  # its time ended before it could be called slow
        body = _shown(answer, question.key)
        reason = _reason(answer, question)
        answers.append(TriedAnswer(reason=reason, http_status=answer.status, seconds=answer.seconds, body=body))
    return tuple(answers)


def _reason(answer: HttpAnswer, question: _Question) -> Reason:
    if answer.timed_out:
        return Reason.NO_ANSWER
    return reason_of(
        question.route, answer.status, answer.body, question.expect, answer.seconds, LATENCY_OBJECTIVE_SECONDS
    )


def _became(pod: SinglePod, start: PodStart, answers: tuple[TriedAnswer, ...], key: str) -> TriedPod:
    broken_off = any(one.reason is Reason.CONNECTION for one in answers)
    seen = pod.await_end(_END_SECONDS if broken_off else 0.0) if start.ready else start.snapshot
    troubled = not start.ready or seen.ended is not None
    return TriedPod(
        ready_after_seconds=start.watched_seconds if start.ready else None,
        watched_seconds=start.watched_seconds,
        failed=start.failed,
        ended=seen.ended,
        says=shown_line(pod.complaint(), key) if not start.ready and seen.ended is None else "",
        log=tuple(shown_line(one.strip(_FRAME), key) for one in pod.log_lines(_LOG_LINES, seen, frozenset({key})))
        if troubled
        else (),
    )


def _shown(answer: HttpAnswer, key: str) -> str:
    if answer.status is None:
        return shown_line(answer.problem, key)
    text = shown_line(answer.body[:_READ_CHARACTERS].decode("utf-8", "replace"), key)
    return f"{text} … ({len(answer.body)} bytes)" if len(answer.body) > _READ_CHARACTERS else text
