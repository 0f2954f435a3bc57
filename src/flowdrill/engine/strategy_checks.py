"""Could the drill's strategy be carried out? Its own needs, beside permissions and images."""

from __future__ import annotations

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import PlanError
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status
from flowdrill.model.surroundings import Surroundings


def check_strategy(order: RunOrder, seen: Surroundings, ports: LookPorts, tell: Narrator) -> str | None:
    """Check what the strategy needs, and return the revision that holds the stable template, where there is one."""
    current = next((one.name for one in seen.revisions if one.current), None)
    match order.drill.rollback.way:
        case Strategy.UNDO:
            _check_revision(order, current, seen, tell)
        case Strategy.COMMAND if ports.program is not None:
            _check_program(ports, tell)
    return current


def _check_revision(order: RunOrder, current: str | None, seen: Surroundings, tell: Narrator) -> None:
    target, name = order.drill.target, "undo_revision"
    required = "a revision holds the stable template: an undo goes back to it"
    if current is not None:
        tell.check(name, Status.PASS, required=required, observed=current)
        return
    unseen = next((one for one in seen.unknown if one.startswith("revisions:")), None)
    tell.check(
        name,
        Status.FAIL,
        required=required,
        observed=unseen or "no revision holds the template that the workload has now",
        detail=f"`kubectl -n {target.namespace} rollout history {target.workload}` shows what is kept; "
        "`rollback.strategy: set-image` needs no revision",
    )


def _check_program(ports: LookPorts, tell: Narrator) -> None:
    name, required = "rollback_command", "the rollback command is a program that may be run here"
    assert ports.program is not None  # noqa: S101 - for the type checker
    try:
        where = ports.program.found()
    except PlanError as error:
        tell.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        return
    tell.check(name, Status.PASS, required=required, observed=where)
