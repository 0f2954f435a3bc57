"""The load in the cluster: its Jobs and its NetworkPolicy are tried, made, looked at and deleted here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Api, Json, labels_query
from flowdrill.edges.kubernetes.connect import connect
from flowdrill.edges.kubernetes.fence import Fence
from flowdrill.edges.kubernetes.load_manifest import LoadManifests, PodLoad
from flowdrill.edges.kubernetes.pod_log import log_end
from flowdrill.edges.kubernetes.port_forward import PortForward, open_port
from flowdrill.edges.kubernetes.provider_manifest import held_up_by, started_by
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable
from flowdrill.edges.kubernetes.target import workloads_path
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import Target
from flowdrill.model.load_job import MASTER, PART_LABEL, RELAY_PORT, WORKER, master_job_name, worker_job_name
from flowdrill.model.load_pods_plan import InClusterLoad
from flowdrill.model.run_label import RUN_LABEL, run_label

_LOG_LINES, _LOG_BYTES = "200", 65536
_NEVER_RUNS = frozenset(
    {"ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "CreateContainerConfigError", "CreateContainerError"}
)
_OVER = frozenset({"Succeeded", "Failed"})
_NO_ADDRESS = "192.0.2.1"  # of a Job that is only tried


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Why pods do not run."""

    words: str
    hopeless: bool  # whether waiting will not help


@contextmanager
def open_load_jobs(
    context: str, target: Target, plan: InClusterLoad | None, load: PodLoad | None, *,
    kubeconfig: str | None = None, fence: Fence | None = None,
) -> Iterator[KubernetesLoadJobs]:  # fmt: skip
    """Connect to the cluster of `context`. Without a `plan` the Jobs can only be taken away. `fence` may keep it from
    writing."""
    connection = connect(context, kubeconfig)
    with closing(Api(connection.client, connection.server, fence=fence)) as api:
        yield KubernetesLoadJobs(api, target, plan, load)


class KubernetesLoadJobs:
    """The `LoadJobs` port, and the pods of the load as `ClusterFrames` needs them. Every method raises ClusterError or
    ForbiddenError."""

    def __init__(self, api: Api, target: Target, plan: InClusterLoad | None, load: PodLoad | None) -> None:
        self._api, self._target, self._plan, self._load = api, target, plan, load
        self._master: str | None = None  # the pod that is heard: another one of the Job's knows nothing of this load
        space = target.namespace
        self._core = f"/api/v1/namespaces/{space}"
        jobs = f"/apis/batch/v1/namespaces/{space}/jobs"
        policies = f"/apis/networking.k8s.io/v1/namespaces/{space}/networkpolicies"
        self._jobs, self._policies = jobs, policies
        master = master_job_name(target)
        # the workers first: a master that is gone leaves them under way for a while
        self._objects = (
            ("job", f"{jobs}/{worker_job_name(target)}"),
            ("job", f"{jobs}/{master}"),
            ("networkpolicy", f"{policies}/{master}"),
        )

    @property
    def name(self) -> str:
        """The master's Job."""
        return master_job_name(self._target)

    def try_out(self, run_id: str) -> None:
        """Have the API server check everything that would be made, and keep nothing."""
        made = self._manifests()
        master, workers = made.master(run_id), made.workers(run_id, _NO_ADDRESS, None)
        for path, one in ((self._policies, made.policy(run_id, None)), (self._jobs, master), (self._jobs, workers)):
            self._create(path, one, dry_run=True)
        for job in (master, workers):
            self._try_pod(job)

    def image(self) -> str:
        """Return what the pods run."""
        assert self._plan is not None  # noqa: S101 - for the type checker
        return self._plan.image

    def start_master(self, run_id: str) -> None:
        """Make the master's Job, and keep everybody but its workers away from it."""
        made = self._manifests()
        owner = self._made(self._jobs, made.master(run_id), run_id)
        self._made(self._policies, made.policy(run_id, owner), run_id)

    def master_address(self, run_id: str) -> str | None:
        """Return the address of the master's pod, None while it has none."""
        pod = self._pod(run_id, MASTER)
        address = None if pod is None else (pod.get("status") or {}).get("podIP")
        if pod is not None and address is not None:
            self._master = str(pod["metadata"]["name"])
        return None if address is None else str(address)

    def start_workers(self, run_id: str, address: str) -> None:
        """Make the workers' Job; they find the master by its address: a cluster need not have a DNS."""
        owner = self._read(f"{self._jobs}/{self.name}")
        self._made(self._jobs, self._manifests().workers(run_id, address, owner), run_id)

    def held_up(self, run_id: str, part: str, wanted: int) -> HeldUp | None:
        """Return what keeps pods of the `part` from running, or None when as many as `wanted` do."""
        pods = self._pods(run_id, part)
        running = sum((pod.get("status") or {}).get("phase") == "Running" for pod in pods)
        if running >= wanted:
            return None
        name = self.name if part == MASTER else worker_job_name(self._target)
        job = self._read(f"{self._jobs}/{name}")
        if job is None:
            return HeldUp(f"job/{name} is gone", hopeless=True)
        over = [pod for pod in pods if (pod.get("status") or {}).get("phase") in _OVER]
        words = [f"{running} of {wanted} pods run{held_up_by(job, pods)}", *map(self._end_of, over[:3])]
        if not pods:
            words += self._refused_pods(name)
        stuck = any(reason in _NEVER_RUNS for pod in pods for reason in _waits(pod))
        return HeldUp(f"job/{name}: {'; '.join(words)}", hopeless=stuck or (part == MASTER and bool(over)))

    def connect(self, run_id: str) -> PortForward:
        """Connect to the master's relay."""
        pod = self._pod(run_id, MASTER)
        if pod is None:
            raise ClusterError("the pod of the load's master is gone", "see the cluster's events")
        return open_port(self._api, self._target.namespace, str(pod["metadata"]["name"]), RELAY_PORT)

    def master_gone(self, run_id: str) -> str | None:
        """Return what became of the master's pod, None while it runs."""
        pod = self._pod(run_id, MASTER)
        if pod is None:
            return "the pod of the load's master is gone: somebody has deleted it, or its node"
        return self._end_of(pod) if (pod.get("status") or {}).get("phase") in _OVER else None

    def logs(self, run_id: str) -> tuple[tuple[str, str], ...]:
        """Return the ends of all pods' logs, each with the pod's name; what cannot be read is left out."""
        found = []
        for pod in (*self._pods(run_id, MASTER), *self._pods(run_id, WORKER)):
            with suppress(ClusterError):
                found.append((str(pod["metadata"]["name"]), self._log(pod)))
        return tuple(found)

    def delete(self, run_id: str) -> bool:
        """Delete what was made for this run, and wait for nothing; return whether there was something."""
        found = False
        for _, path in self._objects:
            made = self._read(path)
            if made is None or started_by(made) != run_id:
                continue
            found = True
            try:
                self._api.delete(path, str(made["metadata"]["uid"]))
            except AnswerError as error:
                if error.status not in {404, 409}:
                    raise
        return found

    def remove(self, run_id: str) -> str | None:
        """Delete what was made for this run, and nothing else; return what of it is still there, or None."""
        if self.delete(run_id):
            return f"job/{self.name} is still there"
        pods = [*self._pods(run_id, MASTER), *self._pods(run_id, WORKER)]
        return f"{len(pods)} pods of job/{self.name} still end" if pods else None

    def _manifests(self) -> LoadManifests:
        assert self._plan is not None  # noqa: S101 - for the type checker
        assert self._load is not None  # noqa: S101
        workload = self._api.get(f"{workloads_path(self._target.namespace, self._target.kind)}/{self._target.name}")
        spec = workload["spec"]
        return LoadManifests(self._plan, self._target, self._load, spec["template"]["spec"], spec.get("selector") or {})

    def _refused_pods(self, job: str) -> list[str]:
        """What the Job's newest event says: a quota, or an admission rule, is told nowhere else."""
        query = (("fieldSelector", f"involvedObject.kind=Job,involvedObject.name={job}"),)
        with suppress(ClusterError):
            warnings = [one for one in self._api.items(f"{self._core}/events", query) if one.get("type") == "Warning"]
            return [printable(str(one.get("message")))[:500] for one in warnings[-1:]]
        return []

    def _create(self, path: str, body: Json, *, dry_run: bool = False) -> Json:
        try:
            return self._api.create(path, body, dry_run=dry_run)
        except AnswerError as error:
            raise self._explained(error, body) from error

    def _try_pod(self, job: Json) -> None:
        template = job["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] = {**template["metadata"], "generateName": f"{job['metadata']['name']}-"}
        try:  # quotas, Pod Security and webhooks on pods do not look at Jobs
            self._api.create(f"{self._core}/pods", pod, dry_run=True)
        except ForbiddenError:
            return  # who may not try pods cannot say

    def _made(self, path: str, body: Json, run_id: str) -> Json:
        try:
            return self._create(path, body)
        except UnreachableError:
            made = self._read(f"{path}/{body['metadata']['name']}")  # a lost answer: it may be there all the same
            if made is None or started_by(made) != run_id:
                raise
            return made

    def _explained(self, error: AnswerError, body: Json) -> ClusterError:
        kind, name = str(body["kind"]).lower(), body["metadata"]["name"]
        if error.status == 404 and kind == "job":
            return ClusterError(
                "this cluster has no Jobs (batch/v1), and load.in_cluster of the drill wants two",
                "leave load.in_cluster out on this cluster: the workers are then processes of the harness's machine",
            )
        if error.status == 409:
            return ClusterError(
                f"{kind}/{name} is there already: a drill that has died has left it behind",
                f"once no drill holds the workload any more (`flowdrill status`): `kubectl -n {self._target.namespace} "
                f"delete {kind} {name}`",
            )
        return error

    def _read(self, path: str) -> Json | None:
        try:
            return self._api.get(path)
        except AnswerError as error:
            if error.status == 404:
                return None
            raise

    def _pods(self, run_id: str, part: str) -> list[Json]:
        query = labels_query({"matchLabels": {RUN_LABEL: run_label(run_id), PART_LABEL: part}})
        return [one for one in self._api.items(f"{self._core}/pods", query) if started_by(one) == run_id]

    def _pod(self, run_id: str, part: str) -> Json | None:
        pods = self._pods(run_id, part)
        return next((one for one in pods if self._master in (None, one["metadata"]["name"])), None)

    def _end_of(self, pod: Json) -> str:
        status = pod.get("status") or {}
        told = [status.get("reason"), status.get("message")]
        for container in status.get("containerStatuses") or ():
            ended = (container.get("state") or {}).get("terminated") or {}
            told += [ended.get("reason"), None if ended.get("exitCode") is None else f"exit code {ended['exitCode']}"]
        with suppress(ClusterError):
            told += self._log(pod).strip().splitlines()[-1:]
        words = printable(", ".join(str(one) for one in told if one))[:500]
        return f"pod/{pod['metadata']['name']} has ended ({words or 'no reason given'})"

    def _log(self, pod: Json) -> str:
        path = f"{self._core}/pods/{pod['metadata']['name']}/log"
        return log_end(self._api, path, (("tailLines", _LOG_LINES),), _LOG_BYTES).decode("utf-8", "replace")


def _waits(pod: Json) -> Iterator[str]:
    for container in (pod.get("status") or {}).get("containerStatuses") or ():
        yield str(((container.get("state") or {}).get("waiting") or {}).get("reason"))
