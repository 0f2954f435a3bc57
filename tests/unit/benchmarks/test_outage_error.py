"""What `benchmarks/outage_error.py` takes for the truth, and for what others have seen of it."""

from __future__ import annotations

from flow_load.continuous_hypothesis import checks_of
from flow_load.measured_outage import Measured, Peer
from flow_load.outages import Check, Downtime, downtimes, seen_ns, true_outages

from flowdrill.model.instant import Span

OUTAGE = true_outages(0, [100, 130], 230)[0]


def test_an_outage_is_between_two_flips_and_reaches_into_half_of_the_good_phases_beside_it():
    first, second = true_outages(0, [100, 130, 230, 250], 350)
    assert (first.from_ns, first.down_ns, first.up_ns, first.until_ns) == (50, 100, 130, 180)
    assert (second.from_ns, second.length_ns, second.until_ns) == (180, 20, 300)


def test_a_downtime_lasts_from_its_first_bad_check_to_the_next_good_one():
    checks = [Check(0, True), Check(10, False), Check(20, False), Check(30, True), Check(40, True), Check(50, False)]
    assert downtimes(checks) == (Downtime(10, 30),)


def test_an_outage_between_two_checks_is_seen_by_nobody():
    assert seen_ns(OUTAGE, [Downtime(0, 40), Downtime(240, 300)]) == 0


def test_a_downtime_that_spans_two_outages_counts_for_its_part_in_each():
    assert seen_ns(OUTAGE, [Downtime(110, 300)]) == OUTAGE.until_ns - 110


def test_what_nobody_saw_is_wrong_by_all_of_it():
    unseen = Measured(true_ns=30, span=None, seen_ns={Peer.KRKN: 0})
    assert not unseen.held
    assert unseen.error_ns == unseen.width_ns == unseen.error_of(Peer.KRKN).ns == 30
    assert unseen.error_of(Peer.KRKN).unseen


def test_bounds_hold_the_truth_up_to_their_very_ends():
    def measured(true_ns: int) -> Measured:
        return Measured(true_ns, Span(shortest_ns=20, estimate_ns=30, longest_ns=40), {})

    assert [measured(true_ns).held for true_ns in (19, 20, 40, 41)] == [False, True, True, False]
    assert measured(38).error_ns == 8


def test_checks_of_a_journal_are_on_the_clock_of_the_service():
    def state(start: str, met: bool) -> dict[str, object]:
        return {"probes": [{"start": start, "tolerance_met": met}]}

    during = [state("1970-01-01T00:00:10.500000+00:00", True), state("1970-01-01T00:00:11.500000+00:00", False)]
    checks = checks_of({"steady_states": {"during": during}}, utc_minus_monotonic_ns=4_000_000_000)
    assert checks == (Check(6_500_000_000, True), Check(7_500_000_000, False))
