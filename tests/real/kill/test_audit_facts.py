"""What a run on a cluster keeps for an auditor."""

from __future__ import annotations

import json

import pytest

from tests.real.kill.arena import Arena
from tests.real.kill.kills import INCONCLUSIVE, PASS, hit
from tests.real.kill.moments import BROKEN, Instant
from tests.real.kill.running import Around

pytestmark = pytest.mark.drills

_NAMES = {"FLOWDRILL_RAN_BY": "Ada Lovelace", "FLOWDRILL_APPROVED_BY": "Grace Hopper"}


def test_a_run_keeps_who_it_was_said_to_be_of_and_the_mapping_to_controls(arena: Arena) -> None:
    with hit(arena, Instant(BROKEN, 0.0), Around(environ=_NAMES)) as drill:
        assert drill.wait() in (PASS, INCONCLUSIVE), drill.told()
    told = [one for one in drill.events if one["event"] == "audit facts told"]
    assert [one["facts"]["ran_by"] for one in told] == [{"name": "Ada Lovelace", "source": "$FLOWDRILL_RAN_BY"}]
    audit = json.loads((drill.run / "result.json").read_text())["audit"]
    assert audit["approved_by"] == {"name": "Grace Hopper", "source": "$FLOWDRILL_APPROVED_BY"}
    assert len(audit["controls"]["controls"]) == len(json.loads((drill.run / "controls.json").read_text())["controls"])
