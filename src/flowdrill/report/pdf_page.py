"""The page that becomes `report.pdf`: the HTML report, with what only paper needs.

A running head says on every page which run it is and how it ended; `pdf.css` has page numbers and where pages may
break. What a PDF says of itself (author, dates, identifier) is the run's, so that the same run gives the same file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from markupsafe import Markup

from flowdrill.model.result import Report
from flowdrill.report.html import page_environment, render_html
from flowdrill.report.safe_text import visible_text, with_visible_text
from flowdrill.report.words import VERDICT_WORDS, drilled_sentence

_BODY = re.compile(r"<body[^>]*>")
_LONGEST_HEAD = 120
_HEAD = Markup(
    '<meta name="author" content="flowdrill {version}">\n'
    '<meta name="description" content="{drilled}">\n'
    '<meta name="keywords" content="{run_id}, {plan_digest}">\n'
    '<meta name="dcterms.created" content="{started}">\n'
    '<meta name="dcterms.modified" content="{finished}">\n'
)
_RUNNING = Markup('\n<div class="running-head"><span>{run_id}</span><span>{verdict}</span></div>')


@dataclass(frozen=True, slots=True)
class PdfPage:
    """HTML to be printed, and what identifies the file."""

    html: str
    identifier: bytes


def pdf_page(report: Report) -> PdfPage:
    """Return the page. The same report gives the same bytes."""
    page = render_html(report)
    shown = with_visible_text(report)
    run = shown.result.run
    head = _HEAD.format(
        version=run.tool_version,
        drilled=drilled_sentence(shown),
        run_id=run.id,
        plan_digest=run.plan_digest,
        started=run.started,
        finished=run.finished or run.started,
    )
    style = page_environment().get_template("pdf.css").render()
    running = _RUNNING.format(run_id=visible_text(run.id, _LONGEST_HEAD), verdict=VERDICT_WORDS[shown.result.verdict])
    html = page.replace("</head>", f"{head}<style>\n{style}</style>\n</head>", 1)
    html = _BODY.sub(lambda body: f"{body[0]}{running}", html, count=1)
    return PdfPage(html, hashlib.sha256(html.encode()).digest()[:16])
