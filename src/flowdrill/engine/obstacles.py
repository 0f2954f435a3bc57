"""What a drill puts in the way of its own rollback: looked at in preflight, put after the undo is registered, and taken
away first thing in the restore."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.rollout import pod_digest, unsettled_because
from flowdrill.engine.cleared import Cleared
from flowdrill.engine.findings import Findings
from flowdrill.engine.guard_ports import Obstacle
from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import RestorePorts
from flowdrill.errors import FlowdrillError, ObstacleError
from flowdrill.model.events import ObstaclePut, ObstacleTaken
from flowdrill.model.obstacle import ObstacleScene, ObstacleUndo
from flowdrill.model.obstacle_plan import AFTER_THE_ROLLOUT, KEEPS_PODS_FROM_PULLING
from flowdrill.model.status import Status

_REQUIRED = "it can be put in the way of the rollback, and taken away again"


def look_at_obstacles(
    order: RunOrder, cleared: Cleared, obstacles: Iterable[Obstacle], findings: Findings
) -> tuple[ObstacleUndo, ...]:
    """Find out about every obstacle whether it can be put, and record a check for each; return how they are taken away
    by hand."""
    scene = ObstacleScene(
        run_id=order.run_id,
        stable=str(cleared.stable.pinned),
        written=cleared.stable.written,
        broken=str(cleared.broken.image.reference),
        revision=cleared.revision,
    )
    undos = []
    for one in obstacles:
        name = f"obstacle_{one.name.replace('-', '_')}"
        try:
            look = one.look(scene)
        except FlowdrillError as error:
            findings.check(name, Status.FAIL, required=_REQUIRED, observed=error.problem, detail=error.remedy)
            continue
        findings.check(name, look.status, required=_REQUIRED, observed=look.observed, detail=look.detail)
        undos.append(ObstacleUndo(one.name, look.by_hand, look.memory))
    return tuple(undos)


class InTheWay:
    """The obstacles of one run, and which of them may still be in the way."""

    def __init__(self, ports: RestorePorts, tell: Narrator, *, all_put: bool = False) -> None:
        """`all_put`: another process may have put every one of them."""
        self._ports, self._tell = ports, tell
        self._left = list(ports.obstacles) if all_put else []  # put, also half-way, and not known to be gone
        self._told: dict[str, str] = {}

    @property
    def left(self) -> tuple[str, ...]:
        """The names of those that may still be in the way."""
        return tuple(one.name for one in self._left)

    @property
    def kept_pods_from_pulling(self) -> bool:
        """Whether one of this run's obstacles keeps pods from pulling the stable image."""
        return any(one.name in KEEPS_PODS_FROM_PULLING for one in self._ports.obstacles)

    def put_before_break(self) -> None:
        """Put those that let the broken release be rolled out."""
        self._put(one for one in self._ports.obstacles if one.name not in AFTER_THE_ROLLOUT)

    def put_after_rollout(self, order: RunOrder, cleared: Cleared, lookout: Lookout) -> None:
        """Put the others once the broken release is on every replica; ObstacleError when it does not get there."""
        waiting = [one for one in self._ports.obstacles if one.name in AFTER_THE_ROLLOUT]
        if not waiting:
            return
        names, limit = ", ".join(one.name for one in waiting), order.drill.detect_limit_seconds

        def settled(_: int) -> bool | None:
            return True if lookout.put_back is not None or _rolled_out(cleared, lookout) is None else None

        there = lookout.wait(settled, limit)
        if lookout.put_back is not None:
            self._tell.note(f"{names}: not put in the way: somebody has rolled back before it could be")
            return
        if not there:
            raise ObstacleError(
                f"{names}: not put in the way: the broken release is not on every replica after {limit:g} s "
                f"({_rolled_out(cleared, lookout)})",
                "drill it with a scenario whose pods get ready, such as edge-missing",
            )
        self._put(waiting)

    def _put(self, obstacles: Iterable[Obstacle]) -> None:
        for one in obstacles:
            self._left.append(one)  # before it is: what fails half-way is taken away, too
            try:
                what = one.put()
            except FlowdrillError as error:
                raise ObstacleError(
                    f"{one.name}: could not be put in the way: {error.problem}", error.remedy
                ) from error
            self._tell.emit(ObstaclePut(at_ns=self._ports.clock.now_ns(), obstacle=one.name, what=what))

    def take_away(self) -> str | None:
        """Take away what is left; return what still is in the way, or None. Raises nothing that an obstacle does."""
        for one in tuple(self._left):
            try:
                problem = one.take_away()
            except FlowdrillError as error:
                problem = error.problem
            except Exception as error:  # noqa: BLE001 - whatever it is, the workload must be put back
                problem = f"{type(error).__name__}: {error}"
            if problem is None:
                self._left.remove(one)
                self._tell_taken(one, None)
            else:
                self._tell_once(one.name, problem)
        names = [f"{one.name} ({self._told.get(one.name, 'unknown')})" for one in self._left]
        return f"still in the way: {'; '.join(names)}" if names else None

    def tell_removed(self) -> None:
        """Record the check, once there is nothing more to be tried."""
        if not self._ports.obstacles:
            return
        for one in self._left:
            self._tell_taken(one, self._told.get(one.name, "unknown"))
        self._tell.check(
            "obstacles_removed",
            Status.FAIL if self._left else Status.PASS,
            required="nothing that the drill put in the way of the rollback is left",
            observed=self.take_words() or "all taken away, and looked for again",
        )

    def take_words(self) -> str:
        """What is left, in words; "" for nothing."""
        return "; ".join(f"{one.name}: {self._told.get(one.name, 'unknown')}" for one in self._left)

    def _tell_taken(self, one: Obstacle, problem: str | None) -> None:
        self._tell.emit(ObstacleTaken(at_ns=self._ports.clock.now_ns(), obstacle=one.name, problem=problem))
        for name, what, text in one.evidence():
            try:
                self._tell.evidence(self._ports.evidence.save(name, text), what)
            except FlowdrillError as error:  # a full disk must not hide what is left to restore
                self._tell.note(f"{name} was not kept: {error.problem}")

    def _tell_once(self, name: str, problem: str) -> None:
        if self._told.get(name) != problem:
            self._told[name] = problem
            self._tell.note(f"taking {name} out of the way, trying again: {problem}")


def _rolled_out(cleared: Cleared, lookout: Lookout) -> str | None:
    """What keeps the broken release from being on every replica, or None. Pods that end are none any more."""
    seen, broken = lookout.workload, cleared.broken.image.reference
    if seen is None:
        return "the workload was not seen"
    if seen.image != str(broken):
        return f"the workload's image is {seen.image}"
    others = [pod.name for pod in seen.pods if not pod.deleting and pod_digest(pod) != broken.digest]
    return unsettled_because(seen) or (f"pod {others[0]} runs another image" if others else None)
