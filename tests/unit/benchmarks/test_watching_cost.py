import watching_cost
from watching_cost import Way, Window, measures_of


def test_a_ratio_is_of_what_was_side_by_side_in_its_round() -> None:
    slow = {way: Window(100, 2_000_000_000) for way in Way}
    fast = {way: Window(100, 1_000_000_000) for way in Way} | {Way.OURS: Window(95, 1_000_000_000)}
    found = {one.name: one for one in measures_of("case", [slow, fast])}
    assert found["ours"].values == (50.0, 95.0)
    assert found["ours / plain"].values == (1.0, 0.95)
    assert found["ours / plain"].goal == watching_cost.PLAIN_GOAL
