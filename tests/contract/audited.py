"""What flowdrill has written to an embedded cluster, by the cluster's own audit log, held against a drill's plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from flowdrill.cluster.state_folder import StateFolder
from flowdrill.model.drill_plan import PlannedWrite, PlanStep, System


@dataclass(frozen=True)
class Audited:
    """One request that the API server has accepted."""

    verb: str
    resource: str  # deployments.apps
    name: str  # "" for one that is made
    dry_run: bool
    by: str  # the impersonated user; "" for the harness itself


def audited_writes(kubeconfig: str, namespace: str) -> frozenset[Audited]:
    """Every kind of accepted request by flowdrill in the namespace, or about it."""
    lines = StateFolder(Path(kubeconfig).parent).audit_log.read_text().splitlines()
    return frozenset(
        _audited(event)
        for event in map(json.loads, lines)
        if str(event["userAgent"]).startswith("flowdrill")
        and event["responseStatus"]["code"] < 300
        and namespace in (event["objectRef"].get("namespace"), event["objectRef"].get("name"))
    )


def _audited(event: dict[str, object]) -> Audited:
    about, user = event["objectRef"], event.get("impersonatedUser") or {}
    assert isinstance(about, dict)
    assert isinstance(user, dict)
    group = about.get("apiGroup")
    return Audited(
        verb=str(event["verb"]),
        resource=f"{about['resource']}.{group}" if group else str(about["resource"]),
        name=str(about.get("name", "")),
        dry_run="dryRun=All" in str(event["requestURI"]),
        by=str(user.get("username", "")),
    )


def unplanned(writes: Iterable[Audited], steps: Iterable[PlanStep]) -> list[Audited]:
    """Return those that no step of the plan names."""
    planned = _on_the_cluster(steps)
    return [one for one in writes if not any(_is(one, write) for write in planned)]


def undone_plans(writes: Iterable[Audited], steps: Iterable[PlanStep]) -> list[str]:
    """Return what the plan says without an `only_if`, and nobody has seen."""
    seen = tuple(writes)
    always = [one for one in _on_the_cluster(steps) if not one.only_if]
    return [one.permission for one in always if not any(_is(write, one) for write in seen)]


def _on_the_cluster(steps: Iterable[PlanStep]) -> list[PlannedWrite]:
    return [write for step in steps for write in step.writes if write.system is System.KUBERNETES]


def _is(write: Audited, planned: PlannedWrite) -> bool:
    named = not (write.name and planned.name) or write.name == planned.name
    same = (write.verb, write.resource, write.dry_run) == (planned.verb, planned.what, planned.dry_run)
    by = planned.by.startswith(f"{write.by} ") or planned.by.startswith(f"{write.by},") if write.by else True
    return named and same and by
