"""What kube-proxy does, in user space: listens on Services' addresses, balances connections over ready pods."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from dataclasses import dataclass, field
from functools import partial

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ENDPOINT_SLICES, ENDPOINTS, SERVICES, Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.api.store import Change
from flowdrill.cluster.events import EventRecorder
from flowdrill.cluster.node.balancer import Balancer
from flowdrill.cluster.node.connection_pump import ConnectionPump, reset
from flowdrill.cluster.node.service_frontends import Address, frontends, unserved_ports
from flowdrill.cluster.node.service_listener import ServiceListener

_SERVICE_NAME = "kubernetes.io/service-name"
_RETRY_SECONDS = 10.0

_Key = tuple[str, str]


@dataclass(slots=True)
class _Served:
    """What there is of one Service: a balancer for every port, a listener for every address."""

    uid: str
    balancers: dict[str, Balancer] = field(default_factory=dict)
    listeners: dict[Address, ServiceListener] = field(default_factory=dict)
    problems: dict[Address, str] = field(default_factory=dict)
    said: set[str] = field(default_factory=set)


class ServiceProxy:
    """Follows Services and what is behind them; a change takes effect before the store's write returns.

    `externalTrafficPolicy` and `internalTrafficPolicy` mean nothing on one node. Connections that are carried already
    go on when their pod leaves the Service or the Service goes, as on a real node."""

    def __init__(self, objects: Objects, recorder: EventRecorder, retry_seconds: float = _RETRY_SECONDS) -> None:
        self._objects, self._recorder, self._retry_seconds = objects, recorder, retry_seconds
        self._served: dict[_Key, _Served] = {}
        self._pump = ConnectionPump()

    async def run(self) -> None:
        """Serve until cancelled; then no port and no connection is left."""
        end = self._objects.store.subscribe(self._changed)
        try:
            for service in self._objects.select(SERVICES):
                self._look_at((service["metadata"]["namespace"], service["metadata"]["name"]))
            while True:
                await asyncio.sleep(self._retry_seconds)
                for key in [key for key, one in self._served.items() if one.problems]:
                    self._look_at(key)
        finally:
            end()
            for key in list(self._served):
                self._stop(key)
            await self._pump.close()

    def _changed(self, change: Change) -> None:
        meta = change.object["metadata"]
        if change.resource in (SERVICES, ENDPOINTS):
            self._look_at((meta["namespace"], meta["name"]))
        elif change.resource == ENDPOINT_SLICES:
            for state in (change.previous, change.object):
                labels = {} if state is None else state["metadata"].get("labels") or {}
                if _SERVICE_NAME in labels:
                    self._look_at((meta["namespace"], labels[_SERVICE_NAME]))

    def _look_at(self, key: _Key) -> None:
        """Serve a Service as it is now."""
        service = self._objects.find(SERVICES, *key)
        if key in self._served and (service is None or service["metadata"]["uid"] != self._served[key].uid):
            self._stop(key)
        if service is None:
            return
        served = self._served.setdefault(key, _Served(service["metadata"]["uid"]))
        wanted = self._balancers(key, service, served)
        for address in [one for one in served.listeners if one not in wanted]:
            served.listeners.pop(address).close()
            served.problems.pop(address, None)
        for address, balancer in wanted.items():
            listener = served.listeners.get(address)
            if listener is None:
                listener = ServiceListener(address, partial(self._accepted, balancer))
                served.listeners[address] = listener
            self._settle(service, served, address, listener, accepting=bool(balancer.backends))
        self._say_what_is_not_served(service, served)

    def _balancers(self, key: _Key, service: Json, served: _Served) -> dict[Address, Balancer]:
        """Return who balances the connections to each of the Service's addresses, up to date."""
        slices = [
            one for one in self._objects.select(ENDPOINT_SLICES, key[0])
            if (one["metadata"].get("labels") or {}).get(_SERVICE_NAME) == key[1]
        ]  # fmt: skip
        endpoints = self._objects.find(ENDPOINTS, *key)
        wanted: dict[Address, Balancer] = {}
        for front in frontends(service, slices, endpoints, self._objects.network):
            balancer = served.balancers.setdefault(front.port_name, Balancer())
            balancer.update(front.backends, front.affinity_seconds)
            wanted |= dict.fromkeys(front.addresses, balancer)
        return wanted

    def _settle(
        self, service: Json, served: _Served, address: Address, listener: ServiceListener, *, accepting: bool
    ) -> None:
        try:
            listener.settle(accepting=accepting)
        except OSError as error:
            problem = _not_listening(address, error)
            if served.problems.get(address) != problem:
                self._warn(service, "FailedToListen", problem)
            served.problems[address] = problem
        else:
            if served.problems.pop(address, None) is not None:
                self._tell(service, "Normal", "Listening", f"listens on {address[0]}:{address[1]} again")

    def _say_what_is_not_served(self, service: Json, served: _Served) -> None:
        for port in unserved_ports(service):
            if port not in served.said:
                served.said.add(port)
                self._warn(
                    service,
                    "UnsupportedProtocol",
                    f"port {port} is not served: Services of this cluster carry TCP only",
                )

    def _accepted(self, balancer: Balancer, client: socket.socket, address: str) -> None:
        backend = balancer.pick(address, asyncio.get_running_loop().time())
        if backend is None:
            reset(client)
        else:
            self._pump.carry(client, backend)

    def _stop(self, key: _Key) -> None:
        for listener in self._served.pop(key).listeners.values():
            listener.close()

    def _warn(self, service: Json, reason: str, message: str) -> None:
        self._tell(service, "Warning", reason, message)

    def _tell(self, service: Json, kind: str, reason: str, message: str) -> None:
        """Record an event, but only once the change that led here has been told to everybody."""

        def record() -> None:
            with contextlib.suppress(StatusError):  # its namespace may be going: then nobody needs to know
                self._recorder.record(service, kind, reason, message)

        asyncio.get_running_loop().call_soon(record)


def _not_listening(address: Address, error: OSError) -> str:
    where = f"{address[0]}:{address[1]}"
    if error.errno == errno.EADDRINUSE:
        return f"cannot listen on {where}: another process does; stop it or give the Service another port"
    if error.errno == errno.EACCES:
        return (
            f"cannot listen on {where}: this user may not use ports below 1024; give the Service a higher one, or set "
            "net.ipv4.ip_unprivileged_port_start"
        )
    return f"cannot listen on {where}: {error}; give the Service another port"
