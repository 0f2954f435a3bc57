"""A model provider that the drill starts: its Deployment is made, looked for and deleted here."""

from __future__ import annotations

from flowdrill.analysis.provider_mode import MODE
from flowdrill.edges.kubernetes.api import Api, Json, labels_query
from flowdrill.edges.kubernetes.provider_manifest import (
    ServedPort,
    provider_container,
    provider_deployment,
    served_port,
    started_by,
)
from flowdrill.edges.kubernetes.refusals import AnswerError, UnreachableError, printable
from flowdrill.edges.kubernetes.target import FoundTarget, workloads_path
from flowdrill.errors import ClusterError, ForbiddenError
from flowdrill.model.drill import ProviderPlan, Target
from flowdrill.model.json_shapes import inside
from flowdrill.model.run_label import RUN_LABEL, run_label
from flowdrill.model.workload import WorkloadKind

_NAME = "provider"
_MOST_NAMES = 10


class ProviderDeployment:
    """A Deployment that is not there until `create`. Every method raises ClusterError or ForbiddenError."""

    def __init__(self, api: Api, plan: ProviderPlan, target: Target) -> None:
        """`target` is the workload whose flow asks the provider, in the same namespace."""
        self._api, self._target = api, target
        self._named = plan.target(target.namespace)
        self._service = plan.service or self._named.name
        self._run: str | None = None  # that has made it

    def found(self, run_id: str, uid: str) -> FoundTarget:
        """Return it as a workload of the run's."""
        named, own = self._named, {RUN_LABEL: run_label(run_id)}
        return FoundTarget(
            namespace=named.namespace,
            kind=WorkloadKind.DEPLOYMENT,
            name=named.name,
            uid=uid,
            container=named.container or _NAME,
            selector=labels_query({"matchLabels": own}),
        )

    def container(self) -> Json | None:
        """Return what is known of its container while it is not made; None from then on."""
        if self._run is not None:
            return None
        return {"name": self._named.container or _NAME, "env": [{"name": MODE, "value": "ok"}]}

    def create(self, image: str, run_id: str, *, dry_run: bool) -> FoundTarget:
        """Make it behind its Service, or (`dry_run`) have the API server check it. ClusterError when there is no
        Service whose only pods it would have."""
        port = served_port(self._served())
        target = self._api.get(f"{workloads_path(self._target.namespace, self._target.kind)}/{self._target.name}")
        pod = target["spec"]["template"]["spec"]
        like = next((one for one in pod["containers"] if one["name"] == self._target.container), pod["containers"][0])
        container = provider_container(self._named.container or _NAME, image, port, like)
        manifest = provider_deployment(self._named.name, run_id, port, container, pod)
        self._refuse_shared(port, target, manifest["spec"]["template"]["metadata"]["labels"])
        if dry_run:
            self._api.create(self._collection, manifest, dry_run=True)
            return self.found(run_id, "")
        self._run = run_id  # before it is: an answer may be lost
        return self.found(run_id, str(self._made(manifest, run_id)["metadata"]["uid"]))

    def stands(self) -> bool:
        """Return whether what this run has made is there."""
        made = self._read() if self._run is not None else None
        return made is not None and started_by(made) == self._run

    def delete(self, run_id: str) -> str | None:
        """Delete what the run has made; return what of it is still there, or None."""
        label, made = f"{self._named.workload}", self._read()
        if made is not None and started_by(made) == run_id:
            try:
                self._api.delete(f"{self._collection}/{self._named.name}", str(made["metadata"]["uid"]))
            except AnswerError as error:
                if error.status not in {404, 409}:
                    raise
            return f"{label} is still there"
        found = self.found(run_id, "")
        pods = self._api.items(found.core("pods"), found.selector)
        return f"{len(pods)} pods of {label} still end" if pods else None

    @property
    def _collection(self) -> str:
        return workloads_path(self._named.namespace, WorkloadKind.DEPLOYMENT)

    def _read(self) -> Json | None:
        try:
            return self._api.get(f"{self._collection}/{self._named.name}")
        except AnswerError as error:
            if error.status == 404:
                return None
            raise

    def _made(self, manifest: Json, run_id: str) -> Json:
        try:
            return self._api.create(self._collection, manifest)
        except (AnswerError, UnreachableError) as error:
            # a lost answer: it may be there all the same
            if isinstance(error, AnswerError) and error.status != 409:
                raise
            made = self._read()
            if made is None:
                raise
            if started_by(made) != run_id:
                raise ClusterError(
                    f"somebody else has made {self._named.workload} since the drill looked for it",
                    "drill again: one that is there is used as it is",
                ) from error
            return made

    def _served(self) -> Json:
        """The Service by which the flow asks the provider: the drill makes none, since the flow must know it before."""
        services, space = f"/api/v1/namespaces/{self._named.namespace}/services", self._named.namespace
        try:
            return self._api.get(f"{services}/{self._service}")
        except AnswerError as error:
            if error.status != 404:
                raise
            raise ClusterError(
                f"namespace {space} has no {self._named.workload}, and no service/{self._service} behind which the "
                f"drill could start it; its Services: {self._names(services)}",
                "correct provider.workload or provider.service in the drill; or make the Service by whose address the "
                f"flow is to ask its model: `kubectl -n {space} create service clusterip {self._service} "
                "--tcp=8000:8000`, as drills/target/assistant.yaml does",
            ) from error

    def _names(self, path: str) -> str:
        try:
            names = [printable(str(one["metadata"]["name"])) for one in self._api.items(path)]
        except ForbiddenError:
            return "not to be seen"
        return ", ".join(names[:_MOST_NAMES]) + (" …" if len(names) > _MOST_NAMES else "") or "none"

    def _refuse_shared(self, port: ServedPort, target: Json, labels: dict[str, str]) -> None:
        mixed = self._mixed(port, target, labels)
        if mixed is not None:
            raise ClusterError(
                printable(f"service/{self._service} {mixed}"),
                f"give it a selector that no other pod has, such as `app: {self._service}`; or name the provider that "
                "is there in the drill's provider.workload",
            )

    def _mixed(self, port: ServedPort, target: Json, labels: dict[str, str]) -> str | None:
        """Return why the stand-in would get what is meant for others, or others what is meant for it; or None."""
        template = inside(target, "spec", "template", "metadata").get("labels") or {}
        if port.labels.items() <= template.items():
            return f"chooses the pods of {self._target.workload}: they would be asked in the model provider's place"
        users = (target["spec"].get("selector") or {}).get("matchLabels") or {}
        if users and users.items() <= labels.items():
            return f"chooses pods that count as {self._target.workload}'s: users would be sent to the model provider"
        path, query = f"/api/v1/namespaces/{self._named.namespace}/pods", labels_query({"matchLabels": port.labels})
        behind = [pod["metadata"] for pod in self._api.items(path, query)]
        there = [str(one["name"]) for one in behind if "deletionTimestamp" not in one]
        return f"has pods already: {', '.join(there[:_MOST_NAMES])}" if there else None
