"""The guard in the cluster: its Job is tried, made, looked at and deleted here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

from flowdrill.edges.kubernetes.api import Api, Json, labels_query
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.guard_manifest import GuardedRun, guard_manifest
from flowdrill.edges.kubernetes.lease import DrillLease
from flowdrill.edges.kubernetes.pod_log import log_end
from flowdrill.edges.kubernetes.provider_manifest import held_up_by, started_by
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable
from flowdrill.edges.kubernetes.target import workloads_path
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import RegistryAccess, Target
from flowdrill.model.guard_job import guard_job_name
from flowdrill.model.guard_plan import InClusterGuard
from flowdrill.model.undo import Undo, undo_digest

WATCHES = "watching over run"  # what its log says once it could act
_LOG_BYTES, _LOG_LINES = 8000, 50
_NO_DIGEST = "sha256:" + "0" * 64  # of a Job that is only tried


@contextmanager
def open_guard_job(
    context: str, target: Target, plan: InClusterGuard | None, access: RegistryAccess, *,
    kubeconfig: str | None = None, fence: Fence | None = None,
) -> Iterator[KubernetesGuardJob]:  # fmt: skip
    """Connect to the cluster of `context`. Without a `plan` the Job can only be taken away. `fence` may keep it from
    writing."""
    connection = connect(context, kubeconfig)
    with closing(Api(connection.client, connection.server, fence=fence)) as api:
        yield KubernetesGuardJob(api, target, plan, access)


class KubernetesGuardJob:
    """The `GuardJob` port: a Job beside the target. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, target: Target, plan: InClusterGuard | None, access: RegistryAccess) -> None:
        self._api, self._target, self._plan, self._access = api, target, plan, access
        self._name = guard_job_name(target)
        self._jobs = f"/apis/batch/v1/namespaces/{target.namespace}/jobs"
        self.lease = DrillLease(api, target)
        self._core = f"/api/v1/namespaces/{target.namespace}"

    def try_out(self, run_id: str) -> None:
        """Have the API server check the Job and its pod, and keep nothing. ClusterError, too, when its service account
        is not there."""
        self._refuse_missing_account()
        manifest = self._manifest(GuardedRun(run_id, _NO_DIGEST))
        try:
            self._api.create(self._jobs, manifest, dry_run=True)
        except AnswerError as error:
            raise self._explained(error) from error
        template = manifest["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {**template["metadata"], "generateName": f"{self._name}-"}
        try:  # quotas, Pod Security and webhooks on pods do not look at Jobs
            self._api.create(f"{self._core}/pods", pod, dry_run=True)
        except ForbiddenError:
            return  # who may not try pods cannot say

    def create(self, undo: Undo) -> None:
        """Create it for the undo's run. Returns once accepted."""
        manifest = self._manifest(GuardedRun(undo.run_id, undo_digest(undo)))
        try:
            self._api.create(self._jobs, manifest)
        except (AnswerError, UnreachableError) as error:
            # a lost answer: it may be there all the same
            made = self._read() if isinstance(error, UnreachableError) or error.status == 409 else None
            if made is None or started_by(made) != undo.run_id:
                raise self._explained(error) from error

    def unready(self) -> str | None:
        """Return what keeps it from watching over the run, or None once its log says that it does."""
        job = self._read()
        if job is None:
            return f"job/{self._name} is gone"
        pods = self._pods(job)
        for pod in pods:
            if (pod.get("status") or {}).get("phase") == "Running" and WATCHES in self._log(pod):
                return None
        said = "; ".join(filter(None, (self._last_line(pod) for pod in pods)))
        return f"job/{self._name} does not watch yet{held_up_by(job, pods)}{': ' if said else ''}{said}"

    def remove(self, run_id: str) -> str | None:
        """Delete what `create` has made for this run; return what of it is still there, or None."""
        job = self._read()
        if job is not None and started_by(job) == run_id:
            self.delete(run_id)
            return f"job/{self._name} is still there"
        pods = self._run_pods(run_id)
        return f"{len(pods)} pods of job/{self._name} still end" if pods else None

    def delete(self, run_id: str) -> None:
        """Delete what was made for this run, and wait for nothing: for the guard in it, which ends with it."""
        job = self._read()
        if job is None or started_by(job) != run_id:
            return
        try:
            self._api.delete(f"{self._jobs}/{self._name}", str(job["metadata"]["uid"]))
        except AnswerError as error:
            if error.status not in {404, 409}:
                raise

    def _manifest(self, run: GuardedRun) -> Json:
        assert self._plan is not None  # noqa: S101 - for the type checker
        workload = self._api.get(f"{workloads_path(self._target.namespace, self._target.kind)}/{self._target.name}")
        return guard_manifest(self._plan, self._target, self._access, run, workload["spec"]["template"]["spec"])

    def _read(self) -> Json | None:
        try:
            return self._api.get(f"{self._jobs}/{self._name}")
        except AnswerError as error:
            if error.status == 404:
                return None
            raise

    def _refuse_missing_account(self) -> None:
        assert self._plan is not None  # noqa: S101 - for the type checker
        name, space = self._plan.service_account, self._target.namespace
        try:
            self._api.get(f"{self._core}/serviceaccounts/{name}")
        except ForbiddenError:
            return  # who may not look cannot say
        except AnswerError as error:
            if error.status != 404:
                raise
            raise ClusterError(
                f"namespace {space} has no service account {name}, which guard.in_cluster names",
                "`flowdrill rbac DRILL --for guard | kubectl apply -f -` makes it, with the Role that it needs",
            ) from error

    def _explained(self, error: ClusterError) -> ClusterError:
        status = error.status if isinstance(error, AnswerError) else None
        if status == 404:
            return ClusterError(
                "this cluster has no Jobs (batch/v1), and guard.in_cluster of the drill wants one",
                "leave guard.in_cluster out on this cluster: the guard beside the harness watches over the run",
            )
        if status == 409:
            return ClusterError(
                f"job/{self._name} is there already: a drill that has died has left it behind",
                f"once no drill holds the workload any more (`flowdrill status`): `kubectl -n {self._target.namespace} "
                f"delete job {self._name}`",
            )
        return error

    def _pods(self, job: Json) -> list[Json]:
        query = labels_query({"matchLabels": {"job-name": self._name}})
        owner = job["metadata"]["uid"]
        pods = self._api.items(f"{self._core}/pods", query)
        return [one for one in pods if owner in {by.get("uid") for by in one["metadata"].get("ownerReferences") or ()}]

    def _run_pods(self, run_id: str) -> list[Json]:
        query = labels_query({"matchLabels": {"job-name": self._name}})
        return [one for one in self._api.items(f"{self._core}/pods", query) if started_by(one) == run_id]

    def _log(self, pod: Json) -> str:
        path = f"{self._core}/pods/{pod['metadata']['name']}/log"
        try:
            return log_end(self._api, path, (("tailLines", str(_LOG_LINES)),), _LOG_BYTES).decode("utf-8", "replace")
        except ForbiddenError:
            raise
        except ClusterError:
            return ""  # its container has not begun, or is gone

    def _last_line(self, pod: Json) -> str:
        lines = self._log(pod).strip().splitlines()
        return printable(lines[-1])[:300] if lines else ""
