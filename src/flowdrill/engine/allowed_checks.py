"""Does the target's team allow drills? It says so by labels, on the workload or on its namespace."""

from __future__ import annotations

from collections.abc import Iterable

from flowdrill.analysis.printable import printable
from flowdrill.analysis.where_allowed import Label, missing_labels
from flowdrill.engine.findings import Findings
from flowdrill.engine.order import RunOrder
from flowdrill.engine.ports import LookPorts
from flowdrill.errors import DrillRefusedError
from flowdrill.model.drill import Target
from flowdrill.model.status import Status
from flowdrill.model.target_labels import TargetLabels


def check_allowed(order: RunOrder, ports: LookPorts, findings: Findings) -> None:
    """Record whether the target bears every label that the order asks for; nothing where it asks for none."""
    if not order.require_labels:
        return
    borne = ports.workload.labels()
    problem = not_allowed_because(order.require_labels, order.drill.target, borne)
    wanted = ", ".join(f"{name}={value}" for name, value in order.require_labels)
    findings.check(
        "drill_allowed",
        Status.PASS if problem is None else Status.FAIL,
        required=f"{order.drill.target.workload}, or its namespace, bears the label {wanted}",
        observed=problem or f"{wanted} is there",
        detail="" if problem is None else _remedy(order, borne),
    )


def refuse_no_longer_allowed(order: RunOrder, ports: LookPorts) -> None:
    """DrillRefusedError when a label was taken away since preflight: the last moment in which a team can say no."""
    if not order.require_labels:
        return
    problem = not_allowed_because(order.require_labels, order.drill.target, ports.workload.labels())
    if problem is not None:
        raise DrillRefusedError(
            f"the drill is no longer allowed: {problem}", "ask who took the label away; nothing was broken"
        )


def not_allowed_because(wanted: Iterable[Label], target: Target, borne: TargetLabels) -> str | None:
    """Return which label is missing, or None. A namespace that may not be read allows nothing."""
    missing = missing_labels(wanted, borne)
    if not missing:
        return None
    named = ", ".join(f"{name}={value}" for name, value in missing)
    contrary = [f"{name}={borne.workload[name]}" for name, _ in missing if name in borne.workload]
    if contrary:
        return f"{target.workload} bears {printable(', '.join(contrary))}, and {named} is needed"
    if borne.namespace is None:
        return f"{target.workload} does not bear {named}, and its namespace's labels are not known: {borne.unread}"
    return f"neither {target.workload} nor namespace {target.namespace} bears {named}"


def _remedy(order: RunOrder, borne: TargetLabels) -> str:
    """The command for whoever may decide it: not part of flowdrill's own rights."""
    target, missing = order.drill.target, missing_labels(order.require_labels, borne)
    words = " ".join(f"{name}={value}" for name, value in missing)
    over = " --overwrite" if any(name in borne.workload for name, _ in missing) else ""
    return f"`kubectl -n {target.namespace} label{over} {target.workload} {words}`, if its team allows drills"
