"""Whoever would roll back: impersonated, with a kubeconfig of their own, or the harness itself."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect, only_context
from flowdrill.edges.kubernetes.refusals import AnswerError
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.access import Subject
from flowdrill.model.drill import RollbackPlan


@dataclass(frozen=True, slots=True)
class Responder:
    """The API as somebody else sees it. `words` is None for the harness itself."""

    api: Api
    words: str | None = None
    subject: Subject | None = None  # where it is impersonated
    own_connection: bool = False

    def close(self) -> None:
        """Close the connections that are not the harness's."""
        if self.own_connection:
            self.api.close()


def open_responder(api: Api, plan: RollbackPlan, near: Path) -> Responder:
    """Return who rolls back by `plan`, whose files are beside the drill file in `near`; `api` is the harness's own.
    ClusterError for a kubeconfig that cannot be used, or is of another
    cluster."""
    subject = plan.subject
    if subject is not None:
        groups = f" in {', '.join(subject.groups)}" if subject.groups else ""
        return Responder(api.acting_as(subject), f"{subject.user}{groups}", subject)
    if plan.kubeconfig is None:
        return Responder(api)
    file = str((near / Path(plan.kubeconfig).expanduser()).resolve())
    context = plan.context or only_context(file)
    connection = connect(context, file)
    own = Api(connection.client, connection.server)
    try:
        _refuse_other_cluster(api, own, file)
    except ClusterError:
        own.close()
        raise
    return Responder(own, f"context {context} of {file}", own_connection=True)


def account_problem(api: Api, responder: Responder) -> str | None:
    """Return why the responder's service account cannot exist, or None; also where that may not be looked at: then its
    missing permissions say so."""
    account = responder.subject.service_account if responder.subject else None
    if account is None:
        return None
    namespace, name = account
    try:
        api.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
    except ForbiddenError:
        return None
    except AnswerError as error:
        if error.status != 404:
            raise
        return f"namespace {namespace} has no service account {name}"
    return None


def _refuse_other_cluster(api: Api, own: Api, file: str) -> None:
    """By the one thing that no two clusters share, where both may read it; by the address else."""
    here, there = _cluster_uid(api), _cluster_uid(own)
    if here is None or there is None:
        here, there = api.server, own.server
    if here != there:
        raise ClusterError(
            f"rollback.kubeconfig: {file} leads to {own.server}, which is not the drill's cluster ({api.server})",
            "name a context of the same cluster: rollback.context",
        )


def _cluster_uid(api: Api) -> str | None:
    with suppress(ClusterError):
        return str(api.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])
    return None
