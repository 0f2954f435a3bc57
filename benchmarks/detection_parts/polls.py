"""Who asks now and then: a check each second that must not fail once, a probe that must fail three times."""

from __future__ import annotations

from collections.abc import Callable

from detection_parts.stream import Stream
from flowdrill.model.instant import NS_PER_SECOND


def noticed_ns(
    fails_at: Callable[[int], bool], first_ns: int, every_seconds: float, until_ns: int, times: int
) -> int | None:
    """Return when a request sent at `first_ns` and each `every_seconds` from then on had failed `times` in a row; None
    when not by `until_ns`."""
    failed = 0
    for at_ns in range(first_ns, until_ns + 1, round(every_seconds * NS_PER_SECOND)):
        failed = failed + 1 if fails_at(at_ns) else 0
        if failed == times:
            return at_ns
    return None


def chaos_toolkit_ns(stream: Stream, phase: float) -> int | None:
    """Chaos Toolkit's steady-state hypothesis, looked at continuously each second, its default: one deviation ends the
    experiment. The time that a check takes is left out, in its favour: the next second begins after it."""
    return noticed_ns(stream.fails_at, stream.hit_ns + round(phase * NS_PER_SECOND), 1, stream.ends_ns, 1)


def readiness_ns(stream: Stream, phase: float) -> int | None:
    """A readiness probe by Kubernetes' defaults, each 10 s, three failures, that asks what users ask."""
    return noticed_ns(stream.fails_at, stream.hit_ns + round(phase * 10 * NS_PER_SECOND), 10, stream.ends_ns, 3)
