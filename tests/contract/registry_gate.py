"""A way to a registry that can be shut: the registry itself, which others use too, is left alone."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Gate:
    """Its address, and the file that shuts it while it is there."""

    address: str
    shut: Path


@contextmanager
def gate_to(registry: str, folder: Path) -> Iterator[Gate]:
    """A port of loopback in front of `registry`; every connection through it is cut once the gate is shut."""
    host, _, port = registry.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        gate = Gate(f"127.0.0.1:{listener.getsockname()[1]}", folder / "shut")
        threading.Thread(target=_accept, args=(listener, (host, int(port)), gate), daemon=True).start()
        yield gate


def _accept(listener: socket.socket, registry: tuple[str, int], gate: Gate) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            if gate.shut.exists():
                client.close()
                continue
            server = socket.create_connection(registry)
            for one, other in ((client, server), (server, client)):
                threading.Thread(target=_pump, args=(one, other, gate), daemon=True).start()


def _pump(source: socket.socket, sink: socket.socket, gate: Gate) -> None:
    with suppress(OSError), source, sink:
        while (piece := source.recv(1 << 16)) and not gate.shut.exists():
            sink.sendall(piece)
