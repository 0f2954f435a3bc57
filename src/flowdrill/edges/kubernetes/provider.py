"""The model provider's stand-in on a real cluster: the `Provider` port."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Self

from flowdrill.analysis.provider_mode import provider_release
from flowdrill.edges.kubernetes.api import Api, Json
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.deploying import is_ready, ready_counts
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.pod_log import log_end
from flowdrill.edges.kubernetes.provider_deployment import ProviderDeployment
from flowdrill.edges.kubernetes.provider_manifest import held_up_by, started_by
from flowdrill.edges.kubernetes.refusals import AnswerError, printable
from flowdrill.edges.kubernetes.target import FoundTarget, container_in, find_target, workloads_path
from flowdrill.errors import ClusterError, FlowdrillError
from flowdrill.model.drill import ProviderPlan, Target
from flowdrill.model.provider_log import WrittenLog
from flowdrill.model.release import Release
from flowdrill.model.scenario import ProviderChange
from flowdrill.model.workload import WorkloadKind

_MOST_PODS = 10
_LOG_BYTES = 16 * 1024 * 1024  # of one pod: about 130,000 requests


def open_provider(
    context: str, plan: ProviderPlan, target: Target, *, kubeconfig: str | None = None, fence: Fence | None = None,
    made_by_run: bool = False,
) -> KubernetesProvider:  # fmt: skip
    """Connect to the cluster of `context` and find the provider there; `made_by_run`: it is one that a drill has
    started, and is to be taken away. `fence` may keep it from writing."""
    connection = connect(context, kubeconfig)
    api = Api(connection.client, connection.server, fence=fence)
    try:
        if made_by_run:
            own = ProviderDeployment(api, plan, target)
            return KubernetesProvider(api, own.found("", ""), own)
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
            container = container_in(self._api.get(self._target.path)["spec"]["template"]["spec"], self._target)
        release = provider_release(change, container, self._target.label)
        return release if self._own is None else replace(release, stable_beside={})

    def unsettled(self) -> str | None:
        """Return what keeps every pod from being ready on its present template, or None."""
        workload = self._api.get(self._target.path)
        if is_ready(workload):
            return None
        pods = self._api.items(self._target.core("pods"), self._target.selector)
        return f"{self._target.label}: {ready_counts(workload)}{held_up_by(workload, pods)}"

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
