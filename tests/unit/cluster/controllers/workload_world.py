"""A cluster with the controllers of workloads and no node: pods become ready when a test says so."""

from __future__ import annotations

from typing import Any

from flowdrill.cluster.api.deletion import DeleteOptions
from flowdrill.cluster.api.objects import Objects, Part
from flowdrill.cluster.api.resource_types import (
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    EVENTS,
    PODS,
    REPLICA_SETS,
    Json,
    ResourceType,
)
from flowdrill.cluster.controllers.workloads import workload_controllers
from tests.unit.cluster.controllers.driven import Clock, Driven, fresh_objects, named


class WorkloadWorld:
    """One Deployment, ReplicaSet or StatefulSet called `web` at a time, in the namespace `shop`."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.objects: Objects = fresh_objects(self.clock)
        self.driven = Driven(self.objects, *workload_controllers(self.objects))

    def create(self, resource: ResourceType, *, image: str = "one", name: str = "web", **spec: Any) -> Json:
        made = self.objects.create(resource, named(resource, name, spec=workload_spec(image) | spec))
        self.driven.settle()
        return made

    def edit(self, resource: ResourceType, name: str = "web", **spec: Any) -> None:
        self.objects.change(resource, "shop", name, lambda one: one["spec"].update(spec))
        self.driven.settle()

    def roll(self, resource: ResourceType, image: str) -> None:
        """Change the template."""
        self.edit(resource, template=workload_spec(image)["template"])

    def annotate(self, resource: ResourceType, name: str, **annotations: str | None) -> None:
        def edit(one: Json) -> None:
            one["metadata"]["annotations"] = (one["metadata"].get("annotations") or {}) | annotations

        self.objects.change(resource, "shop", name, edit)
        self.driven.settle()

    def read(self, resource: ResourceType, name: str = "web") -> Json:
        return self.objects.get(resource, "shop", name)

    def status(self, resource: ResourceType, name: str = "web") -> Json:
        found: Json = self.read(resource, name).get("status") or {}
        return found

    def pods(self, image: str | None = None) -> list[Json]:
        """Those that are not being deleted; of one image when it is given."""
        alive = [pod for pod in self.objects.select(PODS, "shop") if "deletionTimestamp" not in pod["metadata"]]
        return [pod for pod in alive if image in (None, image_of(pod))]

    def images(self) -> dict[str, str]:
        """By name of a pod: its image."""
        return {pod["metadata"]["name"]: image_of(pod) for pod in self.pods()}

    def set_ready(self, pod: Json, *, ready: bool = True, **status: Any) -> None:
        stamp = self.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"type": "Ready", "status": str(ready), "lastTransitionTime": stamp}
        changed = {"phase": "Running", "conditions": [condition], **status}
        name = pod["metadata"]["name"]
        self.objects.change(PODS, "shop", name, lambda one: one["status"].update(changed), part=Part.STATUS)
        self.driven.settle()

    def all_ready(self, image: str | None = None) -> None:
        """Make pods ready, those too that come in their place, until nothing moves any more."""
        while waiting := [pod for pod in self.pods(image) if not is_ready(pod)]:
            for pod in waiting:
                if self.objects.is_there(PODS, pod):
                    self.set_ready(pod)

    def remove(self, resource: ResourceType, name: str) -> None:
        self.objects.delete(resource, "shop", name, DeleteOptions(grace_seconds=0))
        self.driven.settle()

    def replica_sets(self) -> dict[str, Json]:
        """By image."""
        return {image_of(one["spec"]["template"]): one for one in self.objects.select(REPLICA_SETS, "shop")}

    def sizes(self) -> dict[str, int]:
        """By image: how many pods the ReplicaSet shall have."""
        return {image: one["spec"]["replicas"] for image, one in self.replica_sets().items()}

    def revisions(self) -> dict[str, int]:
        """By image: the number of the ControllerRevision."""
        found = self.objects.select(CONTROLLER_REVISIONS, "shop")
        return {image_of(one["data"]["spec"]["template"]): one["revision"] for one in found}

    def condition(self, kind: str, resource: ResourceType = DEPLOYMENTS) -> tuple[str, str] | None:
        """Status and reason."""
        conditions = self.status(resource).get("conditions") or ()
        return next(((one["status"], one["reason"]) for one in conditions if one.get("type") == kind), None)

    def events(self, reason: str) -> list[str]:
        return [one["message"] for one in self.objects.select(EVENTS, "shop") if one["reason"] == reason]


def workload_spec(image: str) -> Json:
    container = {"name": "c", "image": image}
    template = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [container]}}
    return {"selector": {"matchLabels": {"app": "web"}}, "template": template}


def image_of(pod: Json) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def is_ready(pod: Json) -> bool:
    return any(one["status"] == "True" for one in pod["status"].get("conditions") or ())
