"""Watchers of one kind of object, each with a connection of its own: when have all heard of a change.

All of them wait in one selector; what is read is only searched for the new value, so that the client is the same small
cost on every server.
"""

from __future__ import annotations

import json
import selectors
import socket
import ssl
import statistics
import time
from contextlib import closing
from dataclasses import dataclass

from api_servers.connection import MERGE_PATCH, Address, Connection

from api_speed.patches import MAPS, turn_to

_LIMIT_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class FanOut:
    """From just before the change was sent, in milliseconds: until half of the watchers had it, and the last."""

    median: float
    last: float


class Watchers:
    """So many watches of the ConfigMaps in the namespace, from now on, and a connection for changes."""

    def __init__(self, address: Address, count: int) -> None:
        self._address = address
        self._changes = self._connected()
        with closing(Connection(address)) as connection:
            now = json.loads(connection.ask("GET", f"{MAPS}?limit=1"))["metadata"]["resourceVersion"]
        self._sockets = [self._watching(now) for _ in range(count)]
        self._selector = selectors.DefaultSelector()
        for one in self._sockets:
            one.setblocking(False)
            self._selector.register(one, selectors.EVENT_READ)

    def heard(self, turn: int) -> FanOut:
        """Change `map-0` once; TimeoutError says how many have heard of it."""
        body, wanted = turn_to(turn), f'"turn":"{turn}"'.encode()
        request = self._head("PATCH", f"{MAPS}/map-0", f"Content-Type: {MERGE_PATCH}", f"Content-Length: {len(body)}")
        at_ms: dict[ssl.SSLSocket, float] = {}
        read = dict.fromkeys(self._sockets, b"")
        began = time.perf_counter_ns()
        self._changes.sendall(request + body)
        while len(at_ms) < len(self._sockets):
            ready = self._selector.select(_LIMIT_SECONDS)
            if not ready:
                raise TimeoutError(f"{len(at_ms)}/{len(self._sockets)} watchers heard of the change")
            for key, _ in ready:
                one = key.fileobj
                read[one] += _available(one)
                if one not in at_ms and wanted in read[one]:
                    at_ms[one] = (time.perf_counter_ns() - began) / 1e6
        assert wanted in _answer(self._changes)
        return FanOut(statistics.median(at_ms.values()), max(at_ms.values()))

    def close(self) -> None:
        self._selector.close()
        for one in (*self._sockets, self._changes):
            one.close()

    def _watching(self, since: str) -> ssl.SSLSocket:
        """A connection on which a watch has begun, from a version on: nothing older is told."""
        one = self._connected()
        one.sendall(self._head("GET", f"{MAPS}?watch=1&resourceVersion={since}"))
        assert _until_end_of_head(one).startswith(b"HTTP/1.1 200")
        return one

    def _connected(self) -> ssl.SSLSocket:
        plain = socket.create_connection((self._address.host, self._address.port), _LIMIT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._address.trust.wrap_socket(plain, server_hostname=self._address.host)

    def _head(self, method: str, path: str, *headers: str) -> bytes:
        common = (f"Host: {self._address.host}", f"Authorization: Bearer {self._address.token}")
        return "\r\n".join((f"{method} {path} HTTP/1.1", *common, *headers, "", "")).encode()


def _available(one: ssl.SSLSocket) -> bytes:
    """What is there now. ConnectionError when the server has ended the watch."""
    parts = []
    while True:
        try:
            part = one.recv(65536)
        except ssl.SSLWantReadError:
            return b"".join(parts)
        if not part:
            raise ConnectionError("the server has ended a watch")
        parts.append(part)


def _until_end_of_head(one: ssl.SSLSocket) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        part = one.recv(65536)
        if not part:
            raise ConnectionError(f"the server has closed the connection after {head!r}")
        head += part
    return head


def _answer(one: ssl.SSLSocket) -> bytes:
    """A whole answer's body."""
    head, _, body = _until_end_of_head(one).partition(b"\r\n\r\n")
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        body += one.recv(65536)
    return body
