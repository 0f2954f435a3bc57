"""Saves what a cluster forgets: manifests, events, and the logs of pods that are about to go."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Ports
from flowdrill.errors import FlowdrillError


def take_evidence(images: tuple[str, ...], ports: Ports, tell: Narrator) -> None:
    """Save manifests, events, and the logs of the pods that run one of `images`. Never stops a drill: what cannot be
    had is noted."""
    try:
        for name, what, text in ports.workload.evidence(images):
            tell.evidence(ports.evidence.save(name, text), what)
    except FlowdrillError as error:
        tell.note(f"evidence could not be taken: {error.problem}")
