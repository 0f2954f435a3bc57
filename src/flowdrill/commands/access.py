"""`rbac`: what to apply so that a drill, and a rollback, is allowed. Asks no cluster."""

from __future__ import annotations

import argparse
import json

from flowdrill.analysis.access_needs import harness_needs, on_call_needs
from flowdrill.analysis.guard_needs import guard_needs
from flowdrill.commands.exit_codes import ExitCode
from flowdrill.errors import PlanError
from flowdrill.model.access import Subject
from flowdrill.model.drill import Drill
from flowdrill.model.guard_job import account_user
from flowdrill.preparing.drill_file import plan_of
from flowdrill.report.rbac_manifests import objects_of, rbac_manifests, roles_for

_HARNESS, _ON_CALL, _GUARD = "harness", "on-call", "guard"


def rbac(options: argparse.Namespace) -> ExitCode:
    """Print the manifests for one of the identities."""
    plan = plan_of(options.drill)
    target = plan.drill.target
    if options.role == _HARNESS:
        subject = options.subject or f"system:serviceaccount:{target.namespace}:flowdrill"
        needs = harness_needs(plan.drill, plan.found.scenario)
        says = f"What flowdrill needs for drill {plan.drill.drill}, from preflight to the clean-up."
    elif options.role == _GUARD:
        subject = options.subject or _guards_account(plan.drill)
        needs = guard_needs(plan.drill, plan.found.scenario)
        says = f"What the guard in the cluster needs to put everything back that drill {plan.drill.drill} breaks."
    else:
        subject = options.subject or plan.drill.rollback.as_user or ""
        needs = on_call_needs(target, plan.drill.rollback.way)
        says = f"What whoever rolls back {target.workload} in namespace {target.namespace} needs, and no more."
    _refuse_unusable(subject)
    roles, makes_account = roles_for(options.role, target, needs), options.role != _ON_CALL
    if options.json:
        made = objects_of(roles, subject, makes_account=makes_account)
        print(json.dumps({"apiVersion": "v1", "kind": "List", "items": made}, indent=2))
    else:
        print(rbac_manifests(roles, subject, makes_account=makes_account, intro=says), end="")
    return ExitCode.PASS


def _guards_account(drill: Drill) -> str:
    inside = drill.guard.in_cluster
    if inside is None:
        raise PlanError(
            f"rbac: drill {drill.drill} names no guard in the cluster",
            "name one: `guard: { in_cluster: { image: IMAGE-WITH-FLOWDRILL } }`",
        )
    return account_user(drill.target.namespace, inside.service_account)


def _refuse_unusable(subject: str) -> None:
    if not subject:
        raise PlanError(
            "rbac: the drill names nobody who rolls back",
            "name one: --subject USER, --subject system:serviceaccount:NAMESPACE:NAME, --subject group:NAME, "
            "or `rollback: {as: …}` in the drill",
        )
    if Subject(subject).is_misspelt or not (subject.isascii() and subject.isprintable()):
        raise PlanError(
            f"--subject {subject!r} names nobody",
            "write USER, system:serviceaccount:NAMESPACE:NAME or group:NAME",
        )
