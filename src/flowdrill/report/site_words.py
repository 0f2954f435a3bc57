"""What a site's pages say, and where their links lead."""

from __future__ import annotations

import hashlib
import os
import re
from urllib.parse import quote

from flowdrill.analysis.drill_evidence import DrillEvidence, Standing
from flowdrill.model.history import History, HistoryRun, Timed, TimeOfRun
from flowdrill.model.quantity import format_seconds
from flowdrill.model.result import Verdict
from flowdrill.report.words import assessed_words

TIMED_WORDS = {
    Timed.TIME_TO_DETECT: "Time to detect",
    Timed.REACTION: "Reaction",
    Timed.TIME_TO_RECOVER: "Time to recover",
    Timed.OUTAGE: "Outage",
}
STANDING_WORDS = {
    Standing.VALID: "valid",
    Standing.FAILED_SINCE: "failed since",
    Standing.EXPIRED: "expired",
    Standing.NEVER: "never passed",
}
STANDING_STATUS = {  # whose colour and shape it has
    Standing.VALID: "pass",
    Standing.FAILED_SINCE: "fail",
    Standing.EXPIRED: "warning",
    Standing.NEVER: "unknown",
}
MISSING = "–"
_ASSESSED = re.compile("[a-z]+(?:_[a-z]+)+")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9]+")


def moment_words(run: HistoryRun) -> str:
    """Return when a run began, to the minute."""
    return f"{run.started[:10]} {run.started[11:16]}"


def time_words(time: TimeOfRun) -> str:
    """Return the estimate; a dash where it was not measured."""
    return MISSING if time.measure is None else format_seconds(time.measure.seconds)


def bounds_words(time: TimeOfRun) -> str:
    """Return the estimate with its bounds."""
    one = time.measure
    if one is None:
        return "not measured"
    earliest, latest = format_seconds(one.earliest), format_seconds(one.latest)
    return f"{format_seconds(one.seconds)} (between {earliest} and {latest})"


def days_words(days: int) -> str:
    """Return a number of days."""
    return f"{days} {'day' if days == 1 else 'days'}"


def count_words(count: int, one: str, many: str | None = None) -> str:
    """Return a number of things."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"


def report_href(run: HistoryRun, runs_from: str) -> str | None:
    """Return the link to a run's report, from the site's folder on; None where there is none."""
    return f"{_way(runs_from)}/{_quoted(run.folder)}/report.html" if run.has_report else None


def begun_reason(reason: str) -> str:
    """Return a verdict's reason, with plain words for the objective or check that it begins with."""
    name, colon, rest = reason.partition(":")
    return f"{assessed_words(name)}{colon}{rest}" if _ASSESSED.fullmatch(name) else reason


def trend_page(drill: str) -> str:
    """Return the name of the page of a drill's trends: harmless, and another one for each name."""
    name = _NOT_IN_A_NAME.sub("-", drill.lower()).strip("-")[:60].strip("-")
    digest = hashlib.sha256(drill.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"trend-{name}-{digest}.html" if name else f"trend-{digest}.html"


def filtered_href(**wanted: str) -> str:
    """Return a link to the index that shows only some runs."""
    return "index.html#" + "&".join(f"{name}={_quoted(value, safe='')}" for name, value in wanted.items())


def evidence_sentence(one: DrillEvidence, valid_days: int) -> str:
    """Return what stands behind a word of `STANDING_WORDS`."""
    if one.passed is None or one.age_days is None:
        return f"none of {count_words(one.runs, 'run')} passed"
    age = f"passed {days_words(one.age_days)} before, and counts for {days_words(valid_days)}"
    return f"{age}; a later run failed" if one.standing is Standing.FAILED_SINCE else age


def verdict_counts(history: History) -> tuple[tuple[Verdict, int], ...]:
    """Return how many runs have each verdict."""
    return tuple((verdict, sum(run.verdict is verdict for run in history.runs)) for verdict in Verdict)


def _way(relative: str) -> str:
    """A path that a browser cannot take for a scheme."""
    way = _quoted(relative, safe="/")
    return way if way.startswith((".", "/")) else f"./{way}"


def _quoted(text: str, safe: str = "") -> str:
    return quote(os.fsencode(text) if _is_name(text) else text.encode("utf-8", "backslashreplace"), safe=safe)


def _is_name(text: str) -> bool:
    """Whether the system can have such a name: others were read from a file."""
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True
