"""`repeats.html`: what several runs come to, for people. No network, no script; all that it shows is escaped."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from flowdrill.model.quantity import format_ratio
from flowdrill.model.repeats import Repeats
from flowdrill.report import repeats_words as words
from flowdrill.report.html import NARROW, WIDE, page_environment
from flowdrill.report.repeats_picture import render_repeats_picture
from flowdrill.report.repeats_text import shown_times
from flowdrill.report.safe_text import visible_text


def render_repeats_html(repeats: Repeats) -> str:
    """Return the whole page. The same repeats give the same bytes."""
    environment = page_environment()
    environment.filters |= {
        "claim": words.claim_words,
        "supported": lambda claim: words.supported_words(claim, repeats.confidence),
        "needed": words.needed_words,
        "median": words.median_words,
        "bounds": words.bounds_words,
        "interval": words.interval_words,
        "slowest": words.slowest_words,
        "time": words.time_words,
        "shown": visible_text,
        "said": words.run_words,
        "report": report_link,
        "begun": lambda text: text[:1].upper() + text[1:],
    }
    return environment.get_template("repeats.html.j2").render(
        repeats=repeats,
        head=words.head_sentence(repeats),
        stopped=words.stopped_sentence(repeats),
        no_drill=words.no_drill_sentence(repeats),
        confidence=format_ratio(repeats.confidence),
        shown_times=shown_times(repeats),
        CLAIMED_WORDS=words.CLAIMED_WORDS,
        COUNTS_WORDS=words.COUNTS_WORDS,
        METHOD=words.METHOD,
        pictures_of_times=[Markup(render_repeats_picture(repeats, width)) for width in (WIDE, NARROW)],  # noqa: S704
    )


def report_link(folder: str) -> str | None:
    """Return a link to the report of a run folder that is named from where the page is; None for any other."""
    return None if folder.startswith("/") else "./" + quote(f"{folder}/report.html")
