"""Carries connections: to a backend, and then bytes both ways until both sides have ended."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import cast

from flowdrill.cluster.node.service_frontends import Address

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER for no time at all: closing sends RST


class _Side(asyncio.Protocol):
    """One of the two ends. What comes in here goes out at the other: the same bytes object, written at once when the
    kernel takes it. (asyncio's transports set TCP_NODELAY.) Reading rests while the other end is full."""

    def __init__(self, alive: set[_Side], other: _Side | None = None) -> None:
        self._alive = alive
        self._other = other
        self._ended = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._alive.add(self)
        if self._other is None:
            self._transport.pause_reading()  # until there is somebody to give it to
        else:
            self._other.join(self)

    def join(self, other: _Side) -> None:
        """Begin to carry."""
        self._other = other
        if self._transport is None or self._transport.is_closing():
            other.reset()
        else:
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.send(data)

    def eof_received(self) -> bool:
        self._ended = True
        if self._other is not None:
            self._other.end_sending()
            if self._other.has_ended:
                self._other.close()
                self.close()
        return True  # half-closed: the other direction goes on

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.rest()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        self._alive.discard(self)
        if self._other is None:
            return
        if exc is None:
            self._other.close()
        else:
            self._other.reset()  # what broke here breaks there

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come in here."""
        return self._ended

    def send(self, data: bytes) -> None:
        """Write to this end."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end_sending(self) -> None:
        """Tell this end that nothing more will come."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write_eof()

    def rest(self) -> None:
        """Read no more for now."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Read on."""
        if self._transport is not None:
            self._transport.resume_reading()

    def close(self) -> None:
        """Close this end when everything is written."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Close this end at once, with RST."""
        if self._transport is not None and not self._transport.is_closing():
            self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        if self._transport is not None:
            self._transport.abort()


class ConnectionPump:
    """All the connections that are carried."""

    def __init__(self) -> None:
        self._alive: set[_Side] = set()
        self._opening: dict[asyncio.Task[None], socket.socket] = {}

    def carry(self, client: socket.socket, backend: Address) -> None:
        """Carry an accepted connection to a backend. It is reset when the backend refuses it: as with kube-proxy's
        rules in the kernel, nothing tries another one."""
        task = asyncio.get_running_loop().create_task(self._open(client, backend))
        self._opening[task] = client
        task.add_done_callback(self._opening.pop)

    async def close(self) -> None:
        """Break off everything."""
        opening = dict(self._opening)
        for task in opening:
            task.cancel()
        await asyncio.gather(*opening, return_exceptions=True)
        for client in opening.values():
            client.close()
        while self._alive:
            for side in tuple(self._alive):
                side.reset()
            await asyncio.sleep(0)

    async def _open(self, client: socket.socket, backend: Address) -> None:
        loop = asyncio.get_running_loop()
        inner = _Side(self._alive)
        try:
            await loop.create_connection(lambda: inner, *backend)
            await loop.connect_accepted_socket(lambda: _Side(self._alive, inner), client)
        except OSError:
            inner.close()
            reset(client)


def reset(client: socket.socket) -> None:
    """Close a connection with RST, at once."""
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    client.close()
