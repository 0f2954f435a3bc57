"""The model provider's stand-in where it is not there by itself: the drill starts it, and takes it away."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flowdrill.engine.lookout import Lookout
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import Clock, LookPorts, Ports
from flowdrill.engine.workload_ports import Provider
from flowdrill.errors import ClusterAwayError, ClusterError, FlowdrillError, ForbiddenError, TakenOverError
from flowdrill.model.image_reference import ImageReference
from flowdrill.model.images import PreparedImage, Program
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.release import Release
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

_FILE = "/opt/flowdrill/provider/provider.py"
_COMMAND = ("python3", "-u", _FILE)
_START_SECONDS, _END_SECONDS = 180.0, 120.0
_LOOK_AGAIN_SECONDS = 0.5  # read from the API itself: nothing is measured before the baseline, and after the restore


@dataclass(frozen=True, slots=True)
class ProviderStart:
    """A provider that the drill starts."""

    workload: str  # deployment/NAME
    image: PreparedImage
    provider: Provider


def prepare_provider(order: RunOrder, stable: ImageReference, ports: LookPorts, tell: Narrator) -> ProviderStart | None:
    """Return what the drill must start, or None when it names no provider, or one that is there. Changes nothing:
    whether the cluster would accept it is recorded as a check."""
    plan, provider = order.drill.provider, ports.provider
    if plan is None or provider is None or provider.stands():
        return None
    program = Program("provider", _FILE, order.provider_program, _COMMAND)
    image = ports.registry.prepare_program(stable, program, order.run_id)
    name = "provider_permitted"
    required = f"the API server accepts {plan.workload}, which the drill starts (server-side dry run)"
    try:
        provider.start(str(image.image.reference), order.run_id, dry_run=True)
    except FlowdrillError as error:
        status = Status.UNKNOWN if isinstance(error, ClusterAwayError) else Status.FAIL
        tell.check(name, status, required=required, observed=error.problem, detail=error.remedy)
        raise
    tell.check(name, Status.PASS, required=required, observed="accepted")
    return ProviderStart(plan.workload, image, provider)


def start_provider(
    start: ProviderStart, order: RunOrder, release: Release, ports: Ports, lookout: Lookout, tell: Narrator
) -> None:
    """Push its image, create it, and return once it is ready, and the patch of it that `release` may hold would be
    accepted. Recorded as a check. Whoever calls this removes it afterwards, whatever happens."""
    name, required = "provider_started", f"{start.workload} is ready within {_START_SECONDS:g} s"
    try:
        ports.registry.push(start.image)
        start.provider.start(str(start.image.image.reference), order.run_id)
        problem = _until_done(start.provider.unsettled, _START_SECONDS, ports.clock, lookout.pause)
        if problem is not None:
            raise _not_started(start, order, problem)
        if start.workload in release.broken_beside:
            ports.workload.patch_beside(start.workload, release.broken_beside[start.workload], dry_run=True)
    except FlowdrillError as error:
        tell.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        raise
    tell.check(name, Status.PASS, required=required, observed=f"it runs {start.image.image.reference}")


def refuse_gone(start: ProviderStart | None, tell: Narrator) -> None:
    """TakenOverError when somebody else has deleted it during the drill: users were then hit by that, too."""
    if start is None:
        return
    try:
        if start.provider.stands():
            return
    except ClusterError as error:
        tell.note(f"whether {start.workload} is still there cannot be said: {error.problem}")
        return
    raise TakenOverError(
        f"{start.workload}, which the drill has started, is gone: somebody else deleted it during the drill",
        "drill when nobody else works there: what was measured says nothing of the release",
    )


def remove_provider(undo: Undo, ports: LookPorts, pause: Callable[[float], None]) -> tuple[str, ...]:
    """Delete what the drill has started, and its image once it is gone; return what is left behind, each with the
    reason. Harmless when it was never made."""
    provider, image = ports.provider, undo.provider_image
    if undo.started is None or provider is None or image is None:
        return ()

    def attempt() -> str | None:
        try:
            return provider.remove(undo.run_id)
        except ForbiddenError:
            raise  # it will not be allowed in a minute, either
        except ClusterError as error:
            return error.problem

    try:
        problem = _until_done(attempt, _END_SECONDS, ports.clock, pause)
    except ForbiddenError as error:
        problem = error.problem
    if problem is None:
        return ports.registry.delete(image)
    by_hand = f"kubectl -n {undo.namespace} delete {undo.started}"
    return f"{problem}; `{by_hand}`", f"{image.reference}: the model provider's image, which it may need"


def _until_done(
    attempt: Callable[[], str | None], limit_seconds: float, clock: Clock, pause: Callable[[float], None]
) -> str | None:
    """Return None once `attempt` does, or what it returned last at the limit."""
    deadline_ns = clock.now_ns() + seconds_to_ns(limit_seconds)
    while (problem := attempt()) is not None and clock.now_ns() < deadline_ns:
        pause(_LOOK_AGAIN_SECONDS)
    return problem


def _not_started(start: ProviderStart, order: RunOrder, problem: str) -> ClusterError:
    return ClusterError(
        f"the model provider is not ready after {_START_SECONDS:g} s: {problem}",
        f"it is {start.image.image.reference}: the stable image, started as `{' '.join(_COMMAND)}`; see that it has "
        f"Python 3.8 or newer, and that namespace {order.drill.target.namespace} has room for one more pod",
    )
