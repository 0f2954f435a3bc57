"""Activities that a test decides about, in fake time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flowdrill.engine.facts import ActivityBegan, ActivityOver, Tell
from flowdrill.errors import ActivityError
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ActivityPlan, ChaosPlan
from flowdrill.model.instant import Instant, seconds_to_ns
from tests.fakes.fake_time import FakeTime


@dataclass(frozen=True)
class Act:
    """What an activity does: takes so long, and ends so. `seconds` None: it never ends by itself."""

    seconds: float | None = 0.5
    end: ActivityEnd = ActivityEnd.DONE
    tolerance_met: bool | None = None
    says: str = ""
    does: Callable[[], object] = lambda: None


class FakeActivities:
    """The `Activities` port over FakeTime."""

    def __init__(self, time: FakeTime, plan: ChaosPlan) -> None:
        self._time, self._plan = time, plan
        self._tell: Tell | None = None
        self.acts: dict[str, Act] = {}  # by name; what is not in it is done, and answers within its tolerance
        self.again: dict[str, Act] = {}  # of a probe of the steady state after the restore
        self.invalid: tuple[str, ...] = ()
        self.not_ready: str | None = None
        self.started = False
        self.begun: list[tuple[ActivitySlot, int]] = []  # in order, with when
        self._running: dict[ActivitySlot, Instant | None] = {}  # None: told to begin, later

    def problems(self) -> tuple[str, ...]:
        return self.invalid

    def start(self, tell: Tell) -> None:
        self._tell, self.started = tell, True
        if self.not_ready is not None:
            raise ActivityError(self.not_ready, "see the journal")

    def begin(self, slot: ActivitySlot, at_ns: int = 0) -> None:
        self._running[slot] = None
        self._time.at(max(at_ns, self._time.now_ns()), lambda: self._begin(slot))

    def stop(self) -> None:
        for slot, began in tuple(self._running.items()):
            self._over(slot, Act(end=ActivityEnd.STOPPED), began is not None)

    def evidence(self) -> tuple[tuple[str, str], ...]:
        return (("chaos/activities.json", "the journal"),) if self.begun else ()

    def places(self) -> list[tuple[str, str]]:
        return [(slot.place.value, slot.name) for slot, _ in self.begun]

    def _begin(self, slot: ActivitySlot) -> None:
        if slot not in self._running:
            return  # stopped before
        now = self._time.now_ns()
        self._running[slot] = Instant(now, now)
        self.begun.append((slot, now))
        self._told(ActivityBegan(now, slot, Instant(now, now)))
        act, limit = self._act_of(slot), self._plan.limit_seconds(self._activity(slot))
        act.does()
        if act.seconds is None or act.seconds > limit:
            self._time.at(
                now + seconds_to_ns(limit), lambda: self._over(slot, Act(end=ActivityEnd.TIMED_OUT, says="too long"))
            )
        else:
            self._time.at(now + seconds_to_ns(act.seconds), lambda: self._over(slot, act))

    def _over(self, slot: ActivitySlot, act: Act, began: bool = True) -> None:
        if slot not in self._running:
            return
        del self._running[slot]
        now = self._time.now_ns()
        instant = Instant(now, now) if began else None
        self._told(ActivityOver(now, slot, instant, act.end, act.tolerance_met, act.says))

    def _act_of(self, slot: ActivitySlot) -> Act:
        told = self.again.get(slot.name) if slot.place is ActivityPlace.RESTORED else None
        act = told or self.acts.get(slot.name, Act())
        wants = act.end is ActivityEnd.DONE and self._activity(slot).tolerance is not None
        return replace(act, tolerance_met=True) if wants and act.tolerance_met is None else act

    def _activity(self, slot: ActivitySlot) -> ActivityPlan:
        return next(one for _, one in self._plan.activities if one.name == slot.name)

    def _told(self, fact: ActivityBegan | ActivityOver) -> None:
        if self._tell is not None:
            self._tell(fact)
