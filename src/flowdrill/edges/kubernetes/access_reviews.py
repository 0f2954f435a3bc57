"""May somebody do this? Asked of the API server's authorizers, which do it and keep nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import printable
from flowdrill.errors import ClusterError
from flowdrill.model.access import AccessAnswer, AccessQuestion, Subject
from flowdrill.model.json_shapes import as_mapping

_AT_ONCE = 8
_REVIEWS = "/apis/authorization.k8s.io/v1"
_EVERYBODY = "system:authenticated"
_ANONYMOUS, _NOBODY_KNOWN = "system:anonymous", "system:unauthenticated"
_GROUP = "group:"


def answers_of(api: Api, questions: tuple[AccessQuestion, ...]) -> tuple[AccessAnswer, ...]:
    """Return what the identity behind `api` may do, in the order of the questions."""

    def ask(question: AccessQuestion) -> AccessAnswer:
        body = _review("SelfSubjectAccessReview", {}, question)
        return _answer(api, f"{_REVIEWS}/selfsubjectaccessreviews", body, question)

    return _together(ask, questions)


def answers_about(
    api: Api, namespace: str, subjects: tuple[str, ...], question: AccessQuestion
) -> tuple[AccessAnswer, ...]:
    """Return whether each of the subjects may do what is asked in `namespace`; in their order."""

    def ask(subject: str) -> AccessAnswer:
        about = _about(subject)
        body = _review("LocalSubjectAccessReview", about, question) | {"metadata": {"namespace": namespace}}
        return _answer(api, f"{_REVIEWS}/namespaces/{namespace}/localsubjectaccessreviews", body, question)

    return _together(ask, subjects)


def _together(ask: Callable[[Any], AccessAnswer], about: Iterable[Any]) -> tuple[AccessAnswer, ...]:
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return tuple(threads.map(ask, about))


def _about(subject: str) -> Json:
    """Whom a review is about, with the groups that everybody of that kind is in: what these may, they may, too."""
    if subject.startswith(_GROUP):
        group = subject.removeprefix(_GROUP)
        return {"groups": [group] if group == _NOBODY_KNOWN else list(dict.fromkeys((group, _EVERYBODY)))}
    if subject == _ANONYMOUS:
        return {"user": subject, "groups": [_NOBODY_KNOWN]}
    account = Subject(subject).service_account
    groups = [] if account is None else ["system:serviceaccounts", f"system:serviceaccounts:{account[0]}"]
    return {"user": subject, "groups": [*groups, _EVERYBODY]}


def _review(kind: str, about: Json, question: AccessQuestion) -> Json:
    asked = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "subresource": question.subresource,
        "namespace": question.namespace,
        "name": question.name,
    }
    attributes = {key: text for key, text in asked.items() if text}
    spec = {**about, "resourceAttributes": attributes}
    return {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}


def _answer(api: Api, path: str, body: Json, question: AccessQuestion) -> AccessAnswer:
    try:
        status = as_mapping(api.review(path, body).get("status"))
    except ClusterError as error:
        return AccessAnswer(question, None, f"not found out: {error.problem}")
    allowed = status.get("allowed")
    if not isinstance(allowed, bool):
        return AccessAnswer(question, None, "not found out: the API server's answer says neither yes nor no")
    reason = printable(str(status.get("reason") or "")).removeprefix("RBAC: ").removeprefix("allowed by ")
    if not allowed and status.get("evaluationError"):
        return AccessAnswer(question, None, f"not found out: {printable(str(status['evaluationError']))}")
    return AccessAnswer(question, allowed, reason if allowed else "")
