"""`replay`."""

from __future__ import annotations

import argparse

from flowdrill.analysis.replay import ReplayOrder, replay_of
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.runfolder.reading import read_run
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError
from flowdrill.model.quantity import parse_duration_seconds
from flowdrill.model.rule import Rule, parse_rule
from flowdrill.report.replay_text import render_replay, render_replay_json

_MOST_RULES = 20
_HELP = "`flowdrill replay --help` says what a rule may be"
_LONGEST_SECONDS = 30 * 86400.0


def replay(options: argparse.Namespace) -> ExitCode:
    """Hold rules against a recorded run."""
    order = ReplayOrder(
        rules=_rules(options.rule),
        hold_failure_seconds=_seconds(options.hold_failure, "--hold-failure"),
        simulate_seconds=_seconds(options.simulate, "--simulate"),
    )
    found = replay_of(read_run(options.run_folder), order)
    print(render_replay_json(found) if options.json else visible(render_replay(found)), end="")
    return ExitCode.PASS


def _rules(texts: list[str]) -> tuple[Rule, ...]:
    if len(texts) > _MOST_RULES:
        raise PlanError(f"--rule: {len(texts)} rules are too many", f"give {_MOST_RULES} at most at a time")
    return tuple(map(_rule, texts))


def _rule(text: str) -> Rule:
    try:
        return parse_rule(text)
    except ValueError as error:
        raise PlanError(f"--rule {text[:80]!r}: {error}", _HELP) from error


def _seconds(text: str | None, option: str) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_duration_seconds(text)
    except ValueError as error:
        raise PlanError(f"{option}: {error}", "write it as 10m or 1h") from error
    if not 1 <= seconds <= _LONGEST_SECONDS:
        raise PlanError(f"{option} {text}: is not between 1s and 30d", "write it as 10m or 1h")
    return seconds
