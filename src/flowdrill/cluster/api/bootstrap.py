"""What every cluster has from its first moment."""

from __future__ import annotations

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ENDPOINTS, NAMESPACES, SERVICES, Json

_NAMESPACES = ("default", "kube-system", "kube-public", "kube-node-lease")


def bootstrap(objects: Objects) -> None:
    """Make the first namespaces and the `kubernetes` Service, where they are not there yet."""
    for name in _NAMESPACES:
        if objects.find(NAMESPACES, None, name) is None:
            objects.create(NAMESPACES, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    meta: Json = {"name": "kubernetes", "namespace": "default"}
    meta["labels"] = {"component": "apiserver", "provider": "kubernetes"}
    if objects.find(SERVICES, "default", "kubernetes") is None:
        ports = [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": objects.network.api_port}]
        spec = {"clusterIP": str(objects.network.services[1]), "ports": ports, "type": "ClusterIP"}
        objects.create(SERVICES, {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})
    port = {"name": "https", "port": objects.network.api_port, "protocol": "TCP"}
    subsets = [{"addresses": [{"ip": "127.0.0.1"}], "ports": [port]}]
    endpoints: Json = {"apiVersion": "v1", "kind": "Endpoints", "metadata": meta, "subsets": subsets}
    if objects.find(ENDPOINTS, "default", "kubernetes") is None:
        objects.create(ENDPOINTS, endpoints)
    else:
        objects.update(ENDPOINTS, endpoints)
