from __future__ import annotations

from decision_to_patch import COLD, ENGINE, KUBECTL_WAY, WARM, measures_of


def test_peers_are_told_in_times_of_the_engine_round_by_round() -> None:
    told = {ENGINE: [2.0, 4.0], WARM: [2.0, 2.0], COLD: [400.0, 400.0], KUBECTL_WAY: [40.0, 20.0]}

    values = {one.name: one.values for one in measures_of("here", told)}

    assert values[f"{ENGINE} / {WARM}"] == (1.0, 2.0)
    assert values[f"{KUBECTL_WAY} / {ENGINE}"] == (20.0, 5.0)
    assert values[f"{COLD} / {ENGINE}"] == (200.0, 100.0)


def test_a_peer_that_is_not_installed_has_no_row() -> None:
    names = [one.name for one in measures_of("here", {ENGINE: [2.0], WARM: [2.0], COLD: [400.0]})]

    assert not any(KUBECTL_WAY in one for one in names)
