"""Asks the API server's authorizers: may somebody do this? Changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.errors import ForbiddenError
from flowdrill.model.access import GROUP, AccessAnswer, AccessQuestion, Subject

T = TypeVar("T")
_API = "authorization.k8s.io/v1"
_ALLOWED_BY = "RBAC: allowed by "
_LONGEST = 300  # characters of a reason
_AT_ONCE = 4
_ANONYMOUS, _UNAUTHENTICATED = "system:anonymous", "system:unauthenticated"
_AUTHENTICATED, _ACCOUNTS = "system:authenticated", "system:serviceaccounts"


def own_answers(api: Api, questions: Sequence[AccessQuestion]) -> tuple[AccessAnswer, ...]:
    """Return what whoever `api` sends as may do. UnreachableError when the API server is gone; any other failure is an
    answer that is not known."""

    def ask(question: AccessQuestion) -> AccessAnswer:
        spec = {"resourceAttributes": _attributes(question)}
        return _answer(api, f"/apis/{_API}/selfsubjectaccessreviews", "SelfSubjectAccessReview", spec, {}, question)

    return _side_by_side(ask, questions)


def answers_about(
    api: Api, namespace: str, subjects: Sequence[str], question: AccessQuestion
) -> tuple[tuple[str, AccessAnswer], ...]:
    """Return what others may do in `namespace`, where the question must be about that: a Role there lets one ask."""
    path = f"/apis/{_API}/namespaces/{namespace}/localsubjectaccessreviews"

    def ask(subject: str) -> AccessAnswer:
        spec = {"resourceAttributes": _attributes(question), **_identity(subject)}
        return _answer(api, path, "LocalSubjectAccessReview", spec, {"namespace": namespace}, question)

    return tuple(zip(subjects, _side_by_side(ask, subjects), strict=True))


def _side_by_side(ask: Callable[[T], AccessAnswer], items: Sequence[T]) -> tuple[AccessAnswer, ...]:
    """Every answer, in order. When the API server is gone, the questions that are still to be asked are not."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="access-review") as threads:
        return tuple(threads.map(ask, items))


def _attributes(question: AccessQuestion) -> Json:
    named = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "subresource": question.subresource,
        "namespace": question.namespace,
        "name": question.name,
    }
    return {key: text for key, text in named.items() if text}


def _identity(subject: str) -> Json:
    """The user and the groups that a request of theirs would have."""
    if subject.startswith(GROUP):
        group = subject.removeprefix(GROUP)
        return {"groups": [group] if group == _UNAUTHENTICATED else [group, _AUTHENTICATED]}
    account = Subject(subject).service_account
    if account is not None:
        return {"user": subject, "groups": [_ACCOUNTS, f"{_ACCOUNTS}:{account[0]}", _AUTHENTICATED]}
    return {"user": subject, "groups": [_UNAUTHENTICATED if subject == _ANONYMOUS else _AUTHENTICATED]}


def _answer(api: Api, path: str, kind: str, spec: Json, meta: Json, question: AccessQuestion) -> AccessAnswer:
    try:
        answer = api.review(path, {"apiVersion": _API, "kind": kind, "metadata": meta, "spec": spec})
    except (AnswerError, ForbiddenError) as error:
        return AccessAnswer(question, None, error.problem)
    status = answer.get("status")
    return _answer_of(status if isinstance(status, dict) else {}, question)


def _answer_of(status: Json, question: AccessQuestion) -> AccessAnswer:
    """An authorizer that failed, where no other one allows it, leaves open what it would have said."""
    reason = _bounded(status.get("reason"))
    if status.get("allowed") is True:
        return AccessAnswer(question, True, reason.removeprefix(_ALLOWED_BY))
    failure = _bounded(status.get("evaluationError"))
    if failure and status.get("denied") is not True:
        return AccessAnswer(question, None, failure)
    if status.get("allowed") is not False:
        return AccessAnswer(question, None, "the API server's answer does not say")
    return AccessAnswer(question, False, reason)


def _bounded(text: object) -> str:
    clean = printable(text) if isinstance(text, str) else ""
    return clean if len(clean) <= _LONGEST else f"{clean[:_LONGEST]}…"
