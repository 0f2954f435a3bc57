"""What probes ask anew, beside the run: the service, the registry, the API server. Nothing is measured or changed."""

from __future__ import annotations

from flowdrill.analysis.access_needs import on_call_needs
from flowdrill.analysis.answers import request_for
from flowdrill.analysis.rollout import not_on_digest_because, unsettled_because
from flowdrill.analysis.symptoms import reason_of
from flowdrill.edges.load.locust_load import api_key_of
from flowdrill.edges.load.single_request import send_request
from flowdrill.model.access import Actor
from flowdrill.model.drill import Drill
from flowdrill.model.events import StableImageSeen
from flowdrill.model.image_health import Health
from flowdrill.model.image_reference import parse_image_reference
from flowdrill.model.outcome import Reason
from flowdrill.preparing.opening import OpenDrill

_TRIES = 3  # a first answer may be late, or a pod about to go


def unhealthy_because(drill: Drill, here: OpenDrill) -> str | None:
    """Return why users are not served, or None: the rollout is complete, and one of three requests is answered as they
    expect it. While the model provider is not there, which the drill starts, nobody can be answered: then the rollout
    alone counts. FlowdrillError when the cluster cannot be asked."""
    unsettled = unsettled_because(here.workload.snapshot())
    if unsettled is not None:
        return unsettled
    if here.provider is not None and not here.provider.stands():
        return None
    load, key = drill.load, api_key_of(drill.load, here.environ) or ""
    request = request_for(load.route, load.flow, load.input)
    for _ in range(_TRIES):
        answer = send_request(load.url, request, key, load.latency_objective)
        reason = reason_of(load.route, answer.status, answer.body, load.expect, answer.seconds, load.latency_objective)
        if reason is Reason.GOOD:
            return None
    return f"{_TRIES} requests, none answered as expected; the last: {reason.name.lower().replace('_', ' ')}"


def not_retained_because(drill: Drill, here: OpenDrill, stable: StableImageSeen) -> str | None:
    """Return what the registry lacks of the stable image, or None."""
    (health,) = here.registry.examine([parse_image_reference(stable.pinned)], drill.policy.tier)
    if health.health is Health.RETAINED:
        return None
    return f"{stable.pinned}: {health.health.value}: {health.problem or 'no reason was given'}"


def may_not_because(drill: Drill, here: OpenDrill) -> str | None:
    """Return which permission the responder lacks, or is not known to have; None when it has all that the drill's way
    back needs. FlowdrillError when the API server cannot be asked."""
    needs = on_call_needs(drill.target, drill.rollback.way)
    answers = here.workload.may(Actor.RESPONDER, tuple(need.question for need in needs))
    lacking = [one for one in answers if one.allowed is not True]
    if not lacking:
        return None
    question = lacking[0].question
    knows = "must not" if lacking[0].allowed is False else "is not known to be allowed to"
    return f"{here.workload.responder or 'the harness itself'} {knows} {question.verb} {question.full_resource}"


def elsewhere_because(here: OpenDrill, stable: StableImageSeen) -> str | None:
    """Return which pod does not run the stable image, or None. ClusterError when the cluster cannot be asked."""
    return not_on_digest_because(here.workload.snapshot(), frozenset((stable.digest, *stable.other_digests)))
