"""What a plan says is what a drill does: each request that writes, by the audit log of the embedded cluster."""

from __future__ import annotations

from typing import Any

import pytest

from flowdrill.analysis.drill_steps import steps_of
from flowdrill.analysis.planned_writes import Scope
from flowdrill.edges.rollback.set_image import SetImage
from flowdrill.edges.rollback.undo import Undo
from tests.contract.audited import audited_writes, undone_plans, unplanned
from tests.contract.conftest import Place
from tests.contract.drilling import SCENARIO, Strategy, carry_out, stand_on

pytestmark = pytest.mark.drills

_NOT_HERE = {  # by the command line, beside the engine: tests/real/test_drill_embedded.py
    "patch leases.coordination.k8s.io/flowdrill-deployment-app",
    "patch leases.coordination.k8s.io/flowdrill-statefulset-app",
}


@pytest.mark.parametrize(
    ("kind", "strategy", "obstacles", "rollback"),
    [
        ("deployment", SetImage, ("disruption-budget", "rollout-paused"), {}),
        ("statefulset", Undo, ("revision-pruned",), {"strategy": "undo"}),
    ],
)
def test_every_request_of_a_drill_is_in_its_plan_and_the_plan_says_nothing_that_is_not_done(
    embedded_place: Place, kind: str, strategy: Strategy, obstacles: tuple[str, ...], rollback: dict[str, Any]
) -> None:
    with stand_on(embedded_place, kind=kind) as stand:
        drill = stand.drill(*({"kind": one} for one in obstacles), rollback=rollback)
        carry_out(stand, drill, strategy)
        writes = audited_writes(stand.play.kubeconfig, stand.play.namespace)
    steps = steps_of(Scope(drill, SCENARIO, embedded=False))
    assert unplanned(writes, steps) == []
    assert set(undone_plans(writes, steps)) - _NOT_HERE == set()
    assert {one.verb for one in writes} == {"create", "patch", "delete"}
