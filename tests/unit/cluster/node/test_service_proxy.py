"""Connections to a Service reach its ready pods. Real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import ENDPOINT_SLICES, ENDPOINTS, EVENTS, NAMESPACES, SERVICES, Json
from flowdrill.cluster.events import EventRecorder
from flowdrill.cluster.node.service_proxy import ServiceProxy
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named

PREFIX = 231
PORT = 8080  # of every pod
DEADLINE_SECONDS = 20
MEGABYTES = 16


class Pods:
    """Servers with addresses of their own, as pods have them."""

    def __init__(self) -> None:
        self._servers: list[asyncio.Server] = []

    async def start(self, number: int, serve: Callable[..., Awaitable[None]]) -> str:
        async def close_after(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with suppress(ConnectionError):
                await serve(reader, writer)
            writer.close()

        address = f"127.{PREFIX}.64.{number}"
        self._servers.append(await asyncio.start_server(close_after, address, PORT))
        return address

    def close(self) -> None:
        for server in self._servers:
            server.close()


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what comes in only once all of it is there: that takes half-closed connections."""
    writer.write(await reader.read())
    await writer.drain()


def says(text: str) -> Callable[..., Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(text.encode())
        await writer.drain()

    return serve


async def sent_until_full(client: socket.socket) -> int:
    """Send until every buffer on the way is full and nothing moves any more; return how many bytes that took."""
    sent, refused = 0, 0
    while refused < 200:
        try:
            sent += client.send(bytes(1 << 16))
            refused = 0
        except BlockingIOError:
            refused += 1
        assert sent < 64 << 20, "something on the way keeps everything"
        await asyncio.sleep(0.001)  # another turn for the proxy
    return sent


class World:
    """A Service, the addresses behind it, and the proxy that is tested."""

    def __init__(self, objects: Objects) -> None:
        self.objects = objects
        self.pods = Pods()

    def service(self, **spec: Any) -> Json:
        ports = [{"name": "http", "port": 80, "targetPort": PORT, "protocol": "TCP"}]
        return self.objects.create(SERVICES, named(SERVICES, "flow", spec={"ports": ports, **spec}))

    def behind(self, *ready: str, leaving: tuple[str, ...] = (), unready: tuple[str, ...] = ()) -> None:
        """Say, as the controller does, which addresses are behind the Service."""
        conditions = [
            (ready, {"ready": True, "serving": True, "terminating": False}),
            (leaving, {"ready": False, "serving": True, "terminating": True}),
            (unready, {"ready": False, "serving": False, "terminating": False}),
        ]
        endpoints = [{"addresses": [one], "conditions": said} for addresses, said in conditions for one in addresses]
        content = {"endpoints": endpoints, "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}]}
        if self.objects.find(ENDPOINT_SLICES, "shop", "flow-1") is not None:
            self.objects.change(ENDPOINT_SLICES, "shop", "flow-1", lambda one: one.update(content))
            return
        labels = {"kubernetes.io/service-name": "flow"}
        made = named(ENDPOINT_SLICES, "flow-1", labels=labels, addressType="IPv4", **content)
        self.objects.create(ENDPOINT_SLICES, made)

    @property
    def address(self) -> tuple[str, int]:
        return self.objects.get(SERVICES, "shop", "flow")["spec"]["clusterIP"], 80

    async def ask(self, data: bytes = b"", address: tuple[str, int] | None = None) -> bytes:
        reader, writer = await asyncio.open_connection(*(address or self.address))
        try:
            writer.write(data)
            writer.write_eof()
            return await reader.read()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def refuses(self, address: tuple[str, int] | None = None) -> bool:
        with pytest.raises(ConnectionRefusedError):
            await self.ask(address=address)
        return True

    async def events(self, reason: str) -> list[str]:
        """The messages of the events with this reason, once there is one."""
        while True:
            found = [one["message"] for one in self.objects.select(EVENTS, "shop") if one["reason"] == reason]
            if found:
                return found
            await asyncio.sleep(0)


@asynccontextmanager
async def world(retry_seconds: float = 3600) -> AsyncIterator[World]:
    objects = fresh_objects(Clock(), PREFIX)
    made = World(objects)
    proxy = ServiceProxy(objects, EventRecorder(objects, "kube-proxy", "node"), retry_seconds)
    async with asyncio.timeout(DEADLINE_SECONDS):
        running = asyncio.create_task(proxy.run())
        await asyncio.sleep(0)
        try:
            yield made
        finally:
            running.cancel()
            await asyncio.wait([running])
            made.pods.close()


def free_node_port() -> int:
    """A port that nobody listens on, outside the range that connections start from."""
    for port in range(31000, 32000):
        with socket.socket() as one, suppress(OSError):
            one.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no free port")


@pytest.fixture(autouse=True)
def _low_ports() -> None:
    with socket.socket() as one:
        try:
            one.bind((f"127.{PREFIX}.255.254", 80))
        except PermissionError:
            pytest.skip("this user may not listen on port 80")


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


def test_every_ready_pod_gets_connections() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            it.behind(await it.pods.start(1, says("one")), await it.pods.start(2, says("two")))
            seen = set()
            while seen != {b"one", b"two"}:
                seen.add(await it.ask())

    run(scenario)


def test_half_closed_connections_carry_everything_both_ways() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            it.behind(await it.pods.start(1, echo))
            data = bytes(range(256)) * 4096 * MEGABYTES
            assert await it.ask(data) == data

    run(scenario)


def test_a_sender_waits_for_a_receiver_that_does_not_read() -> None:
    async def scenario() -> None:
        async with world() as it:
            read_on = asyncio.Event()
            received = bytearray()

            async def reluctant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                await read_on.wait()
                while data := await reader.read(1 << 16):
                    received.extend(data)

            it.service()
            it.behind(await it.pods.start(1, reluctant))
            client = socket.socket()
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, it.address)
            sent = await sent_until_full(client)
            read_on.set()
            client.shutdown(socket.SHUT_WR)
            assert await loop.sock_recv(client, 1) == b""
            assert len(received) == sent
            client.close()

    run(scenario)


def test_a_service_without_ready_pods_refuses_from_the_same_moment() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            assert await it.refuses()
            pod = await it.pods.start(1, says("one"))
            it.behind(pod)
            assert await it.ask() == b"one"
            it.behind(unready=(pod,))
            assert await it.refuses()
            it.behind(pod)
            assert await it.ask() == b"one"

    run(scenario)


def test_pods_that_terminate_but_serve_are_the_last_resort() -> None:
    async def scenario() -> None:
        async with world() as it:
            one, two = await it.pods.start(1, says("one")), await it.pods.start(2, says("two"))
            it.service()
            it.behind(one, leaving=(two,))
            assert {await it.ask() for _ in range(20)} == {b"one"}
            it.behind(leaving=(two,))
            assert await it.ask() == b"two"

    run(scenario)


def test_a_pod_that_refuses_is_not_made_up_for_by_another() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            it.behind(f"127.{PREFIX}.64.9")  # ready, it says, but nobody listens there
            with pytest.raises(ConnectionResetError):
                await it.ask()

    run(scenario)


def test_a_reset_is_passed_on() -> None:
    async def scenario() -> None:
        async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(1)
            connection = writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()

        async with world() as it:
            it.service()
            it.behind(await it.pods.start(1, breaks))
            reader, writer = await asyncio.open_connection(*it.address)
            writer.write(b"x")
            with pytest.raises(ConnectionResetError):
                await reader.read()
            writer.close()

    run(scenario)


def test_a_connection_outlives_its_pods_place_behind_the_service_and_the_service() -> None:
    async def scenario() -> None:
        async def repeat(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while data := await reader.read(1):
                writer.write(data)

        async with world() as it:
            it.service()
            it.behind(await it.pods.start(1, repeat))
            reader, writer = await asyncio.open_connection(*it.address)
            for step in (it.behind, lambda: it.objects.delete(SERVICES, "shop", "flow")):
                writer.write(b"x")
                assert await reader.readexactly(1) == b"x"
                step()
            writer.write(b"y")
            assert await reader.readexactly(1) == b"y"
            writer.close()

    run(scenario)


def test_node_ports_are_served_on_loopback_and_on_the_node() -> None:
    async def scenario() -> None:
        async with world() as it:
            port = free_node_port()
            ports = [{"name": "http", "port": 80, "targetPort": PORT, "nodePort": port, "protocol": "TCP"}]
            it.service(type="NodePort", ports=ports)
            it.behind(await it.pods.start(1, says("one")))
            for address in ("127.0.0.1", f"127.{PREFIX}.0.1"):
                assert await it.ask(address=(address, port)) == b"one"
            it.objects.delete(SERVICES, "shop", "flow")
            for address in ("127.0.0.1", f"127.{PREFIX}.0.1"):
                with socket.socket() as one:
                    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    one.bind((address, port))
                    one.listen()  # the port is free again

    run(scenario)


def test_a_client_with_affinity_stays_with_its_pod_while_that_is_ready() -> None:
    async def scenario() -> None:
        async with world() as it:
            pods = [await it.pods.start(number, says(f"{number}")) for number in range(1, 6)]
            it.service(sessionAffinity="ClientIP")
            it.behind(*pods)
            first = await it.ask()
            assert {await it.ask() for _ in range(20)} == {first}
            it.behind(*(pod for pod in pods if not pod.endswith(f".{first.decode()}")))
            second = await it.ask()
            assert second != first
            assert {await it.ask() for _ in range(20)} == {second}

    run(scenario)


def test_endpoints_written_by_hand_are_followed_when_there_are_no_slices() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            pod = await it.pods.start(1, says("one"))
            subset = {"addresses": [{"ip": pod}], "ports": [{"name": "http", "port": PORT, "protocol": "TCP"}]}
            it.objects.create(ENDPOINTS, named(ENDPOINTS, "flow", subsets=[subset]))
            assert await it.ask() == b"one"

    run(scenario)


def test_a_service_that_leads_to_itself_refuses() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service()
            it.behind(it.address[0])
            assert await it.refuses()

    run(scenario)


def test_a_port_in_use_is_said_and_taken_once_it_is_free() -> None:
    async def scenario() -> None:
        async with world(retry_seconds=0.01) as it:
            port = free_node_port()
            ports = [{"name": "http", "port": 80, "targetPort": PORT, "nodePort": port, "protocol": "TCP"}]
            with socket.create_server(("127.0.0.1", port)):
                it.service(type="NodePort", ports=ports)
                it.behind(await it.pods.start(1, says("one")))
                (message,) = await it.events("FailedToListen")
                assert f"127.0.0.1:{port}" in message
                assert await it.ask() == b"one"  # nothing else breaks
                assert await it.ask(address=(f"127.{PREFIX}.0.1", port)) == b"one"
            answer = None
            while answer is None:
                with suppress(ConnectionRefusedError):
                    answer = await it.ask(address=("127.0.0.1", port))
            assert answer == b"one"

    run(scenario)


def test_udp_is_said_not_to_be_served() -> None:
    async def scenario() -> None:
        async with world() as it:
            it.service(ports=[{"port": 53, "targetPort": 53, "protocol": "UDP"}])
            (message,) = await it.events("UnsupportedProtocol")
            assert message.startswith("port 53/UDP is not served")

    run(scenario)


def test_services_that_were_there_before_are_served_and_nothing_is_left_at_the_end() -> None:
    async def scenario() -> None:
        async with world() as first:
            first.service()
            first.behind(await first.pods.start(1, says("one")))
            async with asyncio.timeout(DEADLINE_SECONDS):
                await first.ask()
            _reader, writer = await asyncio.open_connection(*first.address)
            objects = first.objects
            address = first.address
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(*address)
        writer.close()
        proxy = ServiceProxy(objects, EventRecorder(objects, "kube-proxy", "node"))
        running = asyncio.create_task(proxy.run())
        await asyncio.sleep(0)
        assert objects.find(NAMESPACES, None, "shop") is not None
        with socket.create_connection(address):
            pass
        running.cancel()
        await asyncio.wait([running])

    run(scenario)
