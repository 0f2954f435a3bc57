"""Checks of what a rollback meets on the cluster beside the image: the revisions, and what would fight it."""

from __future__ import annotations

from collections.abc import Sequence

from flowdrill.engine.narrator import Narrator
from flowdrill.engine.order import RunOrder
from flowdrill.model.events import Check
from flowdrill.model.status import Status
from flowdrill.model.surroundings import OWN_SETTINGS, Opponent, Revision, Surroundings

_MOST_NAMED = 5


def revision_checks(order: RunOrder, seen: Surroundings, tell: Narrator) -> tuple[Check, ...]:
    """Make every check of the surroundings, and return them; a failed one refuses the drill."""
    return (
        stable_revision_kept(order, seen, tell),
        earlier_revisions(order, seen, tell),
        nothing_fights_the_rollback(seen, tell),
        surroundings_seen(seen, tell),
    )


def stable_revision_kept(order: RunOrder, seen: Surroundings, tell: Narrator) -> Check:
    """Which revision holds the stable template, and for how many releases it is kept. A rollback by digest does not
    need it: a warning at most."""
    name, required = "stable_revision_kept", "a revision holds the stable template, and outlives the next two releases"
    current = next((one for one in seen.revisions if one.current), None)
    if current is None:
        return tell.check(
            name,
            Status.UNKNOWN,
            required=required,
            observed=_why_unseen(seen) or "no revision holds the template that the workload has now",
            detail=f"see `{_kubectl(order)} rollout history {order.drill.target.workload}`",
        )
    observed = f"{_named(current)} holds it; revisionHistoryLimit is {seen.revision_limit}"
    if seen.revision_limit >= 2:
        return tell.check(name, Status.PASS, required=required, observed=observed)
    gone = "is complete" if seen.revision_limit == 0 else "is followed by another one"
    return tell.check(
        name,
        Status.WARNING,
        required=required,
        observed=f"{observed}: it is deleted once the next release {gone}",
        detail="set spec.revisionHistoryLimit to 2 at least (Kubernetes' default is 10): without the revision there is "
        "no `kubectl rollout undo`, and nobody can look up the template that ran",
    )


def earlier_revisions(order: RunOrder, seen: Surroundings, tell: Narrator) -> Check:
    """How many earlier revisions there are to go back to, and what else than the image such a step would change."""
    name, required = "earlier_revisions", "an earlier revision is kept, and differs in nothing but the image"
    earlier = [one for one in seen.revisions if not one.current]
    if not seen.revisions:
        observed = _why_unseen(seen) or "the workload's revisions could not be seen"
        return tell.check(name, Status.UNKNOWN, required=required, observed=observed)
    if not earlier:
        return tell.check(
            name,
            Status.WARNING,
            required=required,
            observed="there is none: should the stable image turn out to be bad, there is nothing to undo to",
            detail="know which older image would be set then, and with which settings; `flowdrill reach` lists them",
        )
    others = [one for one in earlier if one.differences]
    count = f"{len(earlier)} earlier revision{'s' if len(earlier) > 1 else ''}"
    if not others:
        return tell.check(name, Status.PASS, required=required, observed=f"{count}, no difference but the image")
    return tell.check(
        name,
        Status.WARNING,
        required=required,
        observed=f"{count}; {len(others)} of them differ in more than the image: {_differences(others)}",
        detail="setting an older image alone leaves the settings as they are now, which it may not be able to live "
        f"with; `{_kubectl(order)} rollout undo` changes them, too. Try the older image with the present settings "
        "before it is needed",
    )


def nothing_fights_the_rollback(seen: Surroundings, tell: Narrator) -> Check:
    """What would block, undo or slow down a rollback. The workload's own settings that stop every rollout are refused
    by preflight before."""
    name, required = "nothing_fights_the_rollback", "nothing on the cluster blocks a rollback, or takes it back"
    others = [one for one in seen.opponents if one.name not in OWN_SETTINGS]
    fighting = [one for one in others if one.blocks or one.remedy]
    if not fighting:
        observed = _effects(others) or "nothing was found that would"
        return tell.check(name, Status.PASS, required=required, observed=observed)
    blocking = [one for one in others if one.blocks]
    return tell.check(
        name,
        Status.FAIL if blocking else Status.WARNING,
        required=required,
        observed=_effects([*blocking, *(one for one in others if not one.blocks)]),
        detail="; ".join(dict.fromkeys(f"{one.name}: {one.remedy}" for one in blocking or fighting if one.remedy)),
    )


def surroundings_seen(seen: Surroundings, tell: Narrator) -> Check:
    """Whether everything could be looked at: what could not is in no other check."""
    name, required = "surroundings_seen", "the harness may read what a rollback meets on the cluster"
    if not seen.unknown:
        return tell.check(name, Status.PASS, required=required, observed="everything was looked at")
    return tell.check(
        name,
        Status.WARNING,
        required=required,
        observed=f"not looked at: {'; '.join(seen.unknown)}",
        detail="give the harness these permissions to read: `flowdrill rbac --for harness` prints a Role with them, "
        "but for objects of Argo, Flux and Flagger, which most clusters do not have: there, allow to list them",
    )


def _kubectl(order: RunOrder) -> str:
    return f"kubectl -n {order.drill.target.namespace}"


def _why_unseen(seen: Surroundings) -> str | None:
    """Why there is no revision to be seen; None when that is not known either."""
    return next((one for one in seen.unknown if one.startswith("revisions:")), None) if not seen.revisions else None


def _named(one: Revision) -> str:
    return one.name if one.number is None else f"{one.name} (revision {one.number})"


def _differences(revisions: Sequence[Revision]) -> str:
    shown = [f"{_named(one)}: {', '.join(_some(one.differences))}" for one in revisions[:_MOST_NAMED]]
    return "; ".join(shown) + (f"; and {len(revisions) - len(shown)} more" if len(revisions) > len(shown) else "")


def _some(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _MOST_NAMED
    return [*lines[:_MOST_NAMED], *([f"and {more} more"] if more > 0 else [])]


def _effects(opponents: Sequence[Opponent]) -> str:
    return "; ".join(f"{one.name}: {one.effect}" for one in opponents)
