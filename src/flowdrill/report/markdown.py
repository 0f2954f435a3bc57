"""`report.md`: the result for a pull request's comment or a step's summary in CI. The verdict first, and short: what a
comment has no room for is left out, and a line in its place says what that is, and where it is found."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Assessment, Report, Result, Verdict
from flowdrill.model.status import Status
from flowdrill.report.activity_words import NOT_UNDONE, activity_sentences
from flowdrill.report.alert_words import alert_sentence
from flowdrill.report.audit_record_words import finding_rows, follow_up_sentence
from flowdrill.report.detection_words import detection_sentence, signals_sentence
from flowdrill.report.obstacle_words import obstacle_sentences, until_restore_sentence
from flowdrill.report.safe_text import visible_text, with_visible_text
from flowdrill.report.words import (
    CHECK_WORDS,
    LIMIT_WORDS,
    OBJECTIVE_WORDS,
    VERDICT_WORDS,
    assessed_words,
    bad_by_reason,
    cost_sentence,
    drilled_sentence,
    game_day_sentence,
    named_measures,
    named_token_uses,
    reasons_in_words,
    rollback_sentence,
    since_break_words,
)

_VERDICT_SIGNS = {Verdict.PASS: "✅", Verdict.FAIL: "❌", Verdict.INCONCLUSIVE: "❓"}
STATUS_SIGNS = {Status.PASS: "✅", Status.WARNING: "⚠️", Status.FAIL: "❌", Status.UNKNOWN: "❓"}
_LONGEST_CELL = 300
_MOST_ROWS = 40
_MOST_REASONS = 10
_LONGEST_COMMENT = 60_000  # GitHub takes 65,536 characters; a step's summary may have 1 MiB
_ELSEWHERE = "in the run's report.html and result.json"
_MARKUP = re.compile(r"[\\`*\[\]<>|~&#$!]|^[-+=]|(?<![a-z0-9])_|_(?![a-z0-9])|(?<=www)\.|:(?=//)", re.IGNORECASE)
_NOT_IN_CODE = re.compile(r"[`\\|]")


def escape_markdown(text: str) -> str:
    """Return `text` so that GitHub shows it as it is: character references cannot act as markup, not even as the end
    of a table's cell; a word joiner after `@` keeps it from calling people."""
    shown = visible_text(text, _LONGEST_CELL)
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", shown).replace("@", "@\u2060")


def _code(text: str) -> str:
    """A digest or reference, to be copied: as code where nothing in it could end the code or the cell."""
    return escape_markdown(text) if not text or _NOT_IN_CODE.search(text) else f"`{visible_text(text, _LONGEST_CELL)}`"


def render_markdown(report: Report) -> str:
    """Return GitHub-flavoured Markdown, ending with a line end."""
    report = with_visible_text(report)
    result = report.result
    verdict = f"{_VERDICT_SIGNS[result.verdict]} {VERDICT_WORDS[result.verdict]}"
    head = [
        f"## {verdict}: {escape_markdown(result.run.drill)}",
        escape_markdown(drilled_sentence(report)),
        _bullets(reasons_in_words(result), _MOST_REASONS),
    ]
    sections = [
        _Section("times", _measures(result)),
        _Section("game day", _game_day(result)),
        _Section("objectives", _objectives(result)),
        _Section("detectors", _detections(result)),
        _Section("way back", _rollback(result)),
        _Section("alerts", [_bullets(map(alert_sentence, result.alerts))] if result.alerts else []),
        _Section("requests", _requests(result)),
        _Section("obstacles", _obstacles(result)),
        _Section("activities", _activities(result)),
        _Section("model provider", _tokens(result)),
        _Section("checks", _checks(result)),
        _Section("limits", _limits(result)),
        _Section("images", _images(result)),
        _Section("findings", _findings(result)),
        _Section("notes", ["**Notes**", _bullets(result.notes)] if result.notes else []),
    ]
    foot = (
        f"<sub>flowdrill {escape_markdown(result.run.tool_version)}, run {escape_markdown(result.run.id)}, "
        f"{escape_markdown(result.run.started)}, plan {_code(result.run.plan_digest)}"
        f"{', approved' if result.run.approved else ''}</sub>"
    )
    room = _LONGEST_COMMENT - sum(map(len, head)) - len(foot)
    return "\n\n".join([*head, *_that_fit(sections, room), foot]) + "\n"


