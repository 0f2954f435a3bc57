"""A Kubernetes API server as a test scripts it: real HTTP on loopback, so that broken connections are real ones."""

from __future__ import annotations

import json
import queue
import threading
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """One answer, an object or (for logs) a text; status 0 closes the connection without a word."""

    status: int
    body: Json | str = field(default_factory=dict)


@dataclass(frozen=True)
class Request:
    """One request, as it arrived. `method` is WATCH for a watch."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Json | None
    groups: list[str] = field(default_factory=list)  # that it asks to be taken for


END = None  # ends a watch as a server does that has reached its timeout
BREAK = "break"  # cuts a watch's connection


class FakeApiServer:
    """`answers[method, path]` are given in order, the last one for ever; `watches[path]` is what watches send."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self.watches: dict[str, queue.Queue[Json | str | None]] = defaultdict(queue.Queue)
        self.requests: list[Request] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = False
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Go away, with every open watch. Harmless when gone."""
        for events in self.watches.values():
            for _ in range(10):
                events.put(BREAK)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def gives(self, method: str, path: str, *answers: Answer) -> None:
        self.answers[method, path] = deque(answers)

    def has(self, path: str, *items: Json, version: str = "10") -> None:
        """Answer lists of `path` with these items from now on."""
        body = {"kind": "List", "metadata": {"resourceVersion": version}, "items": list(items)}
        self.gives("GET", path, Answer(200, body))

    def asked(self, method: str) -> list[Request]:
        return [request for request in list(self.requests) if request.method == method]

    def answer(self, request: Request) -> Answer:
        scripted = self.answers.get((request.method, request.path))
        if not scripted:
            return Answer(404, {"kind": "Status", "message": f"{request.path} not found", "code": 404})
        return scripted.popleft() if len(scripted) > 1 else scripted[0]


def as_served(path: str, body: Json | str) -> Json | str:
    """An object or a list with what every API server fills in, where a test has left it out."""
    if isinstance(body, str) or "versions" in body or "resources" in body:
        return body
    if isinstance(body.get("items"), list):
        return {**body, "items": [_filled(path, item) for item in body["items"]]}
    return body if "items" in body else _filled(path, body)


def _filled(path: str, item: Any) -> Any:
    meta = item.get("metadata") if isinstance(item, dict) else None
    if not isinstance(meta, dict) or not meta:
        return item
    name = meta.get("name", "unnamed")
    namespace = path.partition("/namespaces/")[2].split("/")
    within = {"namespace": namespace[0]} if len(namespace) > 1 else {}
    filled = {**item, "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "1", **within, **meta}}
    if path.endswith("/pods"):
        return {"spec": {"containers": [{"name": "main"}]}, **filled}
    if "/deployments" in path or "/statefulsets" in path:
        template = {"spec": {"containers": [{"name": "main"}]}}
        return {**filled, "spec": {"template": template, **(item.get("spec") or {})}}
    return filled


def _handler_for(server: FakeApiServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query))
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            method = "WATCH" if query.get("watch") else self.command
            headers = {name: value for name, value in self.headers.items()}  # noqa: C416
            body = json.loads(content) if content else None
            groups = self.headers.get_all("Impersonate-Group") or []
            request = Request(method, url.path, query, headers, body, groups)
            server.requests.append(request)
            if method == "WATCH" and not server.answers.get(("WATCH", url.path)):
                self._send_watch(url.path, server.watches[url.path])
                return
            answer = server.answer(request)
            if answer.status == 0:
                self.close_connection = True
                return
            body = as_served(url.path, answer.body) if method == "GET" and answer.status == 200 else answer.body
            text = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(answer.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PATCH = do_DELETE = _serve  # noqa: N815

        def _send_watch(self, path: str, events: queue.Queue[Json | str | None]) -> None:
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            while isinstance(event := events.get(), dict):
                line = json.dumps({**event, "object": _filled(path, event.get("object"))}).encode() + b"\n"
                self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")
            if event == BREAK:
                self.close_connection = True
            else:
                self.wfile.write(b"0\r\n\r\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler
