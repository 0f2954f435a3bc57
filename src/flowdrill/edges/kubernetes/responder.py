"""Whoever would roll back, and how a request is sent as them: by impersonation, or with a kubeconfig of their own."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect, only_context
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.target import FoundTarget
from flowdrill.errors import ClusterError, FlowdrillError, ForbiddenError
from flowdrill.model.access import Subject
from flowdrill.model.rollback_plan import RollbackPlan

_MOST_NAMES = 10
_CLUSTER_ID = "/api/v1/namespaces/kube-system"  # made once a cluster: its uid tells two clusters apart


@dataclass(frozen=True, slots=True)
class Responder:
    """Who rolls back. `api` sends requests as them."""

    api: Api
    words: str | None = None  # None: the harness itself
    subject: Subject | None = None  # where it is impersonated
    doubt: str | None = None  # what is not known about it
    owns_connection: bool = False

    def close(self) -> None:
        """Close the connections that are its own; those it shares with the harness stay."""
        if self.owns_connection:
            self.api.close()


def open_responder(api: Api, target: FoundTarget, plan: RollbackPlan, near: Path) -> Responder:
    """Return whom `plan` names; `api` is the harness's, and files are named from `near`, the drill file's folder.
    ClusterError when the kubeconfig cannot be used, or leads to another cluster."""
    if plan.kubeconfig is not None:
        return _with_own_kubeconfig(api, target, plan, near / Path(plan.kubeconfig).expanduser())
    subject = plan.subject
    if subject is None:
        return Responder(api)
    groups = f" in {', '.join(subject.groups)}" if subject.groups else ""
    return Responder(api.acting_as(subject), f"{subject.user}{groups}", subject)


def responder_problem(api: Api, responder: Responder) -> str | None:
    """Return what is not known about the responder, or None; ClusterError when it is a service account that is not
    there. Where that may not be looked at, its missing permissions say so."""
    account = responder.subject.service_account if responder.subject is not None else None
    if account is None:
        return responder.doubt  # the API server knows no users: whoever logs in is there
    namespace, name = account
    accounts = f"/api/v1/namespaces/{namespace}/serviceaccounts"
    try:
        api.get(f"{accounts}/{name}")
    except ForbiddenError:
        return None
    except AnswerError as error:
        if error.status != 404:
            raise
        raise ClusterError(
            f"namespace {namespace} has no service account {name}{_meant(api, accounts, name)}",
            f"correct rollback.as in the drill, or make it: `kubectl -n {namespace} create serviceaccount {name}`",
        ) from error
    return None


def _meant(api: Api, accounts: str, name: str) -> str:
    """Names that are there and may be meant, as far as the harness may list them."""
    try:
        there = [printable(str(one["metadata"]["name"])) for one in api.items(accounts)]
    except ClusterError:
        return ""
    close = difflib.get_close_matches(name, there, n=3)
    if close:
        return f"; did you mean {' or '.join(close)}?"
    more = " …" if len(there) > _MOST_NAMES else ""
    return f"; it has: {', '.join(sorted(there)[:_MOST_NAMES])}{more}" if there else "; it has none"


def _with_own_kubeconfig(api: Api, target: FoundTarget, plan: RollbackPlan, file: Path) -> Responder:
    try:
        context = plan.context or only_context(str(file))
        connection = connect(context, str(file))
    except ClusterError as error:
        raise ClusterError(f"rollback.kubeconfig: {error.problem}", _own_remedy(error.remedy)) from error
    own = Api(connection.client, connection.server, fence=api.fence)
    name = f"context {printable(context)} of {file}"
    try:
        doubt = _doubt(api, own, target, name)
    except FlowdrillError:
        own.close()
        raise
    return Responder(own, name, doubt=doubt, owns_connection=True)


def _own_remedy(remedy: str) -> str:
    return remedy.replace("--context", "rollback.context").replace("set KUBECONFIG to", "let rollback.kubeconfig name")


def _doubt(api: Api, own: Api, target: FoundTarget, name: str) -> str | None:
    """What is not known about the cluster that `own` leads to; ClusterError when it is not the target's. Two objects
    of one uid are one object."""
    there = _uid(own, target.path)
    if there is not None and there != target.uid:
        raise ClusterError(
            f"{name} leads to another cluster than the drill's ({own.server}, not {api.server}): "
            f"{'there is no' if there == '' else 'it has another'} {target.label} in namespace {target.namespace}",
            "let rollback.kubeconfig and rollback.context lead to the drill's cluster",
        )
    if there is not None or own.server == api.server:
        return None
    ids = [_uid(one, _CLUSTER_ID) for one in (api, own)]
    if not all(ids):
        return (
            f"it is not known whether {name} leads to the drill's cluster: its server is {own.server}, the drill's "
            f"{api.server}, and it may read neither {target.label} nor the namespace kube-system"
        )
    if ids[0] != ids[1]:
        raise ClusterError(
            f"{name} leads to another cluster than the drill's: {own.server}, not {api.server}",
            "let rollback.kubeconfig and rollback.context lead to the drill's cluster",
        )
    return None


def _uid(api: Api, path: str) -> str | None:
    """The uid of an object; "" when there is none, None when that may not be known."""
    try:
        return str(api.get(path)["metadata"]["uid"])
    except ForbiddenError:
        return None
    except AnswerError as error:
        if error.status != 404:
            raise
        return ""
