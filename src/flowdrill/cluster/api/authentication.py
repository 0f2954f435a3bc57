"""Who sends a request: bearer tokens, and identities that are acted for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import PODS, SECRETS, SERVICE_ACCOUNTS, Json
from flowdrill.cluster.api.status_error import bad_request, conflict, unauthorized

ISSUER = "https://kubernetes.default.svc"
_SHORTEST_SECONDS = 600
_DEFAULT_SECONDS = 3600
_LONGEST_SECONDS = 1 << 32
_BINDABLE = {one.kind: one for one in (PODS, SECRETS)}
_ACCOUNT = "system:serviceaccount:"


@dataclass(frozen=True, slots=True)
class User:
    """An identity."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def account_user(namespace: str, name: str, uid: str = "") -> User:
    """Return the identity of a ServiceAccount."""
    groups = ("system:serviceaccounts", f"system:serviceaccounts:{namespace}", "system:authenticated")
    return User(f"{_ACCOUNT}{namespace}:{name}", groups, uid)


def account_of(user_name: str) -> tuple[str, str] | None:
    """Return namespace and name of the ServiceAccount a user name stands for, None for any other user."""
    namespace, colon, name = user_name.removeprefix(_ACCOUNT).partition(":")
    return (namespace, name) if user_name.startswith(_ACCOUNT) and colon and namespace and name else None


class Authenticator:
    """Knows the administrator's token, and signs those of ServiceAccounts."""

    def __init__(
        self, objects: Objects, admin_token: str, signing_key: bytes, now_seconds: Callable[[], float] = time.time
    ) -> None:
        self._objects, self._key, self._now = objects, signing_key, now_seconds
        self._admin_token = admin_token.encode()

    def user_of(self, authorization: str | None) -> User:
        """Return who the Authorization header says; anonymous without one. StatusError 401 for a wrong token."""
        if not authorization:
            return User("system:anonymous", ("system:unauthenticated",))
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise unauthorized()
        user = self.user_of_token(token.strip(), (ISSUER,))
        if user is None:
            raise unauthorized()
        return user

    def user_of_token(self, token: str, audiences: Sequence[str]) -> User | None:
        """Return whom a token belongs to, None when it is nobody's or meant for none of the `audiences`."""
        if hmac.compare_digest(token.encode(), self._admin_token):
            return User("kubernetes-admin", ("system:masters", "system:authenticated"))
        claims = self._claims(token)
        if claims is None or not set(claims["aud"]) & set(audiences):
            return None
        about = claims["kubernetes.io"]
        namespace, account = about["namespace"], about["serviceaccount"]
        known = self._objects.find(SERVICE_ACCOUNTS, namespace, account["name"])
        if known is None or known["metadata"]["uid"] != account["uid"] or not self._holds(token, about):
            return None
        return account_user(namespace, account["name"], account["uid"])

    def token_request(self, account: Json, body: Json) -> Json:
        """Answer a TokenRequest for a ServiceAccount; StatusError 400 when what it asks for cannot be."""
        spec = body.get("spec") if isinstance(body.get("spec"), dict) else {}
        assert isinstance(spec, dict)  # noqa: S101 - for the type checker
        seconds = spec.get("expirationSeconds") or _DEFAULT_SECONDS
        if not isinstance(seconds, int) or not _SHORTEST_SECONDS <= seconds <= _LONGEST_SECONDS:
            raise bad_request("spec.expirationSeconds: Invalid value: may not specify a duration less than 10 minutes")
        audiences = spec.get("audiences") or [ISSUER]
        if not isinstance(audiences, list) or not all(isinstance(one, str) for one in audiences):
            raise bad_request("spec.audiences: must be a list of texts")
        expires = int(self._now()) + seconds
        token = self._signed(account, expires, audiences, self._bound(account, spec.get("boundObjectRef")))
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(expires))
        answered = {**spec, "audiences": audiences, "expirationSeconds": seconds}
        return {
            "kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1", "metadata": {"creationTimestamp": None},
            "spec": answered, "status": {"token": token, "expirationTimestamp": stamp},
        }  # fmt: skip

    def lasting_token(self, namespace: str, account: str, uid: str, secret: str = "") -> str:
        """Return a token of a ServiceAccount that does not expire: for mounted volumes, and for a Secret, for as long
        as that has it."""
        meta = {"namespace": namespace, "name": account, "uid": uid}
        return self._signed({"metadata": meta}, None, [ISSUER], {"secret": secret} if secret else {})

    def _bound(self, account: Json, reference: Any) -> Json:
        """What a token that is bound to a Pod or a Secret says about it; StatusError 400, 404, 409."""
        if reference is None:
            return {}
        resource = _BINDABLE.get(str(reference.get("kind"))) if isinstance(reference, dict) else None
        if resource is None:
            raise bad_request("spec.boundObjectRef: must name a Pod or a Secret")
        meta = self._objects.get(resource, account["metadata"]["namespace"], str(reference.get("name")))["metadata"]
        if reference.get("uid") not in (None, "", meta["uid"]):
            raise conflict(
                resource, meta["name"], "the UID in the bound object reference does not match the UID in record"
            )
        return {"bound": {"kind": resource.kind, "name": meta["name"], "uid": meta["uid"]}}

    def _holds(self, token: str, about: Json) -> bool:
        """Whether what a token depends on is still there."""
        if "secret" in about:
            secret = self._objects.find(SECRETS, about["namespace"], about["secret"])
            held = (secret or {}).get("data", {}).get("token", "")
            return bool(held == base64.b64encode(token.encode()).decode())
        if "bound" in about:
            bound = about["bound"]
            found = self._objects.find(_BINDABLE[bound["kind"]], about["namespace"], bound["name"])
            return found is not None and bool(found["metadata"]["uid"] == bound["uid"])
        return True

    def _signed(self, account: Json, expires: int | None, audiences: list[str], more: Json) -> str:
        meta, now = account["metadata"], int(self._now())
        about = {"namespace": meta["namespace"], "serviceaccount": {"name": meta["name"], "uid": meta["uid"]}, **more}
        subject = f"{_ACCOUNT}{meta['namespace']}:{meta['name']}"
        claims: Json = {"iss": ISSUER, "sub": subject, "aud": audiences, "iat": now, "nbf": now, "kubernetes.io": about}
        claims |= {"exp": expires} if expires is not None else {}
        content = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        return f"{content}.{_text(self._signature(content))}"

    def _signature(self, content: str) -> bytes:
        return hmac.new(self._key, content.encode(), hashlib.sha256).digest()

    def _claims(self, token: str) -> Json | None:
        """What a token of ours says, None when it is not ours or has expired."""
        content, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), _text(self._signature(content)).encode()):
            return None
        encoded = content.partition(".")[2]
        claims: Json = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
        return None if claims.get("exp", self._now() + 1) < self._now() else claims


def _part(value: Any) -> str:
    return _text(json.dumps(value, separators=(",", ":")).encode())


def _text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()
