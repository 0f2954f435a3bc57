"""Every patch of the drill, tried: permissions, admission and quotas are met before anything is changed."""

from __future__ import annotations

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.findings import Findings
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import FlowdrillError
from flowdrill.model.events import Status


def try_patches(order: RunOrder, cleared: Cleared, ports: LookPorts, findings: Findings) -> None:
    """Send every patch as a server-side dry run, and record what the API server says to it."""
    stable, release = cleared.stable, cleared.release
    broken_image = str(cleared.broken.image.reference)
    user = order.drill.rollback.as_user
    patches = [
        ("rollback_permitted", stable.rollback_image, release.stable_fields, {}, user),
        ("break_permitted", broken_image, release.broken_fields, release.broken_beside, None),
        ("restore_permitted", stable.written, release.stable_fields, release.stable_beside, None),
    ]
    if cleared.recovery is not None:
        image = str(cleared.recovery.image.reference)
        patches.append(("recovery_permitted", image, release.stable_fields, {}, None))
    for name, image, fields, beside, as_user in patches:
        required = f"the API server accepts the patch from {as_user or 'the harness'} (server-side dry run)"
        try:
            ports.workload.would_accept(image, fields=fields, as_user=as_user)
            for other, patch in beside.items():
                if cleared.provider is None or other != cleared.provider.workload:  # which is tried once it is there
                    ports.workload.patch_beside(other, patch, dry_run=True)
        except FlowdrillError as error:
            findings.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
            continue
        findings.check(name, Status.PASS, required=required, observed="accepted")
