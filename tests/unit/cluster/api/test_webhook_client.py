"""Asking a webhook over HTTPS on loopback: bounded in time and size, whatever answers."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import SERVICES
from flowdrill.cluster.api.selectors import LabelSelector
from flowdrill.cluster.api.webhook_client import CallError, WebhookClient
from flowdrill.cluster.api.webhooks import Webhook
from flowdrill.cluster.certificates import make_certificates
from tests.unit.cluster.controllers.driven import Clock, fresh_objects, named

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def webhook(client: Any, authorities: str, timeout_seconds: float = 5) -> Webhook:
    everything = LabelSelector()
    return Webhook("a.example.org", client, authorities, timeout_seconds, False, (), everything, everything)


def answered(
    certificates: Path, answer: bytes | Serve, *, path: str = "/x?", timeout_seconds: float = 5, trusted: bool = True
) -> bytes:
    """What is had from a server that answers with these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nask")
        assert isinstance(answer, bytes)
        writer.write(answer)
        writer.close()

    async def run() -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificates / "server.crt", certificates / "server.key")
        server = await asyncio.start_server(serve if isinstance(answer, bytes) else answer, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        authorities = (certificates / "ca.crt").read_text() if trusted else ""
        one = webhook({"url": f"https://127.0.0.1:{port}/x"}, authorities, timeout_seconds)
        async with server:
            return await WebhookClient(fresh_objects(Clock())).ask(one, b"ask")

    return asyncio.run(run())


@pytest.mark.parametrize(
    "sent",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
    ],
)
def test_an_answer_comes_in_every_form_that_http_knows(certificates: Path, sent: bytes) -> None:
    assert answered(certificates, sent) == b"hello"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "status code 500"),
        (b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/y\r\nContent-Length: 0\r\n\r\n", "status code 302"),
        (b"SSH-2.0\r\n", "Post "),
        (b"", "Post "),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n" + b"x" * 9_000_000, "larger than 8388608 bytes"),
    ],
)
def test_what_is_no_answer_is_an_error_that_names_the_address(certificates: Path, sent: bytes, said: str) -> None:
    with pytest.raises(CallError, match=said) as failed:
        answered(certificates, sent)
    assert str(failed.value).startswith('failed to call webhook: Post "https://127.0.0.1:')


def test_who_never_ends_is_left_when_the_time_is_over(certificates: Path) -> None:
    async def dribble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
        await reader.read()

    with pytest.raises(CallError, match="context deadline exceeded"):
        answered(certificates, dribble, timeout_seconds=0.1)


def test_a_certificate_of_nobody_known_is_not_trusted(certificates: Path) -> None:
    with pytest.raises(CallError, match="x509: certificate signed by unknown authority"):
        answered(certificates, b"", trusted=False)


def asked_service(objects: Objects, **service: Any) -> str:
    one = webhook({"service": {"name": "hook", "namespace": "shop", "port": 1, **service}}, "")
    with pytest.raises(CallError) as failed:
        asyncio.run(WebhookClient(objects).ask(one, b""))
    return str(failed.value)


def test_a_service_is_asked_at_its_cluster_address_by_its_own_name() -> None:
    objects = fresh_objects(Clock())
    assert asked_service(objects) == 'failed to call webhook: service "hook" not found'
    made = objects.create(SERVICES, named(SERVICES, "hook", spec={"ports": [{"port": 1}]}))
    seen = asked_service(objects, path="/review")
    assert seen == (
        'failed to call webhook: Post "https://hook.shop.svc:1/review?timeout=5s": dial tcp '
        f"{made['spec']['clusterIP']}:1: connect: connection refused"
    )
    objects.delete(SERVICES, "shop", "hook")
    objects.create(SERVICES, named(SERVICES, "hook", spec={"ports": [{"port": 1}], "clusterIP": "None"}))
    assert "has no cluster address" in asked_service(objects)
