"""The model provider's stand-in on a real cluster: the `Provider` port."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.edges.kubernetes.api import Api
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.deploying import is_ready, ready_counts
from flowdrill.edges.kubernetes.provider_deployment import ProviderDeployment
from flowdrill.edges.kubernetes.provider_manifest import held_up_by, started_by
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.target import FoundTarget, find_target, workloads_path
from flowdrill.errors import ClusterError, FlowdrillError
from flowdrill.model.drill import ProviderPlan, Target
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange
from flowdrill.model.workload import WorkloadKind

_MOST_PODS = 10
_LOG_BYTES = 16 * 1024 * 1024  # of one pod: about 130,000 requests


def open_provider(
    context: str, plan: ProviderPlan, target: Target, *, kubeconfig: str | None = None
) -> KubernetesProvider:
    """Connect to the cluster of `context` and find the provider there."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server)
    try:
        return find_provider(api, plan, target, context)
    except FlowdrillError:
        api.close()
        raise


def find_provider(api: Api, plan: ProviderPlan, target: Target, context: str) -> KubernetesProvider:
    """Return the provider of `target`: as it is there, or a Deployment to be started. ClusterError when a StatefulSet
    or the container is not there, or another drill has started it; PlanError when the drill does not name one of
    several containers."""
    named = plan.target(target.namespace)
    try:
        run_id = started_by(api.get(f"{workloads_path(named.namespace, named.kind)}/{named.name}"))
    except AnswerError as error:
        if error.status != 404:
            raise
        if named.kind is WorkloadKind.DEPLOYMENT:
            own = ProviderDeployment(api, plan, target)
            return KubernetesProvider(api, own.found("", ""), own)
        run_id = None
    if run_id is not None:
        raise ClusterError(
            f"{plan.workload} was started by run {printable(str(run_id))}, which still goes on or has left it behind",
            f"wait until that drill has ended; if it is dead, see what lease/flowdrill-{target.kind}-{target.name} "
            f"tells to put back, and then `kubectl -n {named.namespace} delete {plan.workload}`",
        )
    return KubernetesProvider(api, find_target(api, named, context, key="provider"))


class KubernetesProvider:
    """One Deployment or StatefulSet. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, target: FoundTarget, own: ProviderDeployment | None = None) -> None:
        """`own` where it is not there: then the drill starts it."""
        self._api, self._target, self._own = api, target, own

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._api.close()

    def stands(self) -> bool:
        """Return whether it is there: before `start`, whether it was without the drill."""
        return self._own is None or self._own.stands()

    def start(self, image: str, run_id: str, *, dry_run: bool = False) -> None:
        """Create its Deployment on `image` behind its Service; `dry_run` keeps nothing. Returns once accepted."""
        if self._own is None:
            raise ClusterError(f"{self._target.label} is there already", "use it as it is")
        made = self._own.create(image, run_id, dry_run=dry_run)
        if not dry_run:
            self._target = made

    def remove(self, run_id: str) -> str | None:
        """Delete what `start` has made for this run; return what of it is still there, or None."""
        return None if self._own is None else self._own.delete(run_id)

    def release(self, change: ProviderChange) -> Release:
        """Return what `change` makes of it, and what it was; PlanError when it has no mode, or that one already."""
        container = None if self._own is None else self._own.container()
        if container is None:
            containers = self._api.get(self._target.path)["spec"]["template"]["spec"]["containers"]
            container = next(one for one in containers if one["name"] == self._target.container)
        release = provider_release(change, container, self._target.label)
        return release if self._own is None else replace(release, stable_beside={})

    def unsettled(self) -> str | None:
        """Return what keeps every pod from being ready on its present template, or None."""
        workload = self._api.get(self._target.path)
        if is_ready(workload):
            return None
        pods = self._api.items(self._target.core("pods"), self._target.selector)
        return f"{self._target.label}: {ready_counts(workload)}{held_up_by(workload, pods)}"

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
