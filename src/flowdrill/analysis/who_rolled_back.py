"""Who rolled back, and how: from what the workload says of its last change, and the API server's audit log."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flowdrill.analysis.printable import printable
from flowdrill.analysis.redaction import redact
from flowdrill.model.audited_change import AuditedChange
from flowdrill.model.instant import ns_to_seconds
from flowdrill.model.workload import FieldManager, WorkloadSnapshot

_CLOSE_SECONDS = 2.0  # managedFields have whole seconds, and API servers' clocks are nearly the same
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMMANDS = {  # the field managers of kubectl's commands; `rollout undo` names none, and so is plain `kubectl`
    "kubectl-set": "kubectl set image",
    "kubectl-edit": "kubectl edit",
    "kubectl-patch": "kubectl patch",
    "kubectl-replace": "kubectl replace",
    "kubectl-client-side-apply": "kubectl apply",
    "helm": "helm",
    "argocd-controller": "Argo CD",
    "kustomize-controller": "Flux",
    "helm-controller": "Flux",
}
_UNDOING = ("kubectl", "kubectl-rollout")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it, and how, in words."""

    who: str
    how: str


def who_rolled_back(
    before: WorkloadSnapshot, seen: WorkloadSnapshot, revision: int | None, changes: Iterable[AuditedChange]
) -> Actor:
    """Return who gave the workload the image that it has in `seen`. `before` is the workload before the drill, whose
    template is that of `revision`; `changes` are what the audit log has, none where there is no log."""
    manager, change = seen.image_set_by, audited_change(seen.image_set_by, changes)
    same = seen.template_digest is not None and seen.template_digest == before.template_digest
    said = [_deed(manager, revision, same=same)]
    if change is not None:
        said.append(f"audit log: {change.verb} by {change.agent or 'an unnamed program'}")
    if manager is not None:
        at = f" at {manager.at}" if manager.at else ""
        said.append(f"field manager {manager.manager} ({manager.operation}{at})")
    if seen.change_cause not in (None, before.change_cause):
        said.append(f"change-cause: {printable(redact(str(seen.change_cause)))}")
    if not same and seen.template_digest is not None and before.template_digest is not None:
        said.append("the pod template is not the one from before the drill")
    if change is not None:
        return Actor(change.who, "; ".join(said))
    return Actor("somebody" if manager is None else f"somebody with {manager.manager}", "; ".join(said))


def audited_change(manager: FieldManager | None, changes: Iterable[AuditedChange]) -> AuditedChange | None:
    """Return the newest change that can be the one which `manager` made: the log and managedFields have the same clock.
    Where the API server does not say when that was, the newest of all."""
    wanted = None if manager is None else _utc(manager.at)
    if wanted is None:
        return next(reversed(tuple(changes)), None)
    fitting = [change for change in changes if _close(change.received_utc_ns, wanted)]
    return min(reversed(fitting), key=lambda change: _apart(change.received_utc_ns, wanted), default=None)


def _close(utc_ns: int | None, wanted_seconds: float) -> bool:
    return utc_ns is not None and _apart(utc_ns, wanted_seconds) <= _CLOSE_SECONDS


def _apart(utc_ns: int | None, wanted_seconds: float) -> float:
    """How far a change is from the second in which the image was set."""
    after = ns_to_seconds(utc_ns or 0) - wanted_seconds
    return max(-after, after - 1.0, 0.0)


def _deed(manager: FieldManager | None, revision: int | None, *, same: bool) -> str:
    name = "" if manager is None else manager.manager
    numbered = "" if revision is None else f" {revision}"
    if manager is not None and manager.operation == "Apply" and name in _UNDOING:
        name = "kubectl-client-side-apply"  # `kubectl apply --server-side` calls itself kubectl, too
    if same and name in _UNDOING:
        return f"kubectl rollout undo to revision{numbered or ' (number not known)'}"
    back = f", back to the template of revision{numbered}" if same and revision is not None else ""
    return f"{_COMMANDS.get(name, 'by a change of the image')}{back}"


def _utc(text: str | None) -> float | None:
    """A time as Kubernetes writes it, in seconds since 1970; None when it is none."""
    try:
        at = datetime.fromisoformat((text or "").replace("Z", "+00:00"))
    except ValueError:
        return None
    return None if at.tzinfo is None else (at - _EPOCH) / timedelta(seconds=1)
