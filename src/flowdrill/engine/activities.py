"""A drill's Chaos Toolkit activities: when each begins. They run beside the engine: nothing that is measured waits for
them; only what comes before the break and after the restore does."""

from __future__ import annotations

from flowdrill.engine.activity_checks import ended_words, holds, tell_activity, tell_not_begun, tell_restored
from flowdrill.engine.baseline import UnsteadyError
from flowdrill.engine.facts import ActivityOver
from flowdrill.engine.findings import Findings
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import LookPorts, Ports
from flowdrill.errors import GuardActsError
from flowdrill.model.activity import ActivityEnd, ActivityPlace, ActivitySlot
from flowdrill.model.chaos_plan import ActivityPlan, ChaosPlan, DuringActivity, Moment
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.status import Status

START_SECONDS = 60.0  # until an activity's process has imported its module
_TOLD_SECONDS = 10.0  # until what became of one that was ended is told
_AGAIN_SECONDS = 1.0
_UNKNOWN_RIGHTS = (
    "what they need of the cluster, or elsewhere, flowdrill cannot know: they act with the rights of the target's "
    "context, and what they do is in no undo"
)


def check_activities(plan: ChaosPlan, ports: LookPorts, findings: Findings) -> None:
    """Record whether Chaos Toolkit would run the drill's activities. Nothing is run."""
    if ports.activities is None or not plan.activities:
        return
    required = f"Chaos Toolkit takes all {len(plan.activities)} activities of the drill"
    problems, remedy = ports.activities.problems(), "nothing of them was run; mend `chaos` in the drill"
    if problems:
        findings.check("activities_valid", Status.FAIL, required=required, observed="; ".join(problems), detail=remedy)
    else:
        observed = "their modules are there, and take the arguments"
        findings.check("activities_valid", Status.PASS, required=required, observed=observed, detail=_UNKNOWN_RIGHTS)


