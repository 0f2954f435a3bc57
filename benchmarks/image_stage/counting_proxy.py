"""A proxy on loopback that counts what goes through it, in a process of its own: what is measured has its own alone."""

from __future__ import annotations

import multiprocessing
import socket
import threading
from contextlib import suppress
from multiprocessing.sharedctypes import Synchronized


class CountingProxy:
    """Carries connections to a port on loopback and counts the bytes of both directions, before it passes them on."""

    def __init__(self, port: int) -> None:
        processes = multiprocessing.get_context("spawn")
        self._count = processes.Value("Q", 0)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = int(listener.getsockname()[1])
            self._process = processes.Process(target=_accept, args=(listener, port, self._count), daemon=True)
            self._process.start()

    @property
    def bytes(self) -> int:
        """How many there have been."""
        return int(self._count.value)

    def close(self) -> None:
        self._process.terminate()
        self._process.join()


def _accept(listener: socket.socket, port: int, count: Synchronized[int]) -> None:
    while True:
        client, _ = listener.accept()
        server = socket.create_connection(("127.0.0.1", port))
        for one, other in ((client, server), (server, client)):
            # a client that writes headers and body one after the other would wait 40 ms for this proxy's kernel
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=_carry, args=(one, other, count), daemon=True).start()


def _carry(one: socket.socket, other: socket.socket, count: Synchronized[int]) -> None:
    with suppress(OSError):
        while data := one.recv(1 << 16):
            with count.get_lock():
                count.value += len(data)
            other.sendall(data)
        other.shutdown(socket.SHUT_WR)
