"""Saves what a cluster forgets: manifests, events, and the logs of pods that are about to go."""

from __future__ import annotations

from flowdrill.analysis.provider_log import provider_log_text, provider_requests
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.errors import FlowdrillError
from flowdrill.model.instant import ns_to_seconds


def take_provider_log(name: str, from_ns: int, ports: Ports, tell: Narrator) -> None:
    """Save what the model provider served since `from_ns`, where the drill names one. Never stops a drill."""
    if ports.provider is None:
        return
    try:
        log = ports.provider.log(ns_to_seconds(ports.clock.now_ns() - from_ns))
        path = ports.evidence.save(name, provider_log_text(provider_requests(log.text)))
    except FlowdrillError as error:
        tell.note(f"the provider's log could not be taken: {error.problem}")
        return
    tell.evidence(path, "requests that the model provider served, and their tokens")
    if log.unread:
        tell.note(f"{path} lacks what these pods served, and so do the tokens: {'; '.join(log.unread)}")


def take_evidence(images: tuple[str, ...], ports: Ports, tell: Narrator, *, prefix: str = "") -> None:
    """Save manifests, events, and the logs of the pods that run one of `images`, each name with the prefix. Never stops
    a drill: what cannot be had is noted."""
    try:
        for name, what, text in ports.workload.evidence(images):
            tell.evidence(ports.evidence.save(prefix + name, text), what)
    except FlowdrillError as error:
        tell.note(f"evidence could not be taken: {error.problem}")
