"""Chooses a backend for every connection to a port of a Service."""

from __future__ import annotations

import random

from flowdrill.cluster.node.service_frontends import Address

_MOST_CLIENTS = 4096  # that are remembered; the one not seen for longest is forgotten first


class Balancer:
    """Random, as kube-proxy is; with session affinity a client keeps its backend while that is ready."""

    def __init__(self) -> None:
        self.backends: tuple[Address, ...] = ()
        self._affinity_seconds: int | None = None
        self._clients: dict[str, tuple[Address, float]] = {}  # last seen last

    def update(self, backends: tuple[Address, ...], affinity_seconds: int | None) -> None:
        """Balance over these from now on."""
        self.backends, self._affinity_seconds = backends, affinity_seconds

    def pick(self, client: str, now: float) -> Address | None:
        """Return where a connection of the client at this address goes; None when nothing is ready. `now` is in
        seconds of any steady clock."""
        if not self.backends:
            return None
        chosen = random.choice(self.backends)  # noqa: S311 - a balance, not a secret
        if self._affinity_seconds is None:
            return chosen
        kept, seen = self._clients.pop(client, (chosen, now))
        if kept in self.backends and now - seen < self._affinity_seconds:
            chosen = kept
        self._clients[client] = (chosen, now)
        if len(self._clients) > _MOST_CLIENTS:
            del self._clients[next(iter(self._clients))]
        return chosen
