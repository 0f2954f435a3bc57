"""`report.html`: one file for people. No network, no script; everything it shows is escaped."""

from __future__ import annotations

import re
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from flowdrill.model.quantity import format_ratio, format_seconds
from flowdrill.model.result import Report
from flowdrill.report.access_groups import access_groups
from flowdrill.report.activity_words import NOT_UNDONE, end_words
from flowdrill.report.alert_words import STAGE_WORDS, since_words
from flowdrill.report.audit_record_words import audit_page, recompute_of
from flowdrill.report.chart import render_chart
from flowdrill.report.detection_words import role_words, time_to_detect_words
from flowdrill.report.detectors_picture import render_detectors
from flowdrill.report.html_sections import sections_of
from flowdrill.report.objective_gauge import render_gauge
from flowdrill.report.obstacle_words import until_restore_sentence
from flowdrill.report.reach_picture import render_reach_picture
from flowdrill.report.reach_text import reach_sentence
from flowdrill.report.readiness_words import ACCESS_WORDS, access_status, day_of, format_bytes, health_status
from flowdrill.report.safe_text import with_visible_text
from flowdrill.report.timeline import render_timeline
from flowdrill.report.waterfall import render_waterfall
from flowdrill.report.words import (
    CHECK_WORDS,
    END_WORDS,
    LIMIT_WORDS,
    OBJECTIVE_WORDS,
    VERDICT_WORDS,
    assessed_words,
    bad_by_reason,
    cost_sentence,
    drilled_sentence,
    early_recovery_sentence,
    game_day_sentence,
    named_instants,
    named_measures,
    named_token_uses,
    reason_words,
    reasons_in_words,
    rollback_sentence,
    since_break_words,
)
from flowdrill.report.yaml_text import yaml_text

_QUANTITY = re.compile(r"(?<=\d) (?=(?:ms|s|min|h|days|%)(?:\W|$))|(?<= min) (?=\d\d s\b)|(?<= h) (?=\d\d min\b)")
WIDE, NARROW = 1000.0, 330.0  # every picture is drawn for both, and the style sheet shows the one that fits


def render_html(report: Report) -> str:
    """Return the whole page. The same report gives the same bytes."""
    report = with_visible_text(report)
    result = report.result
    readiness = result.readiness
    reach = readiness.reach if readiness else None
    return (
        page_environment()
        .get_template("report.html.j2")
        .render(
            report=report,
            result=result,
            run=result.run,
            sections=sections_of(report),
            requests=result.requests,
            reasons=reasons_in_words(result),
            drilled=drilled_sentence(report),
            measures=named_measures(result),
            instants=named_instants(result),
            by_reason=bad_by_reason(result),
            token_uses=named_token_uses(result),
            cost=cost_sentence(result),
            until_restore=until_restore_sentence(result),
            rollback_says=rollback_sentence(result),
            end=END_WORDS[result.end],
            early=early_recovery_sentence(result),
            plan=yaml_text(report.plan),
            audit=audit_page(result),
            activities_not_undone=NOT_UNDONE,
            recompute=recompute_of(report.result),
            access=access_groups(readiness.access) if readiness else (),
            readiness=readiness,
            reach_says=reach_sentence(reach) if reach else "",
            reach_pictures=[Markup(render_reach_picture(reach, width)) for width in (WIDE, NARROW)] if reach else [],  # noqa: S704
            # the pictures escape their own text: their XML is built as a tree
            timelines=[Markup(render_timeline(result, width)) for width in (WIDE, NARROW)],  # noqa: S704
            noticed=[Markup(render_detectors(result, width)) for width in (WIDE, NARROW)],  # noqa: S704
            charts=[Markup(render_chart(report, width)) for width in (WIDE, NARROW)],  # noqa: S704
            waterfalls=[Markup(render_waterfall(result, width)) for width in (WIDE, NARROW)],  # noqa: S704
        )
    )


def unbroken_quantities(text: str) -> str:
    """Return `text` so that no line ends between a number and its unit."""
    return _QUANTITY.sub("\u00a0", text)


def evidence_link(path: str) -> str | None:
    """Return a link to a file of the run folder, or None for a path that would lead out of it."""
    parts = path.split("/")
    if not path or any(part in ("", ".", "..") for part in parts):
        return None
    return "./" + quote(path)


def page_environment() -> Environment:
    """Return what makes pages from the templates: everything is escaped, and what is missing is an error."""
    environment = Environment(
        loader=PackageLoader("flowdrill.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "activity_end": end_words,
        "seconds": format_seconds,
        "ratio": format_ratio,
        "count": "{:,}".format,
        "assessed": assessed_words,
        "link": evidence_link,
        "time_to_detect": time_to_detect_words,
        "role": role_words,
        "since": since_words,
        "whole": unbroken_quantities,
        "bytes": format_bytes,
        "day": day_of,
        "access_status": access_status,
        "health_status": health_status,
        "people_did": game_day_sentence,
        "since_break": since_break_words,
        "reason": reason_words,
        "gauge": lambda named: Markup(render_gauge(named)),  # noqa: S704
    }
    environment.globals |= {
        "VERDICT_WORDS": VERDICT_WORDS,
        "OBJECTIVE_WORDS": OBJECTIVE_WORDS,
        "CHECK_WORDS": CHECK_WORDS,
        "LIMIT_WORDS": LIMIT_WORDS,
        "ACCESS_WORDS": ACCESS_WORDS,
        "STAGE_WORDS": STAGE_WORDS,
    }
    return environment