class AroundDrill:
    """The activities of one run. Without the port for them, nothing is done."""

    def __init__(self, plan: ChaosPlan, ports: Ports, lookout: Lookout, tell: Narrator) -> None:
        self._facts = ports.tell
        self._port = ports.activities if plan.activities else None
        self._plan, self._clock, self._lookout, self._tell = plan, ports.clock, lookout, tell
        self._asked: set[ActivitySlot] = set()  # told to begin, maybe later
        self._acted = False  # something may have been changed: `after` has to clean up
        self._broken = False

    def get_ready(self) -> None:
        """Have those that wait for a moment ready to begin; ActivityError when one cannot."""
        if self._port is not None:
            self._port.start(self._facts)

    def before_the_break(self) -> None:
        """See that the steady state holds, then run `before`; UnsteadyError when one does not hold, or cannot be run:
        then nothing is broken."""
        if self._port is None:
            return
        for probe in self._plan.steady_state:
            self._hold(ActivityPlace.STEADY_STATE, probe)
        for one in self._plan.before:
            self._acted = True
            if one.background:
                self._leave_in_background(one)
            else:
                self._hold(ActivityPlace.BEFORE, one)
        self._lookout.catch_up()

    def come(self, moment: Moment, at_ns: int) -> None:
        """A moment of the drill has come, at `at_ns`: what waits for it begins. Returns at once."""
        if self._port is None:
            return
        self._acted = self._broken = True
        for one in self._plan.during:
            slot = _during(one)
            if one.at is moment and slot not in self._asked:
                self._begin(slot, at_ns + seconds_to_ns(one.after or 0.0))

    def await_the_last(self) -> None:
        """Users are served again, and the recovery held: wait for what began by then, or waits for this moment."""
        if self._port is None:
            return
        self.come(Moment.RECOVERED, self._clock.now_ns())
        awaited = {
            _during(one): one
            for one in self._plan.during
            if one.at is Moment.RECOVERED or _during(one) in self._lookout.activities_begun
        }
        seconds = max((self._patience(one) for one in awaited.values()), default=0.0)
        self._lookout.wait(lambda _: True if awaited.keys() <= self._lookout.activities_over.keys() else None, seconds)

    def stop(self) -> None:
        """End all that run: everything is put back from now on. Returns at once."""
        if self._port is not None:
            self._port.stop()

    def finish(self, *, restored: bool) -> None:
        """After the restore: clean up, look at the steady state again, and say what came of all. Raises nothing but
        GuardActsError: what the drill itself has done is put back without this."""
        if self._port is None:
            return
        try:
            if self._acted:
                self._finish(restored=restored)
            for path, what in self._port.evidence():
                self._tell.evidence(path, what)
        except GuardActsError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, cleaning up must go on
            self._tell.note(f"the drill's activities were not all run after the restore: {error}")

    def _finish(self, *, restored: bool) -> None:
        over, slots = self._lookout.activities_over, tuple(self._asked)
        self._lookout.wait(lambda _: True if all(one in over for one in slots) else None, _TOLD_SECONDS)
        for one in self._plan.before:
            if one.background:
                place = ActivityPlace.BEFORE
                if (slot := ActivitySlot(place, one.name)) in self._asked:
                    tell_activity(place, one, over.get(slot), self._tell, background=True)
        for during in self._plan.during if self._broken else ():
            slot = _during(during)
            if slot in self._lookout.activities_begun or slot in over:
                tell_activity(slot.place, during, over.get(slot), self._tell)
            else:
                tell_not_begun(during, self._tell)
        for after in self._plan.after:
            tell_activity(ActivityPlace.AFTER, after, self._run(ActivityPlace.AFTER, after), self._tell)
        if restored and self._plan.steady_state:
            seen = [(probe, self._until_it_holds(probe)) for probe in self._plan.steady_state]
            tell_restored(seen, self._tell)

    def _hold(self, place: ActivityPlace, one: ActivityPlan) -> None:
        over = self._run(place, one)
        status = tell_activity(place, one, over, self._tell)
        if status is not Status.PASS:
            raise UnsteadyError(f"{place}: {one.name}: {ended_words(over)}; nothing was broken")

    def _leave_in_background(self, one: ActivityPlan) -> None:
        """Begin it; UnsteadyError when it does not, or has failed at once."""
        slot, over = ActivitySlot(ActivityPlace.BEFORE, one.name), self._lookout.activities_over
        self._begin(slot)
        known = (self._lookout.activities_begun, over)
        self._lookout.wait(lambda _: True if any(slot in one for one in known) else None, START_SECONDS)
        ended = over.get(slot)
        if slot not in self._lookout.activities_begun or (ended is not None and ended.end is not ActivityEnd.DONE):
            raise UnsteadyError(f"before: {one.name}: {ended_words(ended)}; nothing was broken")

    def _until_it_holds(self, probe: ActivityPlan) -> ActivityOver | None:
        """Ask again and again after the restore, for as long as a probe may take: what was put back has to settle."""
        until_ns = self._clock.now_ns() + seconds_to_ns(self._plan.limit_seconds(probe))
        while True:
            over = self._run(ActivityPlace.RESTORED, probe)
            if holds(ActivityPlace.RESTORED, over) or self._clock.now_ns() >= until_ns:
                return over
            self._lookout.pause(_AGAIN_SECONDS)

    def _run(self, place: ActivityPlace, one: ActivityPlan) -> ActivityOver | None:
        """Run one, and return what became of it; None when nothing was heard of it in time."""
        slot = ActivitySlot(place, one.name)
        self._lookout.activities_over.pop(slot, None)
        self._begin(slot)
        return self._lookout.wait(lambda _: self._lookout.activities_over.get(slot), self._patience(one))

    def _begin(self, slot: ActivitySlot, at_ns: int = 0) -> None:
        self._asked.add(slot)
        if self._port is not None:
            self._port.begin(slot, at_ns)

    def _patience(self, one: ActivityPlan) -> float:
        later = one.after or 0.0 if isinstance(one, DuringActivity) else 0.0
        return START_SECONDS + later + self._plan.limit_seconds(one) + _TOLD_SECONDS


def _during(one: DuringActivity) -> ActivitySlot:
    return ActivitySlot(ActivityPlace.DURING, one.name)
