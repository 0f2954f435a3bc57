"""How far back it can be rolled is not said without what decides it."""

from __future__ import annotations

import pytest

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.preflight import whole_reach
from flowdrill.errors import BrokenLedgerError, DrillRefusedError, ForbiddenError
from flowdrill.model.reach import Aspect, Reach
from flowdrill.model.status import Status
from tests.fakes.world import World


def reach_of(made: World) -> Reach:
    return whole_reach(made.order(), made.ports(), Narrator(made.time, made.emit))


def test_a_broken_ledger_is_refused_with_its_first_bad_entry() -> None:
    made = World()
    made.workload.denied = {(None, "patch", "deployments.apps")}  # what else has failed is no reason
    made.ledger.problem = BrokenLedgerError("entry 2 is not what was written", "compare", entry=2)
    with pytest.raises(DrillRefusedError, match="ledger_intact: entry 2") as refused:
        reach_of(made)
    assert refused.value.remedy == "compare"


def test_a_ledger_that_may_not_be_read_leaves_open_what_is_verified() -> None:
    made = World()
    made.ledger.problem = ForbiddenError("must not get configmaps", "allow it")
    (row, *_) = reach_of(made).rows
    assert row.finding(Aspect.VERIFIED).status is Status.UNKNOWN
    assert not row.holds
