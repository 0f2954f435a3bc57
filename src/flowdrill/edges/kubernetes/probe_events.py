"""What kubelets say of probes that fail: events with the reason Unhealthy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.edges.kubernetes.api import Json

_LONGEST = 200  # characters: an answer of the container may be part of it
_NOTHING: Mapping[str, str] = MappingProxyType({})


def first_probe_failures(events: Iterable[Json], container: str) -> Mapping[str, str]:
    """Return what the first event about a container of each pod says, by the pod's uid. It stays what it is when more
    follow: a probe that goes on failing is nothing new."""
    field = f"spec.containers{{{container}}}"
    first: dict[str, tuple[str, str, str]] = {}
    for event in events:
        about = event.get("involvedObject") or {}
        uid, text = about.get("uid"), event.get("message")
        if about.get("fieldPath") != field or not isinstance(uid, str) or not isinstance(text, str):
            continue
        found = (_since(event), str((event.get("metadata") or {}).get("name")), text)
        first[uid] = min(first.get(uid, found), found)
    return {uid: _shown(text) for uid, (_, _, text) in first.items()} or _NOTHING


def _since(event: Json) -> str:
    return str(event.get("firstTimestamp") or event.get("eventTime") or "")


def _shown(text: str) -> str:
    clean = printable(redact(text))
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"
