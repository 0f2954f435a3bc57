"""Whether a workload can be rolled back at all: what preflight saw, as reports show it."""

from __future__ import annotations

from pydantic import Field

from flowdrill.model.image_health import Health, Tier
from flowdrill.model.reach import Reach
from flowdrill.model.strict import Strict


class AccessRow(Strict):
    """One verb on one resource, for one identity."""

    who: str
    verb: str
    resource: str = Field(description="as kubectl names it: deployments.apps, pods/log")
    where: str = Field(description="namespace/NAME, or the cluster")
    name: str = Field(description="of the one object that is meant; empty: any")
    wanted: bool = Field(description="whether it should be allowed")
    optional: bool = Field(default=False, description="whether the drill runs without it, and less is looked at")
    allowed: bool | None = Field(description="null: it could not be found out")
    granted_by: str = Field(description="the binding that allows it, or why the answer is not known")
    needed_for: str


class ImageRow(Strict):
    """One image that could be rolled back to."""

    digest: str
    reference: str
    roles: tuple[str, ...] = Field(description="why it was looked at: stable, revision 3, verified")
    health: Health
    tier: Tier = Field(description="how far it was looked at")
    problem: str
    created: str | None
    size_bytes: int | None
    platforms: tuple[str, ...]


class RevisionRow(Strict):
    """One revision that the workload keeps."""

    name: str
    number: int | None
    image: str
    created: str
    current: bool
    change_cause: str | None
    differences: tuple[str, ...] = Field(description="what else than the image a rollback to it would change")


class Readiness(Strict):
    """The tables beside the checks."""

    responder: str = Field(description="who would roll back")
    access: tuple[AccessRow, ...] = ()
    images: tuple[ImageRow, ...] = ()
    revisions: tuple[RevisionRow, ...] = ()
    reach: Reach | None = None
    ledger_head: str | None = Field(default=None, description="hash of the ledger's newest entry")
