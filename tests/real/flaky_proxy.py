"""A proxy on loopback that answers a share of the requests with an error of its own."""

from __future__ import annotations

import random
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@contextmanager
def flaky_proxy(target: str, *, bad_ratio: float, seed: int) -> Iterator[str]:
    """Yield the proxy's URL. Every request goes to `target`, but `bad_ratio` of them are answered 500."""
    chance = random.Random(seed)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, answer = self._answer(body)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _answer(self, body: bytes) -> tuple[int, bytes]:
            if chance.random() < bad_ratio:
                return 500, b'{"result": "flaky", "success": false}'
            headers = {
                name: value for name, value in self.headers.items() if name.lower() not in ("host", "connection")
            }
            request = urllib.request.Request(target + self.path, body, headers, method="POST")
            try:
                with urllib.request.urlopen(request, timeout=30) as answered:
                    return answered.status, answered.read()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read()

        def log_message(self, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