@dataclass(frozen=True, slots=True)
class _Section:
    name: str
    blocks: Sequence[str]


def _that_fit(sections: Iterable[_Section], room: int) -> list[str]:
    """The blocks of the sections, in their order. One that there is no room for is named instead: a later one that is
    short may fit all the same."""
    kept: list[str] = []
    left_out: list[str] = []
    for section in sections:
        size = sum(len(block) + 2 for block in section.blocks)
        if size <= room:
            kept += section.blocks
            room -= size
        else:
            left_out.append(section.name)
    if not left_out:
        return kept
    return [*kept, f"**Shortened.** There was no room for: {', '.join(left_out)}. All of it is {_ELSEWHERE}."]


def _measures(result: Result) -> list[str]:
    if not (result.instants.broken or result.objectives):
        return []
    rows = [
        (f"{m.words} ({m.start} → {m.end})", f"**{m.value}**", escape_markdown(m.bounds), _met(m.objective))
        for m in named_measures(result)
    ]
    return [_table(("Measure", "Time", "Bounds", "Objective"), rows)]


def _game_day(result: Result) -> list[str]:
    if result.game_day is None:
        return []
    rows = [
        (
            escape_markdown(since_break_words(entry)),
            entry.kind.value,
            escape_markdown(entry.who),
            escape_markdown(entry.what),
        )
        for entry in result.game_day.entries
    ]
    said = f"**Game day.** {escape_markdown(game_day_sentence(result.game_day))}"
    return [said, *([_table(("When", "What", "Who", "Details"), rows)] if rows else [])]


def _met(objective: Assessment | None) -> str:
    if not objective:
        return "none"
    words = f"{OBJECTIVE_WORDS[objective.status]}: {objective.required}"
    return f"{STATUS_SIGNS[objective.status]} " + escape_markdown(words + _detail(objective))


def _detail(assessment: Assessment) -> str:
    return f" ({assessment.detail})" if assessment.detail else ""


def _objectives(result: Result) -> list[str]:
    measured = {m.name for m in named_measures(result)}
    others = [objective for objective in result.objectives if objective.name not in measured]
    return [_assessments("Objective", others, OBJECTIVE_WORDS)] if others else []


def _detections(result: Result) -> list[str]:
    sentences = (detection_sentence(result), signals_sentence(result))
    return [escape_markdown(one) for one in sentences if one is not None]


def _rollback(result: Result) -> list[str]:
    sentence = rollback_sentence(result)
    return [] if sentence is None else [escape_markdown(sentence)]


def _checks(result: Result) -> list[str]:
    """The checks that do not hold, one by one; of the others only how many."""
    if not result.checks:
        return []
    broken = [check for check in result.checks if check.status is not Status.PASS]
    held = f"{len(result.checks) - len(broken)} of {len(result.checks)} checks hold."
    return [held, _assessments("Check", broken, CHECK_WORDS)] if broken else [held]


def _limits(result: Result) -> list[str]:
    """The limit that stopped the drill, and those that were not watched; of the others only how many."""
    if not result.limits:
        return []
    other = [limit for limit in result.limits if limit.status is not Status.PASS]
    kept = f"{len(result.limits) - len(other)} of {len(result.limits)} limits were kept."
    return [kept, _assessments("Limit", other, LIMIT_WORDS)] if other else [kept]


def _assessments(kind: str, assessments: Sequence[Assessment], words: dict[Status, str]) -> str:
    rows = [
        (
            f"{STATUS_SIGNS[a.status]} {words[a.status]}",
            escape_markdown(assessed_words(a.name)),
            escape_markdown(a.required),
            escape_markdown(a.observed + _detail(a)),
        )
        for a in assessments
    ]
    return _table(("", kind, "Required", "Observed"), rows)


