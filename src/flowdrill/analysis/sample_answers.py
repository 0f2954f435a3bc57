"""Bad answers to look at: one of each kind, from the file of samples that the load wrote."""

from __future__ import annotations

import json
from collections import Counter

from flowdrill.analysis.redaction import redact
from flowdrill.model.shown import SampleAnswer

_MOST_KINDS = 6
_LONGEST_BODY = 1500  # characters


def sample_answers(lines: str) -> tuple[SampleAnswer, ...]:
    """Return one answer of each kind (reason, status and body) in `lines` of JSON, the most frequent kinds first. What
    looks like a secret is taken out: the file was written without, and may have been changed. A line that cannot be
    read is left out: a killed run tears its last one."""
    kinds: Counter[tuple[str, int | None, str]] = Counter()
    for line in lines.splitlines():
        kind = _kind(line)
        if kind is not None:
            kinds[kind] += 1
    frequent = sorted(kinds.items(), key=lambda item: -item[1])[:_MOST_KINDS]  # equal ones stay in order of time
    return tuple(
        SampleAnswer(reason=reason, http_status=status, text=text, sampled=count)
        for (reason, status, text), count in frequent
    )


def _kind(line: str) -> tuple[str, int | None, str] | None:
    try:
        sample = json.loads(line)
        reason, status, text = sample["reason"], sample["http_status"], sample["body"] or sample["error"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
    if not isinstance(reason, str) or not isinstance(text, str):
        return None
    text = redact(text)
    cut = text if len(text) <= _LONGEST_BODY else f"{text[:_LONGEST_BODY]} … ({len(text) - _LONGEST_BODY} more)"
    return reason, status if isinstance(status, int) and status else None, cut
