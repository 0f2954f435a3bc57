"""How objects that a run makes are known to be its own."""

from __future__ import annotations

RUN_LABEL = "flowdrill.dev/run"  # also the annotation that holds the whole id
_LONGEST = 63  # characters of a label's value


def run_label(run_id: str) -> str:
    """Return the label's value for a run: the end of its id, which no other run has."""
    return run_id[-_LONGEST:].lstrip("-._")
