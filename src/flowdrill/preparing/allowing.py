"""Whether a drill may run at all, found out before anything is asked of a cluster: what is protected, and what was
approved. The labels are looked at in preflight."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flowdrill.analysis.where_allowed import Label, SafetyRules, Said, protection_of, rules_of
from flowdrill.edges.kubernetes.connect import names_of_context
from flowdrill.edges.planfiles.machine_safety import machine_safety_file, read_machine_safety
from flowdrill.edges.planfiles.reading import ScenarioFolder
from flowdrill.errors import DrillRefusedError, PlanError
from flowdrill.model.drill import Drill
from flowdrill.preparing.plan_digest import digest_of


@dataclass(frozen=True, slots=True)
class Permit:
    """What a drill was let through with."""

    plan_digest: str
    labels: tuple[Label, ...] = ()  # that the target, or its namespace, must bear; none on the embedded cluster
    approved: bool = False  # whether somebody has named this very digest


LOOKING = Permit("")  # of what looks alone, and asks nobody


@dataclass(frozen=True, slots=True)
class Where:
    """Where a drill is to run: its file, and the cluster. Without a context: the embedded one."""

    drill_file: Path
    context: str | None
    kubeconfig: str | None
    to_plan: str | None = None  # the command that prints its page, where that is not `flowdrill plan FILE`


def safety_rules(drill: Drill, drill_file: Path, environ: Mapping[str, str] = os.environ) -> SafetyRules:
    """Return the rules of the drill and of this machine; PlanError when this machine's file cannot be used."""
    machine = machine_safety_file(environ)
    said = [Said(str(drill_file), drill.safety)]
    if machine is not None:
        said.append(Said(str(machine), read_machine_safety(machine)))
    return rules_of(said)


def labels_asked_for(rules: SafetyRules, context: str | None) -> tuple[Label, ...]:
    """Return the labels that the target must bear. The embedded cluster is the drill's own playground, of one user on
    one machine: nothing of anybody else's can be met there."""
    return () if context is None else rules.labels


def protected_because(rules: SafetyRules, drill: Drill, where: Where) -> DrillRefusedError | None:
    """Return the error for a drill whose cluster or namespace is protected, or None. Asks no cluster."""
    if where.context is not None:
        found = protection_of(names_of_context(where.context, where.kubeconfig), rules.contexts)
        if found is not None:
            return DrillRefusedError(
                f"context {where.context} is protected by {found.by} (protect.contexts: {found.pattern}): "
                "no drill runs there",
                "drill on another cluster; `flowdrill reach` and `flowdrill audit images` look there all the same",
            )
    found = protection_of((drill.target.namespace,), rules.namespaces)
    if found is None:
        return None
    return DrillRefusedError(
        f"namespace {drill.target.namespace} is protected by {found.by} (protect.namespaces: {found.pattern}): "
        "no drill runs there",
        "drill a copy of the workload in a namespace of its own",
    )


def permit_of(
    drill: Drill, found: ScenarioFolder, where: Where, approved: Sequence[str] = (), *, approval_asked: bool = True
) -> Permit:
    """Return what lets the drill through; DrillRefusedError when it is protected, or the plan is none of those that
    were `approved` (where some are named, or, with `approval_asked`, somebody demands it); PlanError when an approval
    is no digest."""
    rules = safety_rules(drill, where.drill_file)
    refusal = protected_because(rules, drill, where)
    if refusal is not None:
        raise refusal
    digest = digest_of(drill, found, where.drill_file.parent, where.context)
    if approval_asked:
        _refuse_unapproved(digest, rules, approved, drill, found, where)
    return Permit(digest, labels_asked_for(rules, where.context), approved=digest in approved)


def _refuse_unapproved(
    digest: str, rules: SafetyRules, approved: Sequence[str], drill: Drill, found: ScenarioFolder, where: Where
) -> None:
    for one in approved:
        if not one.startswith("sha256:") or len(one) != 71 or set(one[7:]) - set("0123456789abcdef"):
            raise PlanError(f"--approved {one!r} is no digest", "give the `sha256:…` that `flowdrill plan` prints")
    see = f"`{plan_command(where)}`"
    if not approved and rules.approval_by is not None:
        raise DrillRefusedError(
            f"drill {drill.drill} must be approved (safety.approval in {rules.approval_by}), and no approval is named",
            f"have the page of {see} signed, then run it with --approved and the digest on that page",
        )
    if not approved or digest in approved:
        return
    elsewhere = where.context is not None and digest_of(drill, found, where.drill_file.parent, None) in approved
    was = "what was approved is this drill on the embedded cluster" if elsewhere else f"approved: {', '.join(approved)}"
    raise DrillRefusedError(
        f"the plan of drill {drill.drill} is not the one that was approved: its digest is {digest}; {was}",
        f"see what it would do now with {see}, and have that approved",
    )


def plan_command(where: Where) -> str:
    """Return the command that prints the page to be approved."""
    on = f" --context {where.context}" if where.context is not None else ""
    return f"{where.to_plan or f'flowdrill plan {where.drill_file}'}{on}"
