"""An admission webhook in this process: HTTPS on loopback, with an authority of its own.

with webhook_server() as hook:
    hook.answer = denied("no images without a signature")
    with configured(api, "ValidatingWebhookConfiguration", hook, namespace, rule("UPDATE", "deployments", "apps")):
        ...
"""

from __future__ import annotations

import base64
import json
import secrets
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from kubernetes import client

from flowdrill.cluster.certificates import make_certificates

Json = dict[str, Any]
Answer = Callable[[Json], Json]  # the `request` of an AdmissionReview -> its `response`, without the uid
_GROUP = "/apis/admissionregistration.k8s.io/v1"


def allowed(*warnings: str) -> Answer:
    return lambda _: {"allowed": True} | ({"warnings": list(warnings)} if warnings else {})


def denied(message: str = "", **status: Any) -> Answer:
    """Refuse everything; `status` may hold `code` and `reason`."""
    status |= {"message": message} if message else {}
    return lambda _: {"allowed": False} | ({"status": status} if status else {})


def patching(*operations: Json) -> Answer:
    """Allow everything, and change it by these operations of a JSON patch."""
    patch = base64.b64encode(json.dumps(operations).encode()).decode()
    return lambda _: {"allowed": True, "patchType": "JSONPatch", "patch": patch}


class WebhookServer:
    """`answer` may be changed at any time; `asked` holds what was asked, oldest first."""

    def __init__(self, url: str, authority: bytes) -> None:
        self.url, self.authority = url, authority
        self.answer: Answer = allowed()
        self.asked: list[Json] = []
        self.paths: list[str] = []
        self.raw: bytes | None = None  # sent instead of an AdmissionReview

    @property
    def client_config(self) -> Json:
        return {"url": self.url, "caBundle": base64.b64encode(self.authority).decode()}

    @property
    def attempts(self) -> list[Json]:
        """What was asked, without repetitions: an API server that finds its copy of an object to be old asks again."""
        found: dict[str, Json] = {}
        for one in self.asked:
            content = {name: part for name, part in (one["object"] or {}).items() if name not in ("metadata", "status")}
            found.setdefault(json.dumps([one["operation"], one["name"], one["dryRun"], one["userInfo"], content]), one)
        return list(found.values())

    def reply(self, path: str, body: bytes) -> bytes:
        review = json.loads(body)
        self.paths.append(path)
        self.asked.append(review["request"])
        response = {"uid": review["request"]["uid"], **self.answer(review["request"])}
        answer = {"apiVersion": review["apiVersion"], "kind": review["kind"], "response": response}
        return json.dumps(answer).encode() if self.raw is None else self.raw


@contextmanager
def webhook_server() -> Iterator[WebhookServer]:
    """A server on 127.0.0.1 that allows everything until it is told otherwise."""
    with tempfile.TemporaryDirectory() as folder:
        make_certificates(Path(folder))
        authority = (Path(folder) / "ca.crt").read_bytes()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(Path(folder) / "server.crt", Path(folder) / "server.key")
    hook: WebhookServer

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            answer = hook.reply(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: Any) -> None:
            pass  # clients that do not trust the certificate go away in the middle of the handshake

        def finish_request(self, request: Any, address: Any) -> None:
            """TLS in the connection's own thread: a client that never shakes hands keeps nobody waiting."""
            with context.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, address)

    with Server(("127.0.0.1", 0), Handler) as server:
        hook = WebhookServer(f"https://127.0.0.1:{server.server_port}/review", authority)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield hook
        finally:
            server.shutdown()
            thread.join()


def rule(operations: str, resources: str, group: str = "", **more: Any) -> Json:
    """What a webhook is asked about: words, separated by spaces."""
    return {
        "operations": operations.split(), "apiGroups": [group], "apiVersions": ["*"], "resources": resources.split(),
    } | more  # fmt: skip


@contextmanager
def configured(
    api: client.ApiClient, kind: str, hook: WebhookServer, namespace: str, *rules: Json, **more: Any
) -> Iterator[str]:
    """A webhook configuration of `kind` for one namespace (by the label of its name, which is set here), from when it
    is in force until the context ends; the webhook's name. `more` goes into the webhook."""
    core = client.CoreV1Api(api)
    label = "flowdrill-tests/namespace"
    core.patch_namespace(namespace, {"metadata": {"labels": {label: namespace}}})
    unique = f"flowdrill-{secrets.token_hex(3)}"
    one: Json = {
        "name": f"{unique}.example.org", "admissionReviewVersions": ["v1"], "sideEffects": "None", "timeoutSeconds": 5,
        "clientConfig": hook.client_config, "namespaceSelector": {"matchLabels": {label: namespace}},
        "rules": list(rules),
    }  # fmt: skip
    one |= more
    probe = f"{unique}-probe"
    own = {**one, "name": f"probe.{one['name']}", "failurePolicy": "Fail", "clientConfig": hook.client_config}
    own |= {
        "rules": [rule("CREATE", "leases", "coordination.k8s.io")],
        "objectSelector": {"matchLabels": {"probe": probe}},
    }
    plural = f"{kind.lower()}s"
    body = {"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind, "metadata": {"name": unique}}
    ask(api, "POST", f"{_GROUP}/{plural}", body | {"webhooks": [one, own]})
    try:
        _until_in_force(api, hook, namespace, probe)
        yield one["name"]
    finally:
        ask(api, "DELETE", f"{_GROUP}/{plural}/{unique}")


def _until_in_force(api: client.ApiClient, hook: WebhookServer, namespace: str, probe: str) -> None:
    """API servers take a moment until they have seen a configuration: until they ask about it."""
    path, pause = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases?dryRun=All", threading.Event()
    answer, raw = hook.answer, hook.raw
    hook.answer, hook.raw = allowed(), None
    try:
        for _ in range(300):
            ask(api, "POST", path, {"metadata": {"generateName": "probe-", "labels": {"probe": probe}}})
            if any(_labels(one).get("probe") == probe for one in hook.asked):
                return
            pause.wait(0.05)
    finally:
        hook.asked = [one for one in hook.asked if _labels(one).get("probe") != probe]
        hook.answer, hook.raw = answer, raw
    raise AssertionError("the webhook is not asked")


def _labels(asked: Json) -> Json:
    return ((asked.get("object") or {}).get("metadata") or {}).get("labels") or {}


def ask(api: client.ApiClient, method: str, path: str, body: Json | None = None) -> Any:
    """One request of the official client, JSON in and out."""
    headers = {"Accept": "application/json", "Content-Type": "application/json"}
    request = api.param_serialize(method, path, header_params=headers, body=body, auth_settings=["BearerToken"])
    answer = api.call_api(*request, _request_timeout=(5, 30))
    answer.read()
    return api.response_deserialize(answer, {str(code): "object" for code in range(200, 300)}).data
