"""`guard:` in a drill: when somebody else puts things back."""

from __future__ import annotations

from pydantic import Field

from flowdrill.model.quantity import Seconds
from flowdrill.model.strict import Strict

FENCED_AFTER = 2 / 3  # of a lease's time without a renewal: then the harness sends no write any more
_SHORTEST_SECONDS, _LONGEST_SECONDS = 5.0, 600.0


class InClusterGuard(Strict):
    """A Job in the target's namespace that watches over the run, too: for when the harness's whole host goes away."""

    image: str = Field(min_length=1, pattern=r"^\S+$", description="an image that has flowdrill in it")
    service_account: str = Field(
        default="flowdrill-guard",
        pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
        description="whose rights it has; `flowdrill rbac --for guard` prints them",
    )


class GuardPlan(Strict):
    """The guard watches over a run, and puts everything back when the run cannot."""

    lease: Seconds = Field(
        default="15s",
        validate_default=True,
        ge=_SHORTEST_SECONDS,
        le=_LONGEST_SECONDS,
        description="how long the harness may be silent (dead, hanging, cut off) until the guard acts",
    )
    in_cluster: InClusterGuard | None = Field(
        default=None, description="a second guard, as a Job in the cluster; default: only the one beside the harness"
    )
