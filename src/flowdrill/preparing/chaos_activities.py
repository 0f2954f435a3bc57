"""A drill's Chaos Toolkit activities, with all that they may know: where the cluster is, and what the drill gives."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from flowdrill.edges.chaostoolkit.activities import (
    ActivityRoom,
    ChaosActivities,
    cluster_variables,
    own_environment,
    secrets_of_plan,
)
from flowdrill.edges.chaostoolkit.checking import problems_of
from flowdrill.edges.guard.post import Post
from flowdrill.edges.host.clock import MonotonicClock
from flowdrill.edges.kubernetes.connect import IN_CLUSTER
from flowdrill.errors import PlanError
from flowdrill.model.chaos_plan import ChaosPlan
from flowdrill.model.drill import Drill

_SURE = 8  # characters that no word of an event's JSON has


def activities_of(
    drill: Drill, post: Post, environ: Mapping[str, str], run_folder: Path | None = None
) -> ChaosActivities | None:
    """Return the activities of a drill on the cluster of `post`, None where it has none. With a `run_folder`, their
    journal is kept there."""
    if not drill.chaos.activities:
        return None
    room = ActivityRoom(Path(post.near), environ, cluster_of(post))
    return ChaosActivities(drill.chaos, room, MonotonicClock(), run_folder)


def cluster_of(post: Post) -> dict[str, str]:
    """Return the variables that lead activities to a drill's cluster."""
    return cluster_variables(post.context, post.kubeconfig, within=post.context == IN_CLUSTER)


def refuse_invalid_activities(drill: Drill, near: Path) -> None:
    """PlanError when Chaos Toolkit would not run one of the drill's activities: no cluster is asked, nothing is run,
    and whether variables are set is not looked at. MissingPartError without Chaos Toolkit."""
    if not drill.chaos.activities:
        return
    room = ActivityRoom(near.absolute(), os.environ, {})
    problems = problems_of(drill.chaos, own_environment(drill.chaos, room), room.folder, environment=False)
    if problems:
        raise PlanError(
            f"drill {drill.drill}: Chaos Toolkit would not run its activities: {'; '.join(problems)}",
            "mend `chaos` in the drill; nothing was run",
        )


def secrets_given(plan: ChaosPlan, environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the values that the drill gives its activities as secrets, and that no event may hold."""
    return sure_secrets(secrets_of_plan(plan, environ))


def sure_secrets(secrets: Iterable[str]) -> tuple[str, ...]:
    """Return those that can be taken out of any event: what could be a word or a number of the event itself is left
    out, and has to be taken out of what is told before."""
    return tuple(sorted(one for one in secrets if len(one) >= _SURE and not one.isdigit()))
