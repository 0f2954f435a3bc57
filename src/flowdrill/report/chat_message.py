"""The summary of a run as Slack takes it from a webhook; Mattermost, Rocket.Chat and others take the same."""

from __future__ import annotations

import json

from flowdrill.model.measured import Measure
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Report, Verdict
from flowdrill.report.safe_text import with_visible_text

_MARKS = {
    Verdict.PASS: ":white_check_mark:",
    Verdict.FAIL: ":x:",
    Verdict.INCONCLUSIVE: ":grey_question:",
}
_LONGEST = 2900  # of a section's 3000 characters
_MOST_REASONS = 5


def render_chat_message(report: Report, where: str | None) -> str:
    """Return the JSON. `where`: where the report is, for people. What came from a cluster is shown, and steers
    nothing: it mentions nobody, links nowhere and formats nothing."""
    result = with_visible_text(report).result
    run, measures = result.run, result.measures
    head = f"{result.verdict.value.upper()}: drill {_plain(run.drill)} on {_plain(f'{run.namespace}/{run.workload}')}"
    reasons = [f"• {_plain(one)}" for one in result.reasons[:_MOST_REASONS]]
    times = [
        f"{name}: {_time(measure)}"
        for name, measure in (
            ("time to detect", measures.time_to_detect),
            ("time to recover", measures.time_to_recover),
            ("outage", measures.outage),
        )
    ]
    facts = [f"run {_plain(run.id)}", f"stable {_plain(result.images.stable.digest) if result.images.stable else '?'}"]
    facts += [f"report: {_plain(where)}"] if where is not None else []
    blocks = [
        _section(f"{_MARKS[result.verdict]} *{head}*"),
        _section("\n".join(reasons) or "no reason is given"),
        _section(" · ".join(times)),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(facts)[:_LONGEST]}]},
    ]
    message = {
        "text": head,
        "blocks": blocks,
        "flowdrill": {
            "verdict": result.verdict.value,
            "drill": run.drill,
            "run": run.id,
            "plan_digest": run.plan_digest,
        },
    }
    return json.dumps(message, ensure_ascii=True)


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:_LONGEST]}}


def _time(measure: Measure | None) -> str:
    return "not measured" if measure is None else format_seconds(measure.seconds)


def _plain(text: str) -> str:
    """Slack's three signs, and those of its formatting, which a zero-width space takes their meaning from."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return "".join(f"\u200b{one}\u200b" if one in "*_~`@#" else one for one in escaped)
