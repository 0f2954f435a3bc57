"""The whole API in this process: a request in, an answer out, no sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from flowdrill.cluster.api.admission import Asks
from flowdrill.cluster.api.app import KubernetesApi
from flowdrill.cluster.api.audit import AuditLog
from flowdrill.cluster.api.authentication import Authenticator
from flowdrill.cluster.api.authorization import Authorizer
from flowdrill.cluster.api.bootstrap import bootstrap
from flowdrill.cluster.api.default_roles import bootstrap_roles
from flowdrill.cluster.api.pod_logs import LogOptions
from flowdrill.cluster.api.resource_types import NAMESPACES, Json
from tests.unit.cluster.controllers.driven import Clock, fresh_objects

ADMIN = "the-administrators-token"
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"
JSON_PATCH, APPLY = "application/json-patch+json", "application/apply-patch+yaml"
SHOP = "/api/v1/namespaces/shop"
APPS = "/apis/apps/v1/namespaces/shop"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    code: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    @property
    def json(self) -> Any:
        """The object of the body."""
        return json.loads(self.body)

    @property
    def events(self) -> list[tuple[str, Json]]:
        """The events of a watch: type and object."""
        return [(one["type"], one["object"]) for one in map(json.loads, self.body.splitlines())]


class NoLogs:
    """Containers that never said a word."""

    async def read(self, pod: Json, options: LogOptions) -> AsyncIterator[bytes]:
        yield b"%d words of %s\n" % (len(pod), options.container.encode())


class Asked:
    """An API with the namespaces of every cluster and `shop`."""

    def __init__(self, webhooks: Asks | None = None, audit_file: Path | None = None) -> None:
        self.clock = Clock()
        self.objects = fresh_objects(self.clock)
        bootstrap(self.objects)
        bootstrap_roles(self.objects)
        self.authorizer = Authorizer(self.objects)
        self.authenticator = Authenticator(
            self.objects, ADMIN, b"a key for signing", lambda: self.clock.now().timestamp()
        )
        audit = None if audit_file is None else AuditLog(audit_file, self.clock.now, largest_bytes=4000)
        self.api = KubernetesApi(
            self.objects, self.authenticator, self.authorizer, NoLogs(), "v1.36.0", webhooks, audit
        )

    def ask(
        self, method: str, path: str, body: Any = None, *, kind: str = "application/json", token: str | None = ADMIN,
        headers: Mapping[str, str] | None = None, meanwhile: Callable[[], object] | None = None, **query: str,
    ) -> Answer:  # fmt: skip
        """Send a request as the administrator, or with another token. A body of bytes is sent as it is. `meanwhile` is
        called once the answer has begun; then the client leaves as soon as the server has nothing more to say."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        sent = {"content-type": kind, "user-agent": "tests/1"} | dict(headers or {})
        sent |= {"authorization": f"Bearer {token}"} if token else {}
        location, _, more = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": unquote(location),
            "query_string": "&".join(filter(None, (more, urlencode(query)))).encode(),
            "headers": [(name.lower().encode(), text.encode("latin-1")) for name, text in sent.items()],
        }  # fmt: skip
        return asyncio.run(self._answered(scope, content, meanwhile))

    async def _answered(
        self, scope: Mapping[str, Any], content: bytes, meanwhile: Callable[[], object] | None
    ) -> Answer:
        messages: list[Any] = []
        asked = leaving = False

        async def receive() -> Any:
            nonlocal asked, leaving
            if not asked:
                asked = True
                return {"type": "http.request", "body": content}
            for _ in range(20):  # turns of the loop, in which the server says what there is to say
                await asyncio.sleep(0)
            if meanwhile is not None and not leaving:
                leaving = True
                meanwhile()
                for _ in range(20):
                    await asyncio.sleep(0)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            messages.append(message)

        await self.api(scope, receive, send)
        start = messages[0]
        body = b"".join(one["body"] for one in messages[1:])
        headers = tuple((name.decode(), text.decode()) for name, text in start["headers"])
        return Answer(start["status"], headers, body)

    def make(self, path: str, **content: Any) -> Json:
        """Create an object in the collection at a path; it must work."""
        made = self.ask("POST", path, content)
        assert made.code == 201, made.body
        return dict(made.json)

    def token_of(self, account: str) -> str:
        """A new ServiceAccount's token, in `shop`."""
        self.make(f"{SHOP}/serviceaccounts", metadata={"name": account})
        asked = self.ask("POST", f"{SHOP}/serviceaccounts/{account}/token", {})
        return str(asked.json["status"]["token"])

    def may(self, user: str, *rules: Json, namespace: str | None = "shop") -> dict[str, str]:
        """Give a user a role of these rules, in a namespace or everywhere; return headers that act for it."""
        kind, at = ("Role", f"{RBAC}/namespaces/{namespace}") if namespace else ("ClusterRole", RBAC)
        name = f"{user}-{len(self.objects.store.all(NAMESPACES))}-{self.objects.store.revision}"
        self.make(f"{at}/{kind.lower()}s", metadata={"name": name}, rules=list(rules))
        self.make(
            f"{at}/{kind.lower()}bindings", metadata={"name": name}, subjects=[{"kind": "User", "name": user}],
            roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name},
        )  # fmt: skip
        return {"impersonate-user": user}


def rule(verbs: str, resources: str, group: str = "", **more: Any) -> Json:
    """A rule: words, separated by spaces."""
    return {"verbs": verbs.split(), "apiGroups": [group], "resources": resources.split(), **more}


def deployment(name: str, **container: Any) -> Json:
    """A Deployment that is kept as it is."""
    main = {"name": "main", "image": "example.org/flow:1", **container}
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": [main]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": name}}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": spec,
    }
