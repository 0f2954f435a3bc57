"""A drill's Chaos Toolkit activities, with all that they may know: where the cluster is, and what the drill gives."""

from __future__ import annotations

import os
from collections.abc import Mapping
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
    cluster = cluster_variables(post.context, post.kubeconfig, within=post.context == IN_CLUSTER)
    room = ActivityRoom(Path(post.near), environ, cluster)
    return ChaosActivities(drill.chaos, room, MonotonicClock(), run_folder)


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
    """Return the values that the drill gives its activities as secrets, and that no event may hold. What could be a
    word or a number of an event itself is left out: what activities say is cleaned before."""
    return tuple(sorted(one for one in secrets_of_plan(plan, environ) if len(one) >= _SURE and not one.isdigit()))
