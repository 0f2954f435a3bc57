"""`gate`."""

from __future__ import annotations

import argparse

from flowdrill.commands.evidence_gates import ask_history
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.errors import PlanError


def gate(options: argparse.Namespace) -> ExitCode:
    """Say whether a release may go."""
    if options.evidence is not None:
        _refuse_beside(
            options, "--evidence", ("suite", "candidate", "candidate_changes", "rollback_to", "context", "junit")
        )
        return ask_history(options)
    _refuse_beside(options, "a suite", ("image", "key"))
    raise PlanError("gate: names neither a suite nor evidence", "such as drills/gate.yaml, or --evidence reports")


def _refuse_beside(options: argparse.Namespace, what: str, names: tuple[str, ...]) -> None:
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if given:
        option = "SUITE.yaml" if given[0] == "suite" else f"--{given[0].replace('_', '-')}"
        raise PlanError(f"gate: {option} says nothing beside {what}", "see `flowdrill gate --help`")
