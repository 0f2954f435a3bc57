"""How fast a detector can be at all, for the false alarms that flowdrill's guarantees.

Two limits. The first is for who knows everything but the instant of the change: requests are independent, both ratios
of bad ones are known. The second is for who knows what flowdrill's detector knows: slots of time, and that the mean of
their bad shares is at most p0; nothing of what the requests of a slot have in common.
"""

from __future__ import annotations

import math

import numpy as np

_STEPS_UP = 60  # into how many steps of the statistic one bad request is divided


def cusum_requests(normal: float, failing: float, between_false_alarms: float) -> float:
    """Return the mean number of requests from the change to CUSUM's alarm, the one that raises it among them, when one
    in `between_false_alarms` requests is a false alarm.

    No rule with as few false alarms has a smaller worst mean delay (Lorden's criterion: Moustakides, "Optimal stopping
    times for detecting changes in distributions", Annals of Statistics 14, 1986; to first order it is
    ln(between_false_alarms) / I, I being the Kullback-Leibler divergence: Lorden, "Procedures for reacting to a change
    in distribution", Annals of Mathematical Statistics 42, 1971). Computed as a Markov chain (Brook and Evans, "An
    approach to the probability distribution of cusum run length", Biometrika 59, 1972) whose states are sixtieths of a
    bad request's log-likelihood ratio, so that a good one's is rounded to one; to 1 or 2 % of the optimum.
    """
    up = math.log(failing / normal)
    down = math.inf if failing == 1 else math.log((1 - normal) / (1 - failing))
    steps_down = None if math.isinf(down) else round(down / up * _STEPS_UP)
    low, high = 0, _STEPS_UP
    while _run_length(high, steps_down, normal) < between_false_alarms:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        if _run_length(middle, steps_down, normal) < between_false_alarms:
            low = middle
        else:
            high = middle
    return _run_length(high, steps_down, failing)


def _run_length(states: int, steps_down: int | None, bad: float) -> float:
    """The mean number of requests until the statistic has made `states` steps up from 0. `steps_down`: None: a good
    request proves health, and it begins anew."""
    at = np.arange(states)
    after_good = np.zeros_like(at) if steps_down is None else np.maximum(at - steps_down, 0)
    goes = np.identity(states)
    goes[at, after_good] -= 1 - bad
    stays = at + _STEPS_UP < states
    goes[at[stays], at[stays] + _STEPS_UP] -= bad
    return float(np.linalg.solve(goes, np.ones(states))[0])


def cusum_seconds(normal: float, failing: float, between_false_alarms_seconds: float, rate: float) -> float:
    """The same in seconds, the change lying anywhere between two requests that are evenly apart."""
    return (cusum_requests(normal, failing, between_false_alarms_seconds * rate) - 0.5) / rate


def slots_to_first_order(normal: float, failing: float, requests: int, between_false_alarms: float) -> float:
    """Return ln(between_false_alarms) / K slots, K being the least Kullback-Leibler divergence of slots with `requests`
    independent requests each, `failing` of them bad, from any slots whose mean bad share is at most `normal`.

    K = max over l of E ln(1 + l (X - normal)), l from 0 to 1 / normal: Honda and Takemura, "An asymptotically optimal
    bandit algorithm for bounded support models" (COLT 2010); that no rule does with less, to first order, is
    Lorden's bound for the nearest of those slots.
    """
    bad = np.arange(requests + 1)
    ways = np.array([math.comb(requests, k) for k in bad], dtype=float)
    chances = ways * failing**bad * (1 - failing) ** (requests - bad)
    surplus = bad[chances > 0] / requests - normal
    chances = chances[chances > 0]

    def growth(bet: float) -> float:
        return float(chances @ np.log1p(bet * surplus))

    low, high = 0.0, 1 / normal - 1e-9
    for _ in range(200):  # it is concave: drop the third in which it cannot be greatest
        left, right = low + (high - low) / 3, high - (high - low) / 3
        low, high = (left, high) if growth(left) < growth(right) else (low, right)
    return math.log(between_false_alarms) / growth(high)
