"""The one change a drill makes to a workload: the image of one container, and why it was changed."""

from __future__ import annotations

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.snapshot import CHANGE_CAUSE
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import PlanError

FIELD_MANAGER = "flowdrill"


def patch_image(
    api: Api, target: FoundTarget, image: str, change_cause: str | None, *, as_user: str | None, dry_run: bool
) -> None:
    """Set the container's image and the change-cause annotation (None removes it); `dry_run` has the API server check
    everything and keep nothing. Sent again while the server is busy or gone, which is harmless: it sets values."""
    if as_user is not None:
        refuse_unusable_user(as_user)
    body = {
        "metadata": {"annotations": {CHANGE_CAUSE: change_cause}},
        "spec": {"template": {"spec": {"containers": [{"name": target.container, "image": image}]}}},
    }
    query = [("fieldManager", FIELD_MANAGER), *([("dryRun", "All")] if dry_run else [])]
    api.patch(target.path, body, query, as_user)


def refuse_unusable_user(user: str) -> None:
    """PlanError when `user` cannot be sent in a header."""
    if not (user.isascii() and user.isprintable()):
        raise PlanError(f"rollback.as is no user name: {user!r}", "use printable ASCII characters only")
