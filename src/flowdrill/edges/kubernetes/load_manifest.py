"""The Jobs that send the load, and who may reach the master: what they run, and as whom."""

from __future__ import annotations

from dataclasses import dataclass

from flowdrill.edges.kubernetes.api import Json
from flowdrill.edges.kubernetes.provider_manifest import MANAGED_BY
from flowdrill.edges.kubernetes.restricted_pod import restricted_container, restricted_pod
from flowdrill.model.drill import Target
from flowdrill.model.load_job import (
    LOCUST_PORT,
    MASTER,
    PART_LABEL,
    RELAY_PORT,
    WORKER,
    longest_seconds,
    master_job_name,
    worker_job_name,
)
from flowdrill.model.load_pods_plan import InClusterLoad
from flowdrill.model.load_settings import LOAD_VARIABLE
from flowdrill.model.run_label import RUN_LABEL, run_label

_KEPT_SECONDS = 3600  # so long their logs stay to be read where nobody takes them away
_MORE_PODS = 5  # for each worker: pods that may be evicted, or end by themselves, until the Job gives up
_GRACE_SECONDS = 15
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_RESOURCES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"cpu": "1", "memory": "512Mi"}}
_MODULE = "flowdrill.drilling.load_in_pod"


@dataclass(frozen=True, slots=True)
class PodLoad:
    """What the pods are told."""

    workers: int
    settings: str  # the JSON of `LoadSettings`
    api_key_variable: str | None  # where the workers look for the API key
    silence_seconds: float  # of the harness, after which the master ends the load
    wall_clock_limit_seconds: float


@dataclass(frozen=True, slots=True)
class LoadManifests:
    """Makes the objects of one drill's load. `like` is the target's pod spec, `beside` the selector of its pods, whose
    nodes are left to them where there are others."""

    plan: InClusterLoad
    target: Target
    load: PodLoad
    like: Json
    beside: Json

    def master(self, run_id: str) -> Json:
        """Return the Job of the master. It has one pod and no second one: what it has counted is gone with it."""
        arguments = ["master", "--run", run_id, "--silence", f"{self.load.silence_seconds:g}"]
        arguments += ["--workers", str(self.load.workers), "--port", str(RELAY_PORT)]
        container = self._container("master", arguments, [])
        container["ports"] = [{"name": "locust", "containerPort": LOCUST_PORT, "protocol": "TCP"}]
        name = master_job_name(self.target)
        return self._job(name, run_id, MASTER, container, {"parallelism": 1, "completions": 1, "backoffLimit": 0})

    def workers(self, run_id: str, master_address: str, owner: Json | None) -> Json:
        """Return the Job of the workers, which `owner`, the master's Job, takes with it when it is deleted. A pod that
        is lost is made anew: the new one joins late."""
        secret, variable, count = self.plan.api_key, self.load.api_key_variable, self.load.workers
        environment: list[Json] = []
        if secret is not None and variable is not None:
            source = {"secretKeyRef": {"name": secret.secret, "key": secret.key}}
            environment = [{"name": variable, "valueFrom": source}]
        container = self._container("worker", ["worker", "--master", master_address], environment)
        size = {"parallelism": count, "completions": count, "backoffLimit": count * _MORE_PODS}
        job = self._job(worker_job_name(self.target), run_id, WORKER, container, size)
        labels = {RUN_LABEL: run_label(run_id), PART_LABEL: WORKER}
        job["spec"]["template"]["spec"]["topologySpreadConstraints"] = [
            {
                "maxSkew": 1,
                "topologyKey": "kubernetes.io/hostname",
                "whenUnsatisfiable": "ScheduleAnyway",
                "labelSelector": {"matchLabels": labels},
            }
        ]
        return _owned(job, owner)

    def policy(self, run_id: str, owner: Json | None) -> Json:
        """Return the NetworkPolicy: nobody but the run's workers reaches the master."""
        run = {RUN_LABEL: run_label(run_id)}
        workers = {"podSelector": {"matchLabels": run | {PART_LABEL: WORKER}}}
        policy = {
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": self._metadata(master_job_name(self.target), run_id, MASTER),
            "spec": {
                "podSelector": {"matchLabels": run | {PART_LABEL: MASTER}},
                "policyTypes": ["Ingress"],
                "ingress": [{"from": [workers], "ports": [{"protocol": "TCP", "port": LOCUST_PORT}]}],
            },
        }
        return _owned(policy, owner)

    def _metadata(self, name: str, run_id: str, part: str) -> Json:
        return {"name": name, "labels": _labels(run_id, part), "annotations": {RUN_LABEL: run_id}}

    def _job(self, name: str, run_id: str, part: str, container: Json, size: Json) -> Json:
        kept = {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false", RUN_LABEL: run_id}
        return {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": self._metadata(name, run_id, part),
            "spec": {
                **size,
                "activeDeadlineSeconds": longest_seconds(self.load.wall_clock_limit_seconds),
                "ttlSecondsAfterFinished": _KEPT_SECONDS,
                "template": {
                    "metadata": {"labels": _labels(run_id, part), "annotations": kept},
                    "spec": {
                        "restartPolicy": "Never",
                        "automountServiceAccountToken": False,
                        "enableServiceLinks": False,
                        "terminationGracePeriodSeconds": _GRACE_SECONDS,
                        "affinity": {"podAntiAffinity": {_PREFERRED: [self._apart()]}},
                        **restricted_pod(self.like, self.target.container),
                        "containers": [container],
                        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "256Mi"}}],
                    },
                },
            },
        }

    def _apart(self) -> Json:
        term = {"topologyKey": "kubernetes.io/hostname", "labelSelector": self.beside}
        return {"weight": 100, "podAffinityTerm": term}

    def _container(self, name: str, arguments: list[str], environment: list[Json]) -> Json:
        told = {LOAD_VARIABLE: self.load.settings, "HOME": "/tmp", "PYTHONDONTWRITEBYTECODE": "1"}  # noqa: S108
        return {
            "name": name,
            "image": self.plan.image,
            "command": ["python3", "-u", "-m", _MODULE],
            "args": arguments,
            "workingDir": "/tmp",  # noqa: S108 - the one place that can be written
            "env": [*({"name": key, "value": value} for key, value in told.items()), *environment],
            "resources": _RESOURCES,
            "securityContext": restricted_container(),
            "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108
        }


def _labels(run_id: str, part: str) -> Json:
    return MANAGED_BY | {RUN_LABEL: run_label(run_id), PART_LABEL: part}


def _owned(made: Json, owner: Json | None) -> Json:
    if owner is not None:
        named = {"name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"]}
        made["metadata"]["ownerReferences"] = [{"apiVersion": "batch/v1", "kind": "Job", **named}]
    return made
