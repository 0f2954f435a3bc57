"""Where Alertmanager's notifications are delivered: a small HTTP server that takes them and answers nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import socket
from socketserver import TCPServer
from typing import Any

from flowdrill.edges.prometheus.notification import Notification, notification_of
from flowdrill.errors import PlanError
from flowdrill.model.instant import Instant

Notified = Callable[[Notification, Instant], None]
LARGEST_BODY = 4 << 20
_SILENCE_SECONDS = 5.0
_AT_ONCE = 16
_STOP_SECONDS = 5.0


class WebhookServer:
    """Listens from its making on, so that a port that is taken is known before a drill begins. Notifications are passed
    on while somebody listens to them, each with [connection accepted, request read]."""

    def __init__(self, address: str) -> None:
        """PlanError when the address (`HOST:PORT`) cannot be listened on."""
        host, _, port = address.rpartition(":")
        try:
            self._server = _Server((host, int(port)), _Handler)
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "there is no such port"
            raise PlanError(
                f"detect.alertmanager.webhook: {address} cannot be listened on: {why}",
                "name an address of this machine and a free port, which Alertmanager's receiver sends to",
            ) from error
        self.address = f"{host}:{self._server.server_address[1]}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.1}, name="flowdrill-webhook", daemon=True
        )
        self._thread.start()

    def pass_on(self, notified: Notified | None) -> None:
        """From now on pass every notification to `notified`; to nobody when it is None."""
        self._server.notified = notified

    def close(self) -> None:
        """Stop listening."""
        self._server.notified = None
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_STOP_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    notified: Notified | None = None

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self._room = threading.BoundedSemaphore(_AT_ONCE)
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """Bind, without looking up a name that nobody needs."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = "", int(self.server_address[1])

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take a connection, or close it at once where there are too many."""
        if self._room.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve a connection."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: whoever breaks off or sends nonsense is not the drill's business."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    timeout = _SILENCE_SECONDS
    server_version, sys_version = "flowdrill", ""
    connection: socket

    def setup(self) -> None:
        """Note when the connection came."""
        self._accepted_ns = time.monotonic_ns()
        super().setup()

    def do_POST(self) -> None:
        """Take a notification."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            self._answer(411)
        elif len(length) > 9 or int(length) > LARGEST_BODY:
            self._answer(413)
        else:
            body = self.rfile.read(int(length))
            received = Instant(self._accepted_ns, time.monotonic_ns())
            notification = notification_of(body)
            notified = self.server.notified
            if notification is not None and notified is not None:
                notified(notification, received)
            self._answer(200 if notification is not None else 400)

    def _answer(self, status: int) -> None:
        self.close_connection = True  # the next one's time begins with its own connection
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""
