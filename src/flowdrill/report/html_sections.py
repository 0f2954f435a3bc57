"""The sections of `report.html`: in which order, under which heading, and when there is something to show."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.model.result import Report
from flowdrill.report.obstacle_words import until_restore_sentence
from flowdrill.report.words import named_token_uses


@dataclass(frozen=True, slots=True)
class Section:
    """A section: `name` is its anchor and, with `.html.j2`, its template."""

    name: str
    title: str
    short: str  # in the list of contents


def sections_of(report: Report) -> tuple[Section, ...]:
    """Return what the report has to show, most important first: what happened, then what it is judged by, then how
    it is known."""
    result = report.result
    readiness = result.readiness
    broke, audited = result.trigger is not None, result.audit is not None
    shown = (
        (bool(report.chart), Section("load", "What users met", "What users met")),
        (bool(result.obstacles or until_restore_sentence(result)), _way_back(report)),
        (bool(result.activities), Section("activities", "Chaos Toolkit activities", "Activities")),
        (broke, Section("noticed", "Who noticed, and when", "Who noticed")),
        (bool(result.alerts), Section("alerts", "Alerts", "Alerts")),
        (result.game_day is not None, Section("game_day", "Game day", "Game day")),
        (
            bool(result.recovery_stages),
            Section("recovery", "What the recovery was spent on", "Recovery"),
        ),
        (
            bool(result.objectives or result.limits),
            Section("objectives", "Targets against results", "Targets and results"),
        ),
        (audited, Section("findings", "Findings and follow-up", "Findings")),
        (bool(result.checks), Section("checks", "Checks", "Checks")),
        (bool(result.requests.total), Section("requests", "Requests and latency", "Requests")),
        (
            bool(named_token_uses(result)),
            Section("tokens", "What it cost at the model provider", "Provider's bill"),
        ),
        (bool(readiness and readiness.reach), Section("reach", "How far back it can be rolled", "Reach")),
        (bool(readiness and readiness.access), Section("permissions", "Permissions", "Permissions")),
        (
            bool(result.images.stable or result.images.broken or (readiness and readiness.images)),
            Section("images", "Images", "Images"),
        ),
        (bool(readiness and readiness.revisions), Section("revisions", "Revisions", "Revisions")),
        (bool(result.instants.broken), Section("instants", "Instants", "Instants")),
        (bool(result.evidence or report.samples), Section("evidence", "Evidence", "Evidence")),
        (
            bool(result.audit and result.audit.controls),
            Section("controls", "What this is evidence for", "Requirements"),
        ),
        (bool(result.notes), Section("notes", "Notes", "Notes")),
        (bool(report.plan), Section("plan", "Plan", "Plan")),
        (audited, Section("authority", "Who, and on what authority", "Who")),
        (True, Section("environment", "Run and environment", "Environment")),
        (True, Section("method", "How this was measured", "Method")),
        (audited, Section("sign_off", "Sign-off", "Sign-off")),
    )
    return tuple(section for is_shown, section in shown if is_shown)


def _way_back(report: Report) -> Section:
    if report.result.obstacles:
        return Section("way_back", "In the way of the rollback", "Obstacles")
    return Section("way_back", "What ended the outage", "End of the outage")
