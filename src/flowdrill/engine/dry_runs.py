"""Every patch of the drill, tried: permissions, admission and quotas are met before anything is changed."""

from __future__ import annotations

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.findings import Findings
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import ClusterAwayError, FlowdrillError
from flowdrill.model.access import Actor
from flowdrill.model.status import Status


def try_patches(cleared: Cleared, ports: LookPorts, findings: Findings, *, responder_may_patch: bool) -> None:
    """Send every patch as a server-side dry run, and record what the API server says to it. A rollback that the
    responder is known not to be allowed is a finding already, and not tried. ClusterAwayError when no answer comes:
    then nobody knows whether the way back is open, and no drill may begin."""
    stable, release = cleared.stable, cleared.release
    broken_image = str(cleared.broken.image.reference)
    harness, responder = Actor.HARNESS, Actor.RESPONDER
    patches = [
        ("rollback_permitted", stable.rollback_image, release.stable_fields, {}, responder),
        ("break_permitted", broken_image, release.broken_fields, release.broken_beside, harness),
        ("restore_permitted", stable.written, release.stable_fields, release.stable_beside, harness),
    ]
    if cleared.recovery is not None:
        image = str(cleared.recovery.image.reference)
        patches.append(("recovery_permitted", image, release.stable_fields, {}, harness))
    for name, image, fields, beside, actor in patches:
        if actor is responder and not responder_may_patch:
            continue
        who = ports.workload.responder if actor is responder else None
        required = f"the API server accepts the patch from {who or 'the harness'} (server-side dry run)"
        try:
            ports.workload.would_accept(image, fields=fields, by=actor)
            for other, patch in beside.items():
                if cleared.provider is None or other != cleared.provider.workload:  # which is tried once it is there
                    ports.workload.patch_beside(other, patch, dry_run=True)
        except ClusterAwayError as error:
            findings.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
            raise
        except FlowdrillError as error:
            findings.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
            continue
        findings.check(name, Status.PASS, required=required, observed="accepted")
