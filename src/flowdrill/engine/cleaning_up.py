"""Removes what a drill has made, once the workload is put back. The same for the harness, the guard and
`flowdrill restore`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flowdrill.engine.guard_job import remove_guard_job
from flowdrill.engine.load_jobs import remove_load_jobs
from flowdrill.engine.narrator import Narrator
from flowdrill.engine.ports import Clock, RestorePorts
from flowdrill.engine.provider_start import remove_provider
from flowdrill.errors import ClusterAwayError, FlowdrillError, RegistryAwayError
from flowdrill.model.images import BrokenImage
from flowdrill.model.instant import seconds_to_ns
from flowdrill.model.status import Status
from flowdrill.model.undo import Undo

_AWAY = (ClusterAwayError, RegistryAwayError)
_LOOK_AGAIN_SECONDS = 0.5

Steps = tuple[tuple[str, Callable[[], tuple[str, ...]]], ...]  # (what is removed, returns what of it is left)


def removal(
    undo: Undo, ports: RestorePorts, pause: Callable[[float], None], *, started: bool, forget: bool, delete: bool,
    dismiss: bool = True,
) -> Steps:  # fmt: skip
    """Return the steps that remove what sends the load from the cluster, the provider (if it may be `started`),
    revisions that hold the drill's images (`forget`), those images (`delete`), and at last the guard in the cluster,
    if nothing is left to it (`dismiss`)."""

    def forgotten(image: BrokenImage) -> tuple[str, ...]:
        return ports.workload.forget_image(str(image.reference))

    return (
        *((("the load's Jobs", lambda: remove_load_jobs(undo, ports, pause)),) if undo.load_job is not None else ()),
        *((("the model provider", lambda: remove_provider(undo, ports, pause)),) if started else ()),
        *((("revisions", partial(forgotten, one)) for one in undo.made) if forget else ()),
        *(((str(one.reference), partial(ports.registry.delete, one)) for one in undo.made) if delete else ()),
        *(
            (("the guard's Job", lambda: remove_guard_job(undo, ports, pause)),)
            if dismiss and undo.guard_job is not None
            else ()
        ),
    )


def clean_up(
    steps: Steps, fatal: tuple[type[FlowdrillError], ...] = (), patience: Callable[[], bool] = lambda: False
) -> tuple[str, ...]:
    """Run every step, also after one failed; return what is left behind, each with the reason. Errors of the kinds in
    `fatal` come through. A step whose cluster or registry is away is run again when `patience` has waited, and says
    that there still is time."""
    left: list[str] = []
    for what, step in steps:
        problem: str | None = "not tried"
        while problem is not None:
            try:
                left.extend(step())
                problem = None
            except fatal:
                raise
            except FlowdrillError as error:
                problem = f"{what}: {error.problem}"
                if not isinstance(error, _AWAY) or not patience():
                    left.append(problem)
                    break
    return tuple(left)


def patience_for(seconds: float, clock: Clock, pause: Callable[[float], None]) -> Callable[[], bool]:
    """Return a patience that ends so many seconds from now."""
    deadline_ns = clock.now_ns() + seconds_to_ns(seconds)

    def patience() -> bool:
        if clock.now_ns() >= deadline_ns:
            return False
        pause(_LOOK_AGAIN_SECONDS)
        return True

    return patience


def tell_left(left: tuple[str, ...], tell: Narrator) -> None:
    """Record the check."""
    tell.check(
        "nothing_left_behind",
        Status.FAIL if left else Status.PASS,
        required="no broken image, revision, lease, load or started provider is left",
        observed="; ".join(left) or "all removed, and looked for again",
    )
