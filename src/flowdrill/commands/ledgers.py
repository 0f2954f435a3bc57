"""`ledger list`, `ledger verify`, `ledger add`."""

from __future__ import annotations

import argparse
import json
import os
import sys

from flowdrill.analysis.ledger_chain import has_head, head_of
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.edges.terminal.lines import visible
from flowdrill.errors import BrokenLedgerError
from flowdrill.history import ledgers
from flowdrill.report.ledger_text import entry_facts, ledger_facts, render_ledger


def list_all(options: argparse.Namespace) -> ExitCode:
    """List every entry; an error when the chain is broken."""
    with ledgers.opened(_place(options)) as book:
        ledger = book.read()
    print(json.dumps(ledger_facts(ledger), indent=2) if options.json else visible(render_ledger(ledger)).rstrip("\n"))
    return ExitCode.PASS


def verify(options: argparse.Namespace) -> ExitCode:
    """Say whether the chain is unbroken: a broken one is a finding."""
    head: str | None = options.head
    facts: dict[str, object] = {"unbroken": True, "first_bad_entry": None, "problem": None}
    try:
        with ledgers.opened(_place(options)) as book:
            ledger = book.read()
    except BrokenLedgerError as error:
        facts |= {"unbroken": False, "first_bad_entry": error.entry, "problem": error.problem, "remedy": error.remedy}
        said = str(error)
    else:
        count, now = len(ledger.entries), head_of(ledger)
        facts |= {"where": ledger.where, "entries": count, "head": now}
        said = f"{ledger.where}: the chain of {count} entries is unbroken; its head is {now}"
        if head is not None and not has_head(ledger, head):
            problem = f"{ledger.where}: no entry has the hash {head}: entries were cut off, or it is another ledger's"
            facts |= {"unbroken": False, "problem": problem}
            said = f"{problem}\n  -> compare it with the ledger that showed this head; its head now is {now}"
    print(json.dumps(facts, indent=2) if options.json else visible(said))
    return ExitCode.PASS if facts["unbroken"] else ExitCode.FAIL


def add(options: argparse.Namespace) -> ExitCode:
    """Add an image by hand."""
    image = None if options.running else options.image
    added = ledgers.add_by_hand(_place(options), image, options.note, os.environ)
    entry = added.entry
    if options.json:
        print(json.dumps({"added": added.is_new, "head": added.head, "entry": entry_facts(entry)}, indent=2))
        return ExitCode.PASS
    if not added.is_new:
        print("flowdrill: you have said so before: nothing was added", file=sys.stderr)
    print(visible(f"entry {entry.number}: {entry.reference}, verified at {entry.verified_at} by {entry.by}"))
    print(f"head {added.head}")
    return ExitCode.PASS


def _place(options: argparse.Namespace) -> ledgers.LedgerPlace:
    return ledgers.LedgerPlace(options.drill, options.context, options.kubeconfig)
