"""Tokens in Secrets of type kubernetes.io/service-account-token: filled in here, gone with their ServiceAccount."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import SECRETS, SERVICE_ACCOUNTS, Json
from flowdrill.cluster.controllers.keys import own_key
from flowdrill.cluster.controllers.loop import Key

TOKEN_TYPE = "kubernetes.io/service-account-token"
_ACCOUNT, _UID = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid"


class TokenController:
    """Fills in the token of one Secret at a time.

    `issue(namespace, account, uid, secret)` returns the token of a ServiceAccount that is good while the Secret is
    there; `authority` is the API's certificate in PEM."""

    name = "service-account-tokens"

    def __init__(self, objects: Objects, issue: Callable[..., str], authority: str) -> None:
        self._objects, self._issue, self._authority = objects, issue, authority
        self.watches = {SECRETS: _key_if_token, SERVICE_ACCOUNTS: self._secrets_of}

    def sync(self, key: Key) -> None:
        """Fill in a Secret, or delete it when the ServiceAccount it is for is not (or no more) there."""
        secret = self._objects.find(SECRETS, *key)
        if secret is None or "deletionTimestamp" in secret["metadata"]:
            return
        annotations = secret["metadata"].get("annotations") or {}
        account = self._objects.find(SERVICE_ACCOUNTS, key[0], annotations.get(_ACCOUNT, ""))
        uid = None if account is None else account["metadata"]["uid"]
        if uid is None or annotations.get(_UID, uid) != uid:
            self._objects.delete(SECRETS, *key, DeleteOptions(uid=secret["metadata"]["uid"]))
            return
        missing = self._contents(secret, uid)
        if missing or _UID not in annotations:

            def edit(one: Json) -> None:
                one["metadata"]["annotations"][_UID] = uid
                one["data"] = {**(one.get("data") or {}), **missing}

            self._objects.change(SECRETS, *key, edit)

    def _contents(self, secret: Json, uid: str) -> dict[str, str]:
        meta, there = secret["metadata"], secret.get("data") or {}
        namespace, account = meta["namespace"], meta["annotations"][_ACCOUNT]
        wanted = {"ca.crt": self._authority, "namespace": namespace}
        if not there.get("token"):
            wanted["token"] = self._issue(namespace, account, uid, meta["name"])
        encoded = {name: base64.b64encode(text.encode()).decode() for name, text in wanted.items()}
        return {name: text for name, text in encoded.items() if there.get(name) != text}

    def _secrets_of(self, account: Json) -> Iterable[Key]:
        meta = account["metadata"]
        for secret in self._objects.select(SECRETS, meta["namespace"]):
            if (secret["metadata"].get("annotations") or {}).get(_ACCOUNT) == meta["name"]:
                yield from _key_if_token(secret)


def _key_if_token(secret: Json) -> tuple[Key, ...]:
    return own_key(secret) if secret.get("type") == TOKEN_TYPE else ()
