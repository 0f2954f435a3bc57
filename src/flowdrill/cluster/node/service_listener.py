"""One address and port of a Service: accepts connections while something can take them, else refuses them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from flowdrill.cluster.node.service_frontends import Address

_BACKLOG = 1024
_MOST_ACCEPTED = 64  # in one turn of the event loop
_PAUSE_SECONDS = 0.5  # when no more connections can be had, for want of file descriptors


class ServiceListener:
    """Holds the port from the first settle() to close(); both are for the event loop's thread.

    While nothing is ready the socket is bound but does not listen: the kernel then refuses connections (ECONNREFUSED)
    and a client sees what it sees with kube-proxy's REJECT rule. Accepting and resetting would look like a server
    that breaks off."""

    def __init__(self, address: Address, accepted: Callable[[socket.socket, str], None]) -> None:
        """`accepted` gets every connection, non-blocking, with the client's address, and must see to its end."""
        self._address, self._accepted = address, accepted
        self._socket: socket.socket | None = None
        self._listening = False
        self._pause: asyncio.TimerHandle | None = None

    def settle(self, *, accepting: bool) -> None:
        """Accept from now on, or refuse. OSError when the address cannot be had; then try again later."""
        if self._socket is not None and accepting == self._listening:
            return
        if self._listening:
            self.close()  # there is no way back from listening
        if self._socket is None:
            self._socket = _bound(self._address)
        if accepting:
            self._listen(self._socket)

    def close(self) -> None:
        """Give the port back."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
        self._socket, self._listening = None, False

    def _listen(self, bound: socket.socket) -> None:
        try:
            bound.listen(_BACKLOG)
        except OSError:  # somebody else was bound too, and listened first
            self.close()
            raise
        self._listening = True
        asyncio.get_running_loop().add_reader(bound, self._accept, bound)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_MOST_ACCEPTED):
            try:
                connection, client = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError:
                loop = asyncio.get_running_loop()
                loop.remove_reader(listening)
                self._pause = loop.call_later(_PAUSE_SECONDS, loop.add_reader, listening, self._accept, listening)
                return
            connection.setblocking(False)
            self._accepted(connection, client[0])


def _bound(address: Address) -> socket.socket:
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.setblocking(False)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one
