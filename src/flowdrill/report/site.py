"""The pages of a site. No network, and one script, which filters the index; everything that they show is escaped."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence

from jinja2 import Environment
from markupsafe import Markup

from flowdrill.analysis.drill_evidence import DrillEvidence, Standing, evidence_of
from flowdrill.analysis.ledger_chain import earlier_than_before, head_of
from flowdrill.analysis.trends import DrillTrend, only_last, trends_of
from flowdrill.model.history import History, HistoryRun, LedgerSeen, Timed
from flowdrill.report import site_words as words
from flowdrill.report.html import NARROW, WIDE, page_environment
from flowdrill.report.ledger_text import entry_facts
from flowdrill.report.safe_text import visible_text
from flowdrill.report.trend_picture import MOST_DRAWN, release_numbers, render_trend

MOST_ROWS = 5000  # of one page of the index
_MOST_CHOICES = 400  # of one filter
_LONGEST = 160  # characters of somebody else's text in a table of many rows


def render_site(history: History, runs_from: str) -> Mapping[str, str]:
    """Return each page by its name. `runs_from`: the way from the site's folder to that of the runs. The same history
    gives the same bytes."""
    environment = _environment(history, runs_from)
    trends = trends_of(history.runs)
    pages = dict(_index_pages(environment, history))
    pages["trends.html"] = _page(environment, "trends", trends=trends)
    for trend in trends:
        pages[words.trend_page(trend.drill)] = _trend_page(environment, trend)
    pages["matrix.html"] = _matrix_page(environment, history)
    evidence = evidence_of(history.runs, history.as_of, history.valid_days)
    pages["evidence.html"] = _page(environment, "evidence", evidence=_worst_first(evidence))
    pages["ledger.html"] = _ledger_page(environment, history)
    return pages


def _environment(history: History, runs_from: str) -> Environment:
    environment = page_environment()
    environment.finalize = _shown
    environment.filters |= {
        "moment": words.moment_words,
        "time": words.time_words,
        "bounds": words.bounds_words,
        "days": words.days_words,
        "report": lambda run: words.report_href(run, runs_from),
        "trend_page": words.trend_page,
        "reason": lambda text: visible_text(words.begun_reason(text), _LONGEST),
        "short": lambda text: visible_text(text, _LONGEST),
    }
    evidence = evidence_of(history.runs, history.as_of, history.valid_days)
    environment.globals |= {
        "history": history,
        "evidence_counts": [(one, sum(row.standing is one for row in evidence)) for one in Standing],
        "script_hash": "",
        "Timed": Timed,
        "TIMED_WORDS": words.TIMED_WORDS,
        "STANDING_WORDS": words.STANDING_WORDS,
        "STANDING_STATUS": words.STANDING_STATUS,
        "filtered": words.filtered_href,
        "counted": words.count_words,
        "evidence_says": words.evidence_sentence,
    }
    return environment


def _shown(value: object) -> object:
    """What a template puts into a page: nothing invisible stays invisible. Autoescaping comes after it."""
    return visible_text(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _page(environment: Environment, name: str, **values: object) -> str:
    return environment.get_template(f"site_{name}.html.j2").render(page=name, **values)


def _index_pages(environment: Environment, history: History) -> Iterator[tuple[str, str]]:
    """The newest runs first; more than one page only where one would be too large."""
    newest_first = history.runs[::-1]
    parts = [newest_first[at : at + MOST_ROWS] for at in range(0, len(newest_first), MOST_ROWS)] or [()]
    names = [_index_name(number) for number in range(1, len(parts) + 1)]
    script = _source(environment, "site.js")
    for number, part in enumerate(parts, 1):
        yield (
            names[number - 1],
            _page(
                environment,
                "index",
                runs=part,
                number=number,
                names=names,
                counts=words.verdict_counts(history),
                choices=_choices(part),
                script=Markup(script),  # noqa: S704 - ours, from this package
                script_hash="sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
            ),
        )


def _index_name(number: int) -> str:
    return "index.html" if number == 1 else f"index-{number}.html"


def _choices(runs: Sequence[HistoryRun]) -> tuple[tuple[str, str, list[str]], ...]:
    """The filters beside that of the verdict: each one's name, its label, and what there is to choose."""
    of = (
        ("drill", "Drill", {run.drill for run in runs}),
        ("scenario", "Scenario", {run.scenario for run in runs}),
        ("target", "Workload", {run.target for run in runs}),
    )
    return tuple(
        (name, label, sorted(visible_text(one, _LONGEST) for one in found)[:_MOST_CHOICES]) for name, label, found in of
    )


def _source(environment: Environment, name: str) -> str:
    """A file that is no template: as it is, since its digest stands in the page."""
    loader = environment.loader
    return "" if loader is None else loader.get_source(environment, name)[0]


def _trend_page(environment: Environment, trend: DrillTrend) -> str:
    targets = []
    for at, whole in enumerate(trend.targets):
        drawn = only_last(whole, MOST_DRAWN[True])
        numbers = release_numbers(drawn)
        pictures = [Markup(render_trend(drawn, numbers, f"trend-{at}", width)) for width in (WIDE, NARROW)]  # noqa: S704
        targets.append({"whole": whole, "drawn": drawn, "numbers": numbers, "pictures": pictures})
    return _page(environment, "trend", trend=trend, targets=targets, most_narrow=MOST_DRAWN[False])


def _matrix_page(environment: Environment, history: History) -> str:
    """The last run of each scenario on each target."""
    last = {(run.scenario, run.target): run for run in history.runs}  # a later one takes an earlier one's place
    scenarios, targets = (sorted({key[at] for key in last}) for at in (0, 1))
    return _page(environment, "matrix", scenarios=scenarios, targets=targets, last=last)


def _worst_first(evidence: Sequence[DrillEvidence]) -> list[DrillEvidence]:
    order = [Standing.FAILED_SINCE, Standing.NEVER, Standing.EXPIRED, Standing.VALID]
    return sorted(evidence, key=lambda one: order.index(one.standing))


def _ledger_page(environment: Environment, history: History) -> str:
    by_id = {run.id: run for run in history.runs}
    ledgers = [
        {
            "where": seen.ledger.where,
            "problem": seen.problem,
            "head": head_of(seen.ledger),
            "earlier": earlier_than_before(seen.ledger),
            "entries": [(entry_facts(entry), by_id.get(entry.by)) for entry in reversed(seen.ledger.entries)],
        }
        for seen in history.ledgers
    ]
    return _page(environment, "ledger", ledgers=ledgers, images=_images(history))


def _images(history: History) -> list[tuple[str, HistoryRun, str | None]]:
    """The last known stable image of each target, with the day since which a ledger has it."""
    newest: dict[str, HistoryRun] = {run.target: run for run in history.runs if run.stable_digest is not None}
    return [(target, run, _verified(run.stable_digest, history.ledgers)) for target, run in sorted(newest.items())]


def _verified(digest: str | None, ledgers: Sequence[LedgerSeen]) -> str | None:
    found = (seen.ledger.verified(digest or "") for seen in ledgers)
    return next((entry.verified_at[:10] for entry in found if entry is not None), None)
