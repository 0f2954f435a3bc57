"""A loopback HTTP server in place of Prometheus or Alertmanager: each path has an answer, and each request is kept."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Query = dict[str, str]


@dataclass
class Asked:
    method: str
    path: str
    query: Query
    headers: dict[str, str]


@dataclass
class FakeServer:
    """`answers`: path -> JSON, or a function of the query that returns it, or (status, headers, body)."""

    url: str = ""
    answers: dict[str, Any] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> tuple[int, dict[str, str], bytes]:
        found = self.answers.get(asked.path, (404, {}, b"404 page not found"))
        if callable(found):
            found = found(asked.query)
        if isinstance(found, tuple):
            status, headers, body = found
            return status, headers, body
        return 200, {}, json.dumps(found).encode()


def ok(data: Any) -> dict[str, Any]:
    """What Prometheus answers with."""
    return {"status": "success", "data": data}


def bad_data(text: str) -> tuple[int, dict[str, str], bytes]:
    return 400, {}, json.dumps({"status": "error", "errorType": "bad_data", "error": text}).encode()


@contextmanager
def serving(raw: Callable[[Any], None] | None = None, tls: ssl.SSLContext | None = None) -> Iterator[FakeServer]:
    """Serve until the block ends, with TLS where `tls` is given; with `raw` every connection's request is answered by
    writing to its file."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version, disable_nagle_algorithm = "HTTP/1.1", True

        def serve(self) -> None:
            parts = urlsplit(self.path)
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
            fake.asked.append(asked)
            if raw is not None:
                self.close_connection = True
                raw(self.wfile)
                return
            status, headers, body = fake.answer(asked)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def __getattr__(self, name: str) -> Any:
            if name.startswith("do_"):  # any method
                return self.serve
            raise AttributeError(name)

        def log_message(self, *arguments: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *arguments: object) -> None:
            pass  # the client has gone away

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
