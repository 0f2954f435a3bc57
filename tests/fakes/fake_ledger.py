"""A ledger in memory."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from flowdrill.analysis.ledger_chain import appended, ledger_text, parse_ledger, said_before
from flowdrill.errors import FlowdrillError
from flowdrill.model.ledger import Ledger, LedgerEntry

FIRST = datetime(2026, 7, 1, 9, 30, tzinfo=UTC)


class FakeLedger:
    """The `LedgerBook` port. `text` is what it holds; every entry is verified an hour after the one before."""

    def __init__(self, where: str = "configmap/ledger") -> None:
        self.text = ""
        self.problem: FlowdrillError | None = None
        self._where, self._alone = where, threading.Lock()

    def read(self) -> Ledger:
        if self.problem is not None:
            raise self.problem
        return parse_ledger(self.text, self._where)

    def append(self, digest: str, reference: str, by: str, note: str) -> LedgerEntry:
        with self._alone:
            ledger = self.read()
            known = said_before(ledger, digest, by)
            if known is not None:
                return known
            now = FIRST + timedelta(hours=len(ledger.entries))
            grown = appended(ledger, digest=digest, reference=reference, verified_at=now, by=by, note=note)
            self.text = ledger_text(grown)
            return grown.entries[-1]
