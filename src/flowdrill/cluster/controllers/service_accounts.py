"""What every namespace is given: a `default` ServiceAccount, and the certificate to know the API by."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import CONFIG_MAPS, NAMESPACES, SERVICE_ACCOUNTS
from flowdrill.cluster.controllers.keys import namespace_key, own_key
from flowdrill.cluster.controllers.loop import Key
from flowdrill.cluster.controllers.namespaces import terminates

_ACCOUNT = "default"
_CERTIFICATE = "kube-root-ca.crt"


class ServiceAccountController:
    """Keeps the `default` ServiceAccount of every namespace."""

    name = "service-accounts"

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self.watches = {NAMESPACES: own_key, SERVICE_ACCOUNTS: namespace_key}

    def sync(self, key: Key) -> None:
        """Make the account of one namespace when it is missing."""
        namespace = key[1]
        if terminates(self._objects, namespace) or self._objects.find(SERVICE_ACCOUNTS, namespace, _ACCOUNT):
            return
        meta = {"namespace": namespace, "name": _ACCOUNT}
        self._objects.create(SERVICE_ACCOUNTS, {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})


class RootCertificateController:
    """Keeps the ConfigMap `kube-root-ca.crt` of every namespace. `authority` is a certificate in PEM."""

    name = "root-certificates"

    def __init__(self, objects: Objects, authority: str) -> None:
        self._objects, self._data = objects, {"ca.crt": authority}
        self.watches = {NAMESPACES: own_key, CONFIG_MAPS: namespace_key}

    def sync(self, key: Key) -> None:
        """Make or mend the ConfigMap of one namespace."""
        namespace = key[1]
        if terminates(self._objects, namespace):
            return
        current = self._objects.find(CONFIG_MAPS, namespace, _CERTIFICATE)
        if current is None:
            meta = {"namespace": namespace, "name": _CERTIFICATE}
            made = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta, "data": self._data}
            self._objects.create(CONFIG_MAPS, made)
        elif current.get("data") != self._data:
            self._objects.change(CONFIG_MAPS, namespace, _CERTIFICATE, lambda one: one.update(data=self._data))
