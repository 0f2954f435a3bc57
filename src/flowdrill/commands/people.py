"""`ack` and `inject`."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path
from typing import Literal

from flowdrill.analysis.printable import printable
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.people.messages import LONGEST_NAME, LONGEST_TEXT, Message
from flowdrill.edges.people.saying import command_started_ns, newest_in_progress, say
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import PlanError

_REPORTS = Path("reports")  # where `flowdrill run` puts a run's folder by default


def ack(options: argparse.Namespace) -> ExitCode:
    """Acknowledge the failure."""
    return _said(options, "ack", options.note)


def inject(options: argparse.Namespace) -> ExitCode:
    """Note down what people are told."""
    if not options.text.strip():
        raise PlanError("TEXT is empty", "say what people are told")
    return _said(options, "inject", options.text)


def _said(options: argparse.Namespace, kind: Literal["ack", "inject"], text: str) -> ExitCode:
    started_ns = command_started_ns()
    by = fitting(options.by or this_user(), LONGEST_NAME, "--by")
    said = fitting(text, LONGEST_TEXT, "the text")
    message = Message(kind=kind, by=by or "somebody", text=said, asked_ns=started_ns)
    answer = say(options.run_folder or newest_in_progress(_REPORTS), message)
    print(answer.model_dump_json() if options.json else visible(f"{answer.words} (run {answer.run_id})"))
    return ExitCode.PASS


def fitting(text: str, longest: int, what: str) -> str:
    """Return the text, printable; PlanError when it is longer than `longest` characters."""
    if len(text) > longest:
        raise PlanError(f"{what} has {len(text)} characters", f"say it in at most {longest}")
    return printable(text)


def this_user() -> str:
    """Return the name of whoever calls."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user id without a name
        return "somebody"
