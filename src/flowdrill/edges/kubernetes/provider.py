"""The model provider's stand-in on a real cluster: the `Provider` port."""

from __future__ import annotations

import math
from typing import Self

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.deploying import is_ready, ready_counts
from flowdrill.edges.kubernetes.pod_log import log_end
from flowdrill.edges.kubernetes.target import FoundTarget, find_target
from flowdrill.errors import ClusterError
from flowdrill.model.drill import Target
from flowdrill.model.provider_log import WrittenLog
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

    def log(self, since_seconds: float) -> WrittenLog:
        """Return what its pods have written since then; of a longer log the last 16 MiB of each pod."""
        pods = self._api.items(self._target.core("pods"), self._target.selector)
        query = (("container", self._target.container), ("sinceSeconds", str(max(1, math.ceil(since_seconds)))))
        texts, unread = list[str](), dict[str, ClusterError]()
        served = sorted(filter(_may_have_served, pods), key=_is_ending)
        names = [str(pod["metadata"]["name"]) for pod in served]
        for name in names[:_MOST_PODS]:
            path = f"{self._target.core('pods')}/{name}/log"
            try:
                texts.append(log_end(self._api, path, query, _LOG_BYTES).decode("utf-8", "replace"))
            except ClusterError as error:  # a pod may end between the list and its log
                unread[name] = error
        if not texts:
            raise next(iter(unread.values()), _no_pods(self._target))
        reasons = [f"{name} ({error.problem})" for name, error in unread.items()]
        left_out = [f"{name} (beyond the {_MOST_PODS} pods that are read)" for name in names[_MOST_PODS:]]
        return WrittenLog("\n".join(texts), (*reasons, *left_out))


def _may_have_served(pod: Json) -> bool:
    """Whether its log is worth a try: it runs, or has ended and is about to go. A pod that was evicted stays for days,
    without its containers' logs."""
    phase = (pod.get("status") or {}).get("phase")
    return phase == "Running" or (phase in ("Succeeded", "Failed") and _is_ending(pod))


def _is_ending(pod: Json) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def _no_pods(target: FoundTarget) -> ClusterError:
    return ClusterError(
        f"no pod of {target.label} runs: there is no log of it", f"`kubectl -n {target.namespace} get pods`"
    )
