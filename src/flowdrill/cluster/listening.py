"""The cluster's own ports and addresses: taken before anything else is done, so that a conflict leaves no trace."""

from __future__ import annotations

import errno
import random
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from flowdrill.errors import ClusterError

_LOOPBACK = "127.0.0.1"
_MARK_PORT = (
    20250  # on the node's address: who holds it has the cluster's /16 (a kubelet's 10250 is taken on all addresses)
)
_TRIES = 50


@dataclass(frozen=True, slots=True)
class Listening:
    """Bound sockets: the API's, the registry's, and one that keeps the cluster's addresses."""

    api: socket.socket
    registry: socket.socket
    addresses: socket.socket
    prefix: int

    @property
    def api_port(self) -> int:
        """The API's port on 127.0.0.1."""
        return int(self.api.getsockname()[1])

    @property
    def registry_port(self) -> int:
        """The registry's port on 127.0.0.1."""
        return int(self.registry.getsockname()[1])

    def close(self) -> None:
        """Give everything back."""
        for one in (self.api, self.registry, self.addresses):
            one.close()


def listen(api_port: int, registry_port: int, prefix: int | None) -> Listening:
    """Bind everything or nothing; 0 and None choose what is free. ClusterError names what is in use."""
    with ExitStack() as taken:
        addresses, prefix = _addresses(prefix)
        taken.callback(addresses.close)
        api = _bound(api_port, "--port")
        taken.callback(api.close)
        registry = _bound(registry_port, "--registry-port")
        taken.pop_all()
    return Listening(api, registry, addresses, prefix)


def _bound(port: int, option: str) -> socket.socket:
    one = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio would not switch Nagle's delay off
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        one.bind((_LOOPBACK, port))
        one.listen(512)
    except (OSError, OverflowError) as error:
        one.close()
        raise ClusterError(
            f"port {port} of {_LOOPBACK} cannot be used: {error}",
            f"stop what uses it, or choose another port with {option}",
        ) from error
    return one


def _addresses(prefix: int | None) -> tuple[socket.socket, int]:
    candidates = random.sample(range(1, 255), _TRIES) if prefix is None else [prefix]
    for candidate in candidates:
        one = socket.socket(proto=socket.IPPROTO_TCP)  # named, or asyncio would not switch Nagle's delay off
        try:
            one.bind((f"127.{candidate}.0.1", _MARK_PORT))
            one.listen(1)
        except OSError as error:
            one.close()
            if error.errno != errno.EADDRINUSE:
                raise ClusterError(
                    f"127.{candidate}.0.1 cannot be used: {error.strerror}",
                    "the embedded cluster needs Linux, where all of 127.0.0.0/8 is this machine",
                ) from error
        else:
            return one, candidate
    raise ClusterError(
        f"the addresses 127.{candidates[0]}.0.0/16 of this cluster are used by another one",
        "stop that one first: `flowdrill cluster down --state FOLDER`",
    )
