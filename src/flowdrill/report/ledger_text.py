"""The ledger, for a terminal and for a pipeline: what somebody wrote into it without anything that looks secret."""

from __future__ import annotations

from dataclasses import asdict, replace

from flowdrill.analysis.ledger_chain import earlier_than_before, head_of
from flowdrill.analysis.redaction import redact
from flowdrill.model.ledger import Ledger, LedgerEntry
from flowdrill.report.preflight_text import text_table

_HEAD = ("", "verified at", "image", "by", "note")


def render_ledger(ledger: Ledger) -> str:
    """Return every entry in a line, oldest first, then the head; ending with a line end."""
    if not ledger.entries:
        return f"{ledger.where}: no entries yet\n"
    shown = [_without_secrets(entry) for entry in ledger.entries]
    rows = [(str(one.number), one.verified_at, _with_digest(one), one.by, one.note) for one in shown]
    lines = [f"{ledger.where}:", text_table(_HEAD, rows), f"head {head_of(ledger)}"]
    lines += [
        f"note: entry {number} has an earlier time than the one before: two clocks differ, or it was written by hand"
        for number in earlier_than_before(ledger)
    ]
    return "\n".join(lines) + "\n"


def ledger_facts(ledger: Ledger) -> dict[str, object]:
    """Return the ledger as `ledger list --json` has it."""
    entries = [entry_facts(entry) for entry in ledger.entries]
    return {"where": ledger.where, "head": head_of(ledger), "entries": entries}


def entry_facts(entry: LedgerEntry) -> dict[str, object]:
    """Return an entry as JSON has it."""
    return asdict(_without_secrets(entry))


def _without_secrets(entry: LedgerEntry) -> LedgerEntry:
    return replace(entry, by=redact(entry.by), note=redact(entry.note))


def _with_digest(entry: LedgerEntry) -> str:
    return entry.reference if "@" in entry.reference else f"{entry.reference}@{entry.digest}"
