"""What events say of probes that fail."""

from __future__ import annotations

from typing import Any

from flowdrill.edges.kubernetes.probe_events import first_probe_failures


def event(text: Any, at: str, uid: Any = "u", container: str = "flow") -> dict[str, Any]:
    about = {"kind": "Pod", "uid": uid, "fieldPath": f"spec.containers{{{container}}}"}
    return {"metadata": {"name": at}, "involvedObject": about, "message": text, "firstTimestamp": at, "count": 3}


def test_the_first_event_of_the_target_container_counts() -> None:
    events = [
        event("Liveness probe failed", "2026-01-01T00:00:09Z"),
        event("Startup probe failed", "2026-01-01T00:00:01Z"),
        event("Readiness probe failed", "2026-01-01T00:00:00Z", container="proxy"),
        event("Readiness probe failed", "2026-01-01T00:00:05Z", uid="v"),
    ]
    assert first_probe_failures(events, "flow") == {"u": "Startup probe failed", "v": "Readiness probe failed"}
    assert first_probe_failures(reversed(events), "flow") == first_probe_failures(events, "flow")


def test_what_an_event_says_is_not_trusted() -> None:
    hostile = "Readiness probe failed: Authorization: Bearer abcdefghijklmnopqrstuvwxyz\x1b[2J\u202e" + "x" * 9000
    (text,) = first_probe_failures([event(hostile, "2026")], "flow").values()
    assert "abcdefghijklmnop" not in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert len(text) <= 201
    assert first_probe_failures([event(None, "2026"), event("x", "2026", uid=None), {}], "flow") == {}
