"""A Kubernetes that tests may break, named by the environment, and LangFlow deployed on it as the README says."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from kubernetes.dynamic import DynamicClient

ROOT = Path(__file__).parents[2]
NAMESPACE = "flowdrill-demo"
API_KEY = "demo-key-of-the-tests"
T = TypeVar("T")


def until(condition: Callable[[], T | None], limit_seconds: float, what: str) -> T:
    """Return the first answer that is neither None nor False; AssertionError after the limit."""
    deadline = time.monotonic() + limit_seconds
    pause = threading.Event()
    while True:
        answer = condition()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not after {limit_seconds} s"
        pause.wait(0.2)


def flowdrill(*arguments: str | Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run the command line as a user does, with the API key in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "flowdrill", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "LANGFLOW_API_KEY": API_KEY, **(env or {})},
        timeout=580,
    )


@dataclass(frozen=True)
class Lab:
    """The cluster, the registry, and an image with `lfx` in it."""

    context: str
    registry: str
    base_image: str

    def api(self) -> client.ApiClient:
        return config.new_client_from_config(context=self.context)

    def deploy(self, manifest: str, image: str, change: Callable[[dict[str, Any]], None] = lambda _: None) -> None:
        """Apply one of `drills/target/`'s files, as README does with `sed` and `kubectl apply`, after `change`."""
        text = (ROOT / "drills" / "target" / manifest).read_text()
        text = re.sub(r"image: .*", f"image: {image}", text).replace("CHOOSE-A-KEY", API_KEY)
        items = [item for item in yaml.safe_load_all(text) if item]
        for item in items:
            change(item)
        self.apply(items)

    def apply(self, items: list[dict[str, Any]]) -> None:
        """Server-side apply, in order."""
        with self.api() as api:
            known = DynamicClient(api).resources
            for item in items:
                resource = known.get(api_version=item["apiVersion"], kind=item["kind"])
                resource.server_side_apply(
                    body=item,
                    namespace=item["metadata"].get("namespace"),
                    field_manager="flowdrill-tests",
                    force_conflicts=True,
                )

    def kubeconfig_of(self, account: str, folder: Path) -> Path:
        """A kubeconfig with a token of a service account of the namespace; its context is `own`."""
        asked = client.V1TokenRequestSpec(audiences=[], expiration_seconds=3600)
        request = client.AuthenticationV1TokenRequest(spec=asked)
        with self.api() as api:
            made = client.CoreV1Api(api).create_namespaced_service_account_token(account, NAMESPACE, request)
            settings = api.configuration
            cluster = {"server": settings.host, "certificate-authority-data": _base64(settings.ssl_ca_cert)}
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": {"token": made.status.token}}],
            "contexts": [{"name": "own", "context": {"cluster": "c", "user": "u"}}],
        }
        path = folder / "own.kubeconfig"
        path.write_text(yaml.safe_dump(content))
        return path

    def delete_cluster_roles(self, items: list[dict[str, Any]]) -> None:
        """Delete those of the objects that no namespace takes with it."""
        with self.api() as api:
            rbac = client.RbacAuthorizationV1Api(api)
            for item in items:
                if item["kind"] == "ClusterRole":
                    rbac.delete_cluster_role(item["metadata"]["name"])
                elif item["kind"] == "ClusterRoleBinding":
                    rbac.delete_cluster_role_binding(item["metadata"]["name"])

    def deployments(self) -> list[str]:
        with self.api() as api:
            return [i.metadata.name for i in client.AppsV1Api(api).list_namespaced_deployment(NAMESPACE).items]

    def pods(self, selector: str) -> list[str]:
        with self.api() as api:
            return [
                i.metadata.name
                for i in client.CoreV1Api(api).list_namespaced_pod(NAMESPACE, label_selector=selector).items
            ]

    def delete_deployment(self, name: str) -> None:
        with self.api() as api:
            client.AppsV1Api(api).delete_namespaced_deployment(name, NAMESPACE)

    def workload(self, kind: str, name: str) -> Any:
        with self.api() as api:
            apps = client.AppsV1Api(api)
            read = apps.read_namespaced_deployment if kind == "deployment" else apps.read_namespaced_stateful_set
            return read(name, NAMESPACE)

    def image_of(self, kind: str, name: str) -> str:
        return str(self.workload(kind, name).spec.template.spec.containers[0].image)

    def wait_ready(self, kind: str, name: str) -> None:
        def ready() -> bool:
            seen = self.workload(kind, name)
            status = seen.status
            return (
                (status.observed_generation or 0) >= seen.metadata.generation
                and (status.updated_replicas or 0) == seen.spec.replicas
                and (status.ready_replicas or 0) == seen.spec.replicas
                and (status.replicas or 0) == seen.spec.replicas
            )

        until(ready, 180, f"{kind}/{name} ready")

    def running_digests(self, app: str) -> set[str]:
        with self.api() as api:
            pods = client.CoreV1Api(api).list_namespaced_pod(NAMESPACE, label_selector=app).items
        return {
            status.image_id.rpartition("@")[2]
            for pod in pods
            if pod.metadata.deletion_timestamp is None
            for status in pod.status.container_statuses or []
        }

    def leases(self) -> list[str]:
        with self.api() as api:
            return [i.metadata.name for i in client.CoordinationV1Api(api).list_namespaced_lease(NAMESPACE).items]

    def revisions(self, kind: str) -> list[str]:
        """The images that ReplicaSets or ControllerRevisions hold."""
        with self.api() as api:
            apps = client.AppsV1Api(api)
            if kind == "deployment":
                sets = apps.list_namespaced_replica_set(NAMESPACE).items
                return [s.spec.template.spec.containers[0].image for s in sets]
            revisions = apps.list_namespaced_controller_revision(NAMESPACE).items
            return [r.data["spec"]["template"]["spec"]["containers"][0]["image"] for r in revisions]

    def tags(self, repository: str) -> list[str]:
        with urllib.request.urlopen(f"http://{self.registry}/v2/{repository}/tags/list") as answer:
            return list(json.load(answer)["tags"] or [])

    def delete_manifest(self, repository: str, digest: str) -> None:
        url = f"http://{self.registry}/v2/{repository}/manifests/{digest}"
        with urllib.request.urlopen(urllib.request.Request(url, method="DELETE")):
            pass

    def delete_namespace(self, *, wait: bool = True) -> None:
        with self.api() as api:
            core = client.CoreV1Api(api)
            try:
                core.delete_namespace(NAMESPACE)
            except ApiException as error:
                if error.status != 404:
                    raise

            def gone() -> bool:
                try:
                    core.read_namespace(NAMESPACE)
                except ApiException as error:
                    return error.status == 404
                return False

            if wait:
                until(gone, 120, f"namespace {NAMESPACE} gone")


def _base64(file: str) -> str:
    return base64.b64encode(Path(file).read_bytes()).decode()


def lab_from_environment() -> Lab | str:
    """Return the lab, or why there is none."""
    names = ("FLOWDRILL_TEST_CONTEXT", "FLOWDRILL_TEST_REGISTRY", "FLOWDRILL_TEST_BASE_IMAGE")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        return f"no Kubernetes to break: {', '.join(missing)} not set (see CONTRIBUTING.md)"
    return Lab(*(os.environ[name] for name in names))
