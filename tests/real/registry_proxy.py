"""A proxy on loopback before a registry, that is slow, or answers some requests itself."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class RegistryProxy:
    """`answers` returns a status to answer a request (method, path) with, or None to pass it on."""

    target: str
    address: str = ""
    delay_seconds: float = 0.0
    answers: Callable[[str, str], int | None] = lambda method, path: None
    asked: list[tuple[str, str]] = field(default_factory=list)
    closed: threading.Event = field(default_factory=threading.Event)


@contextmanager
def registry_proxy(target: str) -> Iterator[RegistryProxy]:
    """Serve a proxy before `target` (host:port) until the block ends."""
    proxy = RegistryProxy(target)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            proxy.asked.append((self.command, self.path))
            proxy.closed.wait(proxy.delay_seconds)  # a slow server's time, which a test's end cuts short
            status = proxy.answers(self.command, self.path)
            if status is not None:
                return self._answer(status, [("Retry-After", "0")], b"")
            upstream = http.client.HTTPConnection(proxy.target, timeout=20)
            try:
                upstream.request(self.command, self.path, headers={"Accept": self.headers.get("Accept", "*/*")})
                response = upstream.getresponse()
                kept = ("content-type", "docker-content-digest", "www-authenticate")
                headers = [(name, value) for name, value in response.getheaders() if name.lower() in kept]
                body = response.read()
                length = response.getheader("Content-Length") or str(len(body))
                return self._answer(response.status, headers, body, length)
            finally:
                upstream.close()

        do_HEAD = do_GET  # noqa: N815 - the names that http.server calls

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes, length: str = "0") -> None:
            self.send_response(status)
            for name, value in (*headers, ("Content-Length", length)):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            pass  # who asked did not wait for the answer

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        proxy.address = f"127.0.0.1:{server.server_address[1]}"
        try:
            yield proxy
        finally:
            proxy.closed.set()
            server.shutdown()
            thread.join()
