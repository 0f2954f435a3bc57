"""Finds out who of the people rolled back, once the watch has shown that somebody did."""

from __future__ import annotations

from dataclasses import replace

from flowdrill.analysis.who_rolled_back import Actor, audited_change
from flowdrill.analysis.who_rolled_back import who_rolled_back as told_by
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.ports import Ports

_AUDIT_SECONDS = 1.0  # a watch may be faster than the audit log; a rollout is slower than this


def who_rolled_back(cleared: Cleared, ports: Ports, lookout: Lookout, *, ours: str) -> Actor:
    """Return who did it and how; `ours` is the change-cause that the drill itself has set. Waits a moment for the audit
    log's line, where there is a log."""
    seen = lookout.put_back_seen or cleared.before
    if seen.change_cause == ours:
        seen = replace(seen, change_cause=None)
    if ports.audit is None:
        return told_by(cleared.before, seen, cleared.revision_number, ())
    audit = ports.audit
    lookout.wait(lambda _: audited_change(seen.image_set_by, audit.changes()), _AUDIT_SECONDS)
    return told_by(cleared.before, seen, cleared.revision_number, audit.changes())
