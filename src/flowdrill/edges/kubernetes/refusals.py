"""What the API server refused, as errors a user can act on. What the server says is cleaned before it is shown."""

from __future__ import annotations

import re

from flowdrill.analysis.printable import printable
from flowdrill.errors import ClusterAwayError, ClusterError, ForbiddenError
from flowdrill.model.access import Subject
from flowdrill.model.json_text import parsed_json

__all__ = ["AnswerError", "BusyError", "UnreachableError", "printable", "refusal", "server_message"]

_RBAC = re.compile(
    r'User "(?P<user>[^"]*)" cannot (?P<verb>\S+) resource "(?P<resource>[^"]*)" in API group "(?P<group>[^"]*)"'
    r'(?: in the namespace "(?P<namespace>[^"]*)")?'
)
_TOO_BUSY = frozenset({429, 502, 503, 504})  # not 500: so it says that an admission webhook failed
_SERVICE_ACCOUNT = re.compile(r"system:serviceaccount:([^:]+):([^:]+)")


class AnswerError(ClusterError):
    """The API server answered with an error that is no missing permission."""

    def __init__(self, problem: str, remedy: str, status: int) -> None:
        super().__init__(problem, remedy)
        self.status = status


class BusyError(AnswerError, ClusterAwayError):
    """The API server, or what is before it, had no time to say anything else."""


class UnreachableError(ClusterAwayError):
    """No answer came from the API server."""


def server_message(body: bytes) -> str:
    """Return the message of a Status object, or of whatever a proxy in between sent."""
    text = body.decode("utf-8", "replace")
    try:
        message = parsed_json(text)["message"]
    except (ValueError, TypeError, KeyError):
        message = text
    return printable(str(message)) or "no reason given"


def refusal(status: int, body: bytes, asked: str, subject: Subject | None) -> ClusterError:
    """Return the error for an answer that is no success; `asked` says what was asked, `patch deployment/app`."""
    message = server_message(body)
    as_user = None if subject is None else subject.user
    who = f" as {as_user}" if as_user else ""
    if status == 401:
        return AnswerError(
            f"the API server does not know who asks ({asked}{who}): {message}",
            "renew the login or the token of this context; `kubectl auth whoami` or `kubectl get ns` shows if it works",
            status,
        )
    if status == 403 and (denied := _RBAC.search(message)):
        return _forbidden(denied, asked, as_user)
    if status == 403:
        remedy = "an admission rule, a quota or a policy of the cluster refused it: have it allow this change"
    elif status == 422:
        remedy = "the API server finds the change invalid; the message names the field"
    elif status == 404:
        remedy = "check the names, and that this cluster serves the API"
    else:
        remedy = "try again; if it stays, ask who runs the cluster"
    answered = BusyError if status in _TOO_BUSY else AnswerError
    return answered(f"{asked}{who}: the API server answered {status}: {message}", remedy, status)


def _forbidden(denied: re.Match[str], asked: str, as_user: str | None) -> ForbiddenError:
    user, verb, resource, group, namespace = denied.group("user", "verb", "resource", "group", "namespace")
    if verb.startswith("impersonate"):
        return ForbiddenError(
            f"{asked}: {user} must not act as {as_user}: it lacks the verb {verb} on {resource}",
            f"allow it (ClusterRole, or for a service account a Role in its namespace: apiGroups: [{group!r}], "
            f"resources: [{resource}], verbs: [{verb}], bound to {user}), or leave out rollback.as",
        )
    where = f" in namespace {namespace}" if namespace else ""
    scope = f"a Role in namespace {namespace}" if namespace else "a ClusterRole"
    account = _SERVICE_ACCOUNT.fullmatch(user)
    subject = f"the service account {account[2]} of namespace {account[1]}" if account else f"the user {user}"
    return ForbiddenError(
        f"{asked}: {user} must not {verb} {resource}{f'.{group}' if group else ''}{where}",
        f"give {subject} {scope} with the rule {{apiGroups: [{group!r}], resources: [{resource}], verbs: [{verb}]}}, "
        "or use an identity that has it",
    )
