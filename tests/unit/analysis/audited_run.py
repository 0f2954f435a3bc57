"""A run that an auditor looks at: names, a ticket, a target that was missed, and what becomes of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from flowdrill.edges.planfiles.reading import read_controls
from flowdrill.model.audit_facts import AuditFacts, ClaimedName, ClockDiscipline, EarlierRun
from flowdrill.model.controls import Controls
from flowdrill.model.events import AuditFactsTold, End, Noted
from flowdrill.model.run_record import RecordDigests, RunRecord
from tests.unit.analysis.synthetic_run import at, synthetic_run

CONTROLS: Controls = read_controls(None, Path())
AUDIT: dict[str, Any] = {
    "purpose": "Shows that a broken release is rolled back within two seconds.",
    "risk": "RISK-112: a bad flow reaches production",
    "change_ticket": "https://tickets.example.org/CHG-2041",
    "assumptions": ["the registry answers as it does for the nodes"],
    "participants": [{"name": "Alan Turing", "role": "on call"}],
    "separate_approver": True,
    "findings": {"owner": "platform team", "due_within": "14d"},
    "retest_within": "90d",
    "previous_run": "https://archive.example.org/q2",
}
MISSED = {"time_to_detect": "5s", "time_to_recover": "2s", "outage": "90s"}
FACTS = AuditFacts(
    ran_by=ClaimedName("Ada Lovelace", "$GITHUB_ACTOR"),
    approved_by=ClaimedName("Grace Hopper", "--approved-by"),
    previous=EarlierRun(
        run_id="20260621T100000Z-edge-missing-1a2b3c",
        found="the newest in the folder that runs are written to",
        verdict="pass",
        finished="2026-06-21T10:01:00.000Z",
        plan_digest="sha256:" + "9" * 64,
        digest="sha256:" + "7c" * 32,
        digest_of="attestation.dsse.json",
    ),
    clock=ClockDiscipline(synchronised=True, offset_seconds=0.00001, max_error_seconds=0.004),
)
DIGESTS = RecordDigests(plan="sha256:" + "1" * 64, controls="sha256:" + "2" * 64, all="sha256:" + "3" * 64)


def audited_run(
    *, facts: AuditFacts | None = FACTS, end: End | None = End.COMPLETED, seed: int = 7, **plan: Any
) -> RunRecord:
    """A synthetic run that recovers later than it may, unless `plan` says otherwise."""
    record = synthetic_run(seed=seed, end=end, **{"audit": AUDIT, "objectives": MISSED, **plan})
    told = () if facts is None else (AuditFactsTold(at_ns=at(0.0005), facts=facts),)
    noted = Noted(at_ns=at(20), text="a deploy of another team began meanwhile")
    events = tuple(sorted([*record.events, *told, noted], key=lambda event: event.at_ns))
    return replace(record, events=events, controls=CONTROLS, digests=DIGESTS)
