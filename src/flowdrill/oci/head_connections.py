"""HEAD requests over kept connections: there is no body to wait for, so a socket and one read are all it takes.

Looking at thousands of images is thousands of HEADs; a whole HTTP client spends more on each than the network does.
What is not plain here (a proxy, a URL with characters to be quoted) is left to that client. Errors are urllib3's.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import weakref
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import urllib3

_PLAIN_URL = re.compile(r"(https?://([\w.:\[\]-]+))(/[!-\"$-~]*)", re.ASCII)  # without user@ and #fragment
_PLAIN_HEADER = re.compile(r"[ -~]*")
_STATUS_LINE = re.compile(r"HTTP/1\.([01]) ([0-9]{3})(?: .*)?")
_LARGEST_HEAD = 1 << 16  # bytes
_MOST_IDLE = 64


class HungUpError(ConnectionError):
    """The server closed the connection before it answered."""


class HeadConnections:
    """Connections to any number of servers. Any number of threads may ask at once, each on a connection of its own."""

    def __init__(self, tls: Callable[[], ssl.SSLContext], *, connect_seconds: float, read_seconds: float) -> None:
        self._tls = tls
        self._connect_seconds, self._read_seconds = connect_seconds, read_seconds
        self._lock = threading.Lock()
        self._idle: dict[str, list[socket.socket]] = {}
        weakref.finalize(self, _close_all, self._idle)

    def suits(self, url: str, headers: Mapping[str, str]) -> bool:
        """Return whether the request can be sent as it is."""
        return bool(_PLAIN_URL.fullmatch(url)) and all(_PLAIN_HEADER.fullmatch(value) for value in headers.values())

    def head(self, url: str, headers: Mapping[str, str]) -> urllib3.HTTPResponse:
        """Return the answer; urllib3's HTTPError or SSLError when there is none."""
        plain = _PLAIN_URL.fullmatch(url)
        if plain is None:
            raise ValueError(f"{url!r} does not suit")
        origin, host, target = plain.groups()
        lines = [f"HEAD {target} HTTP/1.1", f"Host: {host}", "User-Agent: flowdrill"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        request = "\r\n".join((*lines, "", "")).encode("ascii")
        try:
            return self._asked(origin, request)
        except ssl.SSLError as error:
            raise urllib3.exceptions.SSLError(error) from error
        except (OSError, ValueError) as error:
            raise urllib3.exceptions.ProtocolError(str(error), error) from error

    def close(self) -> None:
        """Close idle connections."""
        with self._lock:
            _close_all(self._idle)

    def _asked(self, origin: str, request: bytes) -> urllib3.HTTPResponse:
        with self._lock:
            idle = self._idle.get(origin)
            kept = idle.pop() if idle else None
        if kept is not None:
            try:
                return self._exchanged(kept, origin, request)
            except (HungUpError, ConnectionError):  # it was idle for too long: that is no failure
                pass
        return self._exchanged(self._connected(origin), origin, request)

    def _connected(self, origin: str) -> socket.socket:
        parts = urlsplit(origin)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        connection = socket.create_connection((parts.hostname or "", port), timeout=self._connect_seconds)
        try:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if parts.scheme == "https":
                connection = self._tls().wrap_socket(connection, server_hostname=parts.hostname)
            connection.settimeout(self._read_seconds)
        except BaseException:
            connection.close()
            raise
        return connection

    def _exchanged(self, connection: socket.socket, origin: str, request: bytes) -> urllib3.HTTPResponse:
        keep = False
        try:
            connection.sendall(request)
            response, keep = _answer(connection)
        finally:
            with self._lock:
                idle = self._idle.setdefault(origin, [])
                keep = keep and len(idle) < _MOST_IDLE
                if keep:
                    idle.append(connection)
            if not keep:
                connection.close()
        return response


def _answer(connection: socket.socket) -> tuple[urllib3.HTTPResponse, bool]:
    """Read one answer without a body; return it, and whether the connection can be used again."""
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            piece = connection.recv(_LARGEST_HEAD)
            if not piece:
                raise HungUpError("the server closed the connection")
            received += piece
            if len(received) > _LARGEST_HEAD:
                raise ValueError(f"the answer's headers are larger than {_LARGEST_HEAD} bytes")
        head, _, received = received.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        status_line = _STATUS_LINE.fullmatch(first)
        if status_line is None:
            raise ValueError(f"not HTTP: {first[:100]!r}")
        status = int(status_line[2])
        if status >= 200:  # what comes before is interim
            break
    headers = urllib3.HTTPHeaderDict()
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name == name.strip():
            headers.add(name, value.strip())
    keep = status_line[1] == "1" and not received and "close" not in headers.get("Connection", "").lower()
    made = urllib3.HTTPResponse(
        b"", headers, status, preload_content=False, decode_content=False, request_method="HEAD"
    )
    return made, keep


def _close_all(idle: dict[str, list[socket.socket]]) -> None:
    for connections in idle.values():
        while connections:
            connections.pop().close()
