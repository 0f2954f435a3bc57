"""`site`."""

from __future__ import annotations

import argparse
import json
from datetime import date
from pathlib import Path

from flowdrill.analysis.drill_evidence import Standing, evidence_of
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.commands.telling import answered, tell
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.history.histories import BuiltSite, SiteOrder, build_site, today
from flowdrill.model.quantity import parse_duration_seconds
from flowdrill.report.site_words import STANDING_WORDS, count_words, days_words

_DAY_SECONDS = 86400


def site(options: argparse.Namespace) -> ExitCode:
    """Make a site of many runs. What cannot be read is told, on the site and on stderr, and is no error."""
    order = SiteOrder(
        reports=options.reports,
        out=options.out or options.reports / "site",
        as_of=_day(options.as_of),
        valid_days=_days(options.expires_after),
        ledgers=tuple(options.ledger),
        rebuild=options.rebuild,
    )
    built = build_site(order)
    for one in built.history.unreadable:
        tell(f"flowdrill: {visible(f'{one.folder}: {one.reason}')}\n  -> {visible(one.remedy)}")
    for ledger in built.history.ledgers:
        if ledger.problem is not None:
            tell(f"flowdrill: {visible(ledger.problem)}")
    index = order.out / "index.html"
    return answered(_json(built, index) if options.json else visible(_text(built, index)), ExitCode.PASS)


def _counts(built: BuiltSite) -> dict[Standing, int]:
    history = built.history
    evidence = evidence_of(history.runs, history.as_of, history.valid_days)
    return {one: sum(row.standing is one for row in evidence) for one in Standing}


def _text(built: BuiltSite, index: Path) -> str:
    history = built.history
    counts = ", ".join(f"{count} {STANDING_WORDS[standing]}" for standing, count in _counts(built).items())
    return (
        f"site: {index}\n"
        f"  {count_words(len(history.runs), 'run')}, {built.read:,} of them read anew; "
        f"{count_words(len(history.unreadable), 'folder')} could not be read\n"
        f"  evidence as of {history.as_of}, for {days_words(history.valid_days)}: {counts}\n"
    )


def _json(built: BuiltSite, index: Path) -> str:
    history = built.history
    facts = {
        "index": str(index),
        "runs": len(history.runs),
        "read_anew": built.read,
        "unreadable": [one.model_dump() for one in history.unreadable],
        "as_of": history.as_of.isoformat(),
        "valid_days": history.valid_days,
        "evidence": {standing.value: count for standing, count in _counts(built).items()},
        "broken_ledgers": [one.ledger.where for one in history.ledgers if one.problem is not None],
    }
    return json.dumps(facts, indent=2) + "\n"


def _day(text: str | None) -> date:
    if text is None:
        return today()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise PlanError(f"--as-of {text[:40]!r}: is no day", "write it as 2026-11-30") from error


def _days(text: str) -> int:
    try:
        seconds = parse_duration_seconds(text)
    except ValueError as error:
        raise PlanError(f"--expires-after: {error}", "write it as 90d") from error
    if seconds <= 0 or seconds % _DAY_SECONDS:
        raise PlanError(f"--expires-after {text}: is no number of whole days", "write it as 90d")
    return round(seconds / _DAY_SECONDS)
