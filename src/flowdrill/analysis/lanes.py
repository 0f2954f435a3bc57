"""Which of many drills comes next: several at once, and never two that share something."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator, Sequence


def next_of(waiting: Sequence[Hashable], busy: Collection[Hashable]) -> int | None:
    """Return the place in `waiting` of the one that comes next; None when none may begin. Each is given by what it
    shares (its namespace), of which no two may be at work at once. The longest queue comes first: it is what all wait
    for in the end; of several as long, the first."""
    left = Counter(waiting)
    free = [place for place, shared in enumerate(waiting) if shared not in busy]
    return max(free, key=lambda place: (left[waiting[place]], -place), default=None)


def shortest_possible(drills: Sequence[tuple[Hashable, float]], lanes: int) -> float:
    """Return a bound in seconds below which no order of the drills can end, each given by what it shares and its own
    seconds: neither before the fullest queue is through, nor before the mean of all lanes."""
    queues = Counter[Hashable]()
    for shared, seconds in drills:
        queues[shared] += seconds  # type: ignore[assignment] # seconds add up as counts do
    return max((*queues.values(), sum(seconds for _, seconds in drills) / lanes), default=0.0)


def scheduled(drills: Sequence[tuple[Hashable, float]], lanes: int) -> float:
    """Return after how many seconds the last one ends when they are taken as `next_of` says, nothing costs anything in
    between, and each takes its own seconds: what a fleet's wall time is held against."""
    waiting = list(drills)
    running: list[tuple[float, Hashable]] = []  # when each ends, and what it shares
    now = 0.0
    while waiting or running:
        for place in _begun(waiting, running, lanes):
            shared, seconds = waiting.pop(place)
            running.append((now + seconds, shared))
        now, _ = first = min(running, key=lambda one: one[0])
        running.remove(first)
    return now


def _begun(waiting: list[tuple[Hashable, float]], running: list[tuple[float, Hashable]], lanes: int) -> Iterator[int]:
    while len(running) < lanes:
        place = next_of([shared for shared, _ in waiting], {shared for _, shared in running})
        if place is None:
            return
        yield place