def _requests(result: Result) -> list[str]:
    requests = result.requests
    if not requests.total:
        return []
    text = f"{requests.total:,} requests, {requests.bad:,} bad"
    if requests.failed_ratio is not None:
        text += f"; {format_ratio(requests.failed_ratio)} bad from the break to the recovery"
    by_reason = bad_by_reason(result)[:_MOST_ROWS]
    reasons = ", ".join(f"{escape_markdown(reason)} ({count:,})" for reason, count in by_reason)
    return [f"{text}. {reasons[:1].upper()}{reasons[1:]}." if reasons else f"{text}."]


def _obstacles(result: Result) -> list[str]:
    """What was in the way; where nothing was, what it cost that only the restore brought users back."""
    told = obstacle_sentences(result)
    if told:
        return ["**In the way of the rollback**", _bullets(told)]
    cost = until_restore_sentence(result)
    return [] if cost is None else [escape_markdown(cost)]


def _activities(result: Result) -> list[str]:
    told = activity_sentences(result)
    return ["**Chaos Toolkit activities**", _bullets((*told, NOT_UNDONE))] if told else []


def _tokens(result: Result) -> list[str]:
    rows = [
        (
            named.words,
            format_seconds(named.use.seconds),
            f"{named.use.user_requests:,}",
            f"{named.use.provider_requests:,}",
            f"{named.use.prompt_tokens:,} + {named.use.completion_tokens:,}",
            "–" if named.use.tokens_per_user_request is None else f"{named.use.tokens_per_user_request:.3g}",
        )
        for named in named_token_uses(result)
    ]
    head = ("Model provider", "Time", "Users asked", "It was asked", "Tokens in + out", "Tokens a user's request")
    cost = cost_sentence(result)
    return [*([_table(head, rows)] if rows else []), *([escape_markdown(cost)] if cost else [])]


def _images(result: Result) -> list[str]:
    images = (("stable", result.images.stable), ("broken", result.images.broken))
    rows = [
        (name, _code(image.reference), _code(image.digest), escape_markdown("; ".join(image.changes)))
        for name, image in images
        if image
    ]
    return [_table(("Image", "Reference", "Digest", "Changes"), rows)] if rows else []


def _findings(result: Result) -> list[str]:
    """What somebody has to see to, and when it is tested again; nothing where the plan and the run say neither."""
    audit = result.audit
    if audit is None or not (audit.findings or audit.retest_on):
        return []
    rows = [
        (
            escape_markdown(one.id),
            f"{STATUS_SIGNS[one.status]} {one.severity}",
            escape_markdown(one.about),
            escape_markdown(one.owner),
            escape_markdown(one.due),
        )
        for one in finding_rows(audit)
    ]
    head = ("Finding", "Weight", "About", "Who sees to it", "Until")
    said = f"**Findings.** {escape_markdown(follow_up_sentence(audit))}"
    return [said, *([_table(head, rows)] if rows else [])]


def _bullets(lines: Iterable[str], most: int = _MOST_ROWS) -> str:
    texts = list(lines)
    shown = [f"- {escape_markdown(line)}" for line in texts[:most]]
    left_out = len(texts) - most
    return "\n".join([*shown, *([f"- … {left_out} more {_ELSEWHERE}"] if left_out > 0 else [])])


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return markdown_table(head, rows, f" {_ELSEWHERE}")


def markdown_table(head: Sequence[str], rows: Sequence[Sequence[str]], elsewhere: str = "") -> str:
    """Return a table of cells that are Markdown already, with as many rows as a comment has room for. `elsewhere`: what
    is said behind the number of those that are left out: where they are."""
    shown = [*rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        shown.append([f"… {len(rows) - _MOST_ROWS} more{elsewhere}", *[""] * (len(head) - 1)])
    lines = [head, ["---"] * len(head), *shown]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
