"""Many workloads, one verdict."""

from __future__ import annotations

import pytest

from flowdrill.analysis.fleet_verdict import fleet_verdict
from flowdrill.model.fleet import FleetDrill, FleetOutcome

PASS, FAIL, ERROR = FleetOutcome.PASS, FleetOutcome.FAIL, FleetOutcome.ERROR
UNKNOWN, SKIPPED, NOT_RUN = FleetOutcome.INCONCLUSIVE, FleetOutcome.SKIPPED, FleetOutcome.NOT_RUN


def drills(*outcomes: FleetOutcome) -> list[FleetDrill]:
    return [
        FleetDrill(namespace=f"n{at}", workload="deployment/app", outcome=one, reasons=(f"reason {at}",))
        for at, one in enumerate(outcomes)
    ]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ((PASS, PASS), PASS),
        ((PASS, FAIL, UNKNOWN), FAIL),
        ((FAIL, ERROR, PASS), ERROR),
        ((PASS, UNKNOWN), UNKNOWN),
        ((PASS, SKIPPED), UNKNOWN),
        ((PASS, NOT_RUN), UNKNOWN),
        ((SKIPPED, NOT_RUN), UNKNOWN),
        ((), UNKNOWN),
    ],
)
def test_the_worst_counts_and_what_was_not_drilled_is_no_pass(
    outcomes: tuple[FleetOutcome, ...], verdict: FleetOutcome
) -> None:
    assert fleet_verdict(drills(*outcomes))[0] is verdict


def test_the_sentence_counts_and_names_the_first_of_the_worst() -> None:
    _, says = fleet_verdict(drills(PASS, SKIPPED, FAIL, FAIL))
    assert says == "of 4 workloads 2 failed, 1 skipped; n2/deployment/app: reason 2"
