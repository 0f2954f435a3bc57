"""Every patch of the drill, tried: permissions, admission and quotas are met before anything is changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from flowdrill.engine.cleared import Cleared
from flowdrill.engine.findings import Findings
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import ClusterAwayError, FlowdrillError
from flowdrill.model.access import Actor
from flowdrill.model.container_fields import Fields
from flowdrill.model.rollback_plan import Strategy
from flowdrill.model.status import Status


def try_patches(
    way: Strategy, cleared: Cleared, ports: LookPorts, findings: Findings, *, responder_may_patch: bool
) -> None:
    """Send every patch as a server-side dry run, and record what the API server says to it. A rollback that the
    responder is known not to be allowed is a finding already, and not tried; nor is a command of the team's own.
    ClusterAwayError when no answer comes: then nobody knows whether the way back is open, and no drill may begin."""
    stable, release = cleared.stable, cleared.release
    if responder_may_patch:
        _try_rollback(way, cleared, ports, findings)
    patches = [
        ("break_permitted", str(cleared.broken.image.reference), release.broken_fields, release.broken_beside),
        ("restore_permitted", stable.written, release.stable_fields, release.stable_beside),
    ]
    if cleared.recovery is not None:
        image = str(cleared.recovery.image.reference)
        patches.append(("recovery_permitted", image, release.stable_fields, {}))
    for name, image, fields, beside in patches:
        _try(name, "the harness", partial(_would_accept, image, fields, beside, cleared, ports), findings)


def _try_rollback(way: Strategy, cleared: Cleared, ports: LookPorts, findings: Findings) -> None:
    workload, by = ports.workload, Actor.RESPONDER
    name, who = "rollback_permitted", workload.responder or "the harness"
    if way is Strategy.SET_IMAGE:
        image, fields = cleared.stable.rollback_image, cleared.release.stable_fields
        _try(name, who, partial(workload.would_accept, image, fields=fields, by=by), findings)
    elif way is Strategy.UNDO and cleared.revision is not None:
        undo = partial(workload.undo_to, cleared.revision, cleared.template, by=by, dry_run=True)
        _try(name, who, undo, findings)


def _would_accept(
    image: str, fields: Fields, beside: Mapping[str, Mapping[str, Any]], cleared: Cleared, ports: LookPorts
) -> None:
    ports.workload.would_accept(image, fields=fields)
    for other, patch in beside.items():
        if cleared.provider is None or other != cleared.provider.workload:  # which is tried once it is there
            ports.workload.patch_beside(other, patch, dry_run=True)


def _try(name: str, who: str, request: Callable[[], None], findings: Findings) -> None:
    required = f"the API server accepts the patch from {who} (server-side dry run)"
    try:
        request()
    except ClusterAwayError as error:
        findings.check(name, Status.UNKNOWN, required=required, observed=error.problem, detail=error.remedy)
        raise
    except FlowdrillError as error:
        findings.check(name, Status.FAIL, required=required, observed=error.problem, detail=error.remedy)
        return
    findings.check(name, Status.PASS, required=required, observed="accepted")
