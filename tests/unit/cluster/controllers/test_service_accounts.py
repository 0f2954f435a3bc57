"""Every namespace has an account, the API's certificate, and tokens for those who ask."""

from __future__ import annotations

import base64

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, NAMESPACES, SECRETS, SERVICE_ACCOUNTS, Json
from flowdrill.cluster.controllers.service_account_tokens import TOKEN_TYPE, TokenController
from flowdrill.cluster.controllers.service_accounts import RootCertificateController, ServiceAccountController
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named

CERTIFICATE = "-----BEGIN CERTIFICATE-----\n"


def world() -> tuple[Objects, Driven]:
    objects = fresh_objects(Clock())
    driven = Driven(
        objects,
        ServiceAccountController(objects),
        RootCertificateController(objects, CERTIFICATE),
        TokenController(objects, lambda *about: "/".join((about[0], about[1], about[3])), CERTIFICATE),
    )
    driven.settle()
    return objects, driven


def token_secret(account: str, uid: str | None = None) -> Json:
    annotations = {"kubernetes.io/service-account.name": account}
    annotations |= {} if uid is None else {"kubernetes.io/service-account.uid": uid}
    return named(SECRETS, "token", annotations=annotations, type=TOKEN_TYPE)


def test_every_namespace_gets_an_account_and_the_certificate() -> None:
    objects, driven = world()
    objects.create(NAMESPACES, named(NAMESPACES, "other", None))
    driven.settle()
    for namespace in ("shop", "other"):
        assert objects.find(SERVICE_ACCOUNTS, namespace, "default") is not None
        assert objects.get(CONFIG_MAPS, namespace, "kube-root-ca.crt")["data"] == {"ca.crt": CERTIFICATE}


def test_they_come_back_but_not_while_the_namespace_goes() -> None:
    objects, driven = world()
    objects.delete(SERVICE_ACCOUNTS, "shop", "default")
    objects.change(CONFIG_MAPS, "shop", "kube-root-ca.crt", lambda one: one.update(data={}))
    driven.settle()
    assert objects.find(SERVICE_ACCOUNTS, "shop", "default") is not None
    assert objects.get(CONFIG_MAPS, "shop", "kube-root-ca.crt")["data"] == {"ca.crt": CERTIFICATE}
    objects.delete(NAMESPACES, None, "shop")
    objects.delete(SERVICE_ACCOUNTS, "shop", "default")
    driven.settle()
    assert objects.find(SERVICE_ACCOUNTS, "shop", "default") is None


def test_a_secret_for_a_token_is_filled_in_once() -> None:
    objects, driven = world()
    objects.create(SECRETS, token_secret("default"))
    driven.settle()
    secret = objects.get(SECRETS, "shop", "token")
    data = {name: base64.b64decode(value).decode() for name, value in secret["data"].items()}
    assert data == {"token": "shop/default/token", "ca.crt": CERTIFICATE, "namespace": "shop"}
    account = objects.get(SERVICE_ACCOUNTS, "shop", "default")
    assert secret["metadata"]["annotations"]["kubernetes.io/service-account.uid"] == account["metadata"]["uid"]
    objects.change(SECRETS, "shop", "token", lambda one: one["metadata"].update(labels={"a": "b"}))
    driven.settle()
    assert objects.get(SECRETS, "shop", "token")["data"] == secret["data"]


def test_a_token_goes_with_its_account() -> None:
    objects, driven = world()
    objects.create(SECRETS, token_secret("default"))
    driven.settle()
    objects.delete(SERVICE_ACCOUNTS, "shop", "default")
    driven.settle()
    assert objects.find(SECRETS, "shop", "token") is None


def test_a_token_for_nobody_or_for_a_former_account_is_deleted() -> None:
    for secret in (token_secret("nobody"), token_secret("default", "00000000-0000-0000-0000-000000000000")):
        objects, driven = world()
        objects.create(SECRETS, secret)
        driven.settle()
        assert objects.find(SECRETS, "shop", "token") is None


def test_other_secrets_are_left_alone() -> None:
    objects, driven = world()
    objects.create(SECRETS, token_secret("default") | {"type": "Opaque"})
    driven.settle()
    assert not objects.get(SECRETS, "shop", "token").get("data")
