"""Requests in somebody else's name."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import unquote

from flowdrill.cluster.api.authentication import User, account_of, account_user
from flowdrill.cluster.api.authorization import Attributes, Authorizer, forbidden
from flowdrill.cluster.api.status_error import bad_request

_EVERYBODY = frozenset({"system:authenticated", "system:unauthenticated"})
_EXTRA = "impersonate-extra-"
_AUTHN = "authentication.k8s.io"


def acted_for(user: User, headers: Iterable[tuple[bytes, bytes]], authorizer: Authorizer) -> User:
    """Return whom a request is made for: its sender, or whom its Impersonate headers name, when the sender may
    impersonate every part of that; StatusError 403."""
    given = [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in headers]
    names = [value for name, value in given if name == "impersonate-user" and value]
    groups = [value for name, value in given if name == "impersonate-group"]
    uids = [value for name, value in given if name == "impersonate-uid"]
    extra = [(unquote(name.removeprefix(_EXTRA)), value) for name, value in given if name.startswith(_EXTRA)]
    if not names:
        if groups or uids or extra:
            raise bad_request("requested identity without impersonating a user")
        return user
    account = account_of(names[0])
    asked = [Attributes("impersonate", "", "users", name=names[0])]
    if account is not None:
        asked = [Attributes("impersonate", "", "serviceaccounts", namespace=account[0], name=account[1])]
    asked += [Attributes("impersonate", "", "groups", name=group) for group in groups]
    asked += [Attributes("impersonate", _AUTHN, "uids", name=uid) for uid in uids]
    asked += [Attributes("impersonate", _AUTHN, "userextras", key, name=value) for key, value in extra]
    for one in asked:
        decision = authorizer.decide(user, one)
        if not decision.allowed:
            raise forbidden(user, one, decision.reason)
    if account is not None and not groups:
        groups = list(account_user(*account).groups)
    if not set(groups) & _EVERYBODY:
        groups.append("system:unauthenticated" if names[0] == "system:anonymous" else "system:authenticated")
    kept = {key: tuple(value for name, value in extra if name == key) for key, _ in extra}
    return User(names[0], tuple(dict.fromkeys(groups)), uids[0] if uids else "", kept)
