"""A namespace of any Kubernetes to try things in, and images that behave as the tests ask."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

Json = dict[str, Any]
T = TypeVar("T")
LONGEST_SECONDS = float(os.environ.get("FLOWDRILL_TEST_PATIENCE", "90"))
KUBECTL = Path(sys.executable).with_name("kubectl")
WAITS = "import signal, time; signal.signal(signal.SIGTERM, lambda *_: exit(0)); time.sleep(3600)"
SERVES = """
import http.server, os, signal, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.environ['VERSION']} {os.environ['HOSTNAME']}".encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Answer).serve_forever()
"""


@dataclass(frozen=True)
class Playground:
    """`image` has python3 and sh; `missing` is an image its registry does not have."""

    context: str
    kubeconfig: str
    namespace: str
    api: client.ApiClient
    image: str
    missing: str

    @property
    def core(self) -> client.CoreV1Api:
        return client.CoreV1Api(self.api)

    @property
    def apps(self) -> client.AppsV1Api:
        return client.AppsV1Api(self.api)

    def raw(self, method: str, path: str, body: Any = None, *, content_type: str | None = None, **query: str) -> Json:
        """One request of the official client, JSON in and out; ApiException for a refusal."""
        headers = {"Accept": "application/json"} | (
            {"Content-Type": content_type or "application/json"} if body else {}
        )
        request = self.api.param_serialize(
            method, path, query_params=list(query.items()), header_params=headers, body=body,
            auth_settings=["BearerToken"],
        )  # fmt: skip
        answer = self.api.call_api(*request, _request_timeout=(5, 30))
        answer.read()
        found = self.api.response_deserialize(answer, {str(code): "object" for code in range(200, 300)}).data
        assert isinstance(found, dict)
        return found

    def apps_path(self, kind: str, name: str = "") -> str:
        return f"/apis/apps/v1/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def core_path(self, kind: str, name: str = "") -> str:
        return f"/api/v1/namespaces/{self.namespace}/{kind}" + (f"/{name}" if name else "")

    def pod_spec(self, program: str = WAITS, **container: Any) -> Json:
        one = {"name": "main", "image": self.image, "command": ["python3", "-u", "-c", program], **container}
        return {
            "containers": [one],
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
        }

    def workload(self, name: str, program: str = WAITS, *, kind: str = "Deployment", **more: Any) -> Json:
        """The manifest of a Deployment or StatefulSet; `container` and everything else of the spec may be given."""
        container, pod = more.pop("container", {}), more.pop("pod", {})
        labels = {"app": name}
        spec: Json = {"replicas": 1, "selector": {"matchLabels": labels}, **more}
        spec["template"] = {"metadata": {"labels": labels}, "spec": self.pod_spec(program, **container) | pod}
        if kind == "StatefulSet":
            spec["serviceName"] = name
        meta = {"name": name, "namespace": self.namespace}
        return {"apiVersion": "apps/v1", "kind": kind, "metadata": meta, "spec": spec}

    def deploy(self, name: str, program: str = WAITS, **more: Any) -> Json:
        manifest = self.workload(name, program, **more)
        return self.raw("POST", self.apps_path(f"{manifest['kind'].lower()}s"), manifest)

    def patch(self, kind: str, name: str, body: Json, **query: str) -> Json:
        path = self.apps_path(kind, name)
        return self.raw("PATCH", path, body, content_type="application/strategic-merge-patch+json", **query)

    def set_env(self, name: str, value: str, kind: str = "deployments") -> Json:
        """Change the template: another VERSION is another revision."""
        container = {"name": "main", "env": [{"name": "VERSION", "value": value}]}
        return self.patch(kind, name, {"spec": {"template": {"spec": {"containers": [container]}}}})

    def read(self, kind: str, name: str) -> Json:
        return self.raw("GET", self.apps_path(kind, name))

    def pods(self, name: str) -> list[Json]:
        return list(self.raw("GET", self.core_path("pods"), labelSelector=f"app={name}")["items"])

    def replica_sets(self, name: str) -> list[Json]:
        return list(self.raw("GET", self.apps_path("replicasets"), labelSelector=f"app={name}")["items"])

    def events(self, reason: str) -> list[str]:
        items = self.raw("GET", self.core_path("events"), fieldSelector=f"reason={reason}")["items"]
        return [str(item["message"]) for item in items]

    def complete(self, name: str, kind: str = "deployments") -> bool:
        """Whether the last rollout is complete, as `kubectl rollout status` decides."""
        seen = self.read(kind, name)
        status, wanted = seen.get("status", {}), seen["spec"]["replicas"]
        counts = {status.get(one, 0) for one in ("replicas", "updatedReplicas", "readyReplicas")}
        current = kind == "deployments" or status.get("currentRevision") == status.get("updateRevision")
        return status.get("observedGeneration", 0) >= seen["metadata"]["generation"] and counts == {wanted} and current

    def until(self, condition: Callable[[], T | None], what: str = "", limit_seconds: float = LONGEST_SECONDS) -> T:
        """Return the first answer that says something; AssertionError after the limit."""
        end = time.monotonic() + limit_seconds
        while not (answer := condition()):
            assert time.monotonic() < end, f"not after {limit_seconds} s: {what}; {self._pods_now()}"
            time.sleep(0.1)
        return answer

    def delete(self, kind: str, name: str) -> None:
        self.raw("DELETE", self.apps_path(kind, name))

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True, limit: int = 90) -> str:
        """Run the real kubectl; return what it printed."""
        done = subprocess.run(
            [KUBECTL, "--kubeconfig", self.kubeconfig, "--context", self.context, "-n", self.namespace, *arguments],
            input=stdin, capture_output=True, text=True, check=False, timeout=limit,
            env={"HOME": str(Path(self.kubeconfig).parent), "PATH": "/usr/bin:/bin"},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}{done.stdout}"
        return done.stdout + ("" if check else done.stderr)

    def as_user(self, user: str, groups: Sequence[str] = ()) -> client.ApiClient:
        other = client.ApiClient(self.api.configuration)
        other.set_default_header("Impersonate-User", user)
        return other

    def _pods_now(self) -> str:
        """Every pod and what its containers wait for, on a line that can be read."""
        items, key = self.raw("GET", self.core_path("pods"))["items"], "containerStatuses"
        states = [
            (one["metadata"]["name"], one["status"].get("phase"), [s["state"] for s in one["status"].get(key, ())])
            for one in items
        ]
        return str(states)[:4000]


@contextmanager
def playground(context: str, kubeconfig: str, image: str) -> Iterator[Playground]:
    """A namespace of its own, deleted afterwards."""
    namespace = f"flowdrill-play-{secrets.token_hex(3)}"
    missing = f"{image.partition('/')[0]}/{namespace}:not-there"
    with config.new_client_from_config(config_file=kubeconfig, context=context) as api:
        core = client.CoreV1Api(api)
        core.create_namespace({"metadata": {"name": namespace, "labels": {"dev.flowdrill/allowed": "true"}}})
        found = Playground(context, kubeconfig, namespace, api, image, missing)
        try:
            found.until(lambda: _has_account(core, namespace), "default service account")
            yield found
        finally:
            core.delete_namespace(namespace)


def _has_account(core: client.CoreV1Api, namespace: str) -> bool:
    try:
        core.read_namespaced_service_account("default", namespace)
    except ApiException as error:
        return bool(error.status != 404)
    return True
