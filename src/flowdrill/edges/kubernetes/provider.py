"""The model provider's stand-in on a real cluster: the `Provider` port."""

from __future__ import annotations

import math
from typing import Self

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.deploying import is_ready, ready_counts
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange

_MOST_PODS = 10
_LOG_BYTES = 16 * 1024 * 1024  # of one pod: about 130,000 requests


def open_provider(context: str, provider: Target, *, kubeconfig: str | None = None) -> KubernetesProvider:
    """Return the provider on the cluster of `context`. ClusterError when the workload or the container is not there;
    PlanError when the drill does not name one of several containers."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    try:
        return KubernetesProvider(api, find_target(api, provider, context, key="provider"))
    except ClusterError:
        api.close()
        raise


class KubernetesProvider:
    """One Deployment or StatefulSet. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, target: FoundTarget) -> None:
        self._api, self._target = api, target

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def release(self, change: ProviderChange) -> Release:
        """Return what `change` makes of it, and what it was; PlanError when it has no mode, or that one already."""
        containers = self._api.get(self._target.path)["spec"]["template"]["spec"]["containers"]
        container = next(one for one in containers if one["name"] == self._target.container)
        return provider_release(change, container, self._target.label)

    def unsettled(self) -> str | None:
        """Return what keeps every pod from being ready on its present template, or None."""
        workload = self._api.get(self._target.path)
        return None if is_ready(workload) else f"{self._target.label}: {ready_counts(workload)}"

    def log(self, since_seconds: float) -> str:
        """Return what its pods have written since then; of a longer log the last 16 MiB of each pod."""
        pods = self._api.items(self._target.core("pods"), self._target.selector)
        running = [pod for pod in pods if (pod.get("status") or {}).get("phase") == "Running"]
        since = str(max(1, math.ceil(since_seconds)))
        return "\n".join(self._pod_log(pod["metadata"]["name"], since) for pod in running[:_MOST_PODS])

    def _pod_log(self, pod: str, since: str) -> str:
        kept = bytearray()
        query = (("container", self._target.container), ("sinceSeconds", since))
        with self._api.stream(f"{self._target.core('pods')}/{pod}/log", query) as log:
            for chunk in log.chunks():
                kept += chunk
                if len(kept) > 2 * _LOG_BYTES:
                    del kept[:-_LOG_BYTES]
        return kept[-_LOG_BYTES:].decode("utf-8", "replace")
