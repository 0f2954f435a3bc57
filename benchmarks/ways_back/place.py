"""Where a Deployment is broken and taken back: a cluster, and a namespace in it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kubernetes import client, config

STABLE, BROKEN = (f"registry.invalid/flow@sha256:{one * 64}" for one in "ab")


@dataclass(frozen=True, slots=True)
class Place:
    """A context of a kubeconfig."""

    context: str
    kubeconfig: str


@contextmanager
def deployment(place: Place) -> Iterator[str]:
    """A namespace with a Deployment `app` that wants no pods: nothing else keeps the processors busy."""
    space = f"flowdrill-decision-{secrets.token_hex(3)}"
    with config.new_client_from_config(place.kubeconfig, place.context) as api:
        core, labels = client.CoreV1Api(api), {"app": "app"}
        core.create_namespace({"metadata": {"name": space}})
        pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "flow", "image": STABLE}]}}
        spec = {"replicas": 0, "selector": {"matchLabels": labels}, "template": pod}
        try:
            client.AppsV1Api(api).create_namespaced_deployment(space, {"metadata": {"name": "app"}, "spec": spec})
            yield space
        finally:
            core.delete_namespace(space)
