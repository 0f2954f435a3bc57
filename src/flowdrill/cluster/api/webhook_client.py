"""Asking a webhook: one HTTPS request within the event loop, bounded in time and size."""

from __future__ import annotations

import asyncio
import functools
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

from flowdrill.cluster.api.objects import Objects
from flowdrill.cluster.api.resource_types import SERVICES
from flowdrill.cluster.api.webhooks import Webhook

_LARGEST_ANSWER = 8 << 20
_PIECE = 64 << 10


class CallError(Exception):
    """A webhook could not be asked, or has not answered as webhooks do."""


@dataclass(frozen=True, slots=True)
class _Place:
    host: str  # where to connect
    port: int
    name: str  # whose certificate it must be
    path: str
    url: str


class WebhookClient:
    """Asks webhooks. Those behind a Service are asked at its cluster address."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    async def ask(self, webhook: Webhook, body: bytes) -> bytes:
        """Return the body of the answer; CallError."""
        place = self._place(webhook)
        sent = f"{place.path}?timeout={webhook.timeout_seconds:g}s"
        try:
            async with asyncio.timeout(webhook.timeout_seconds):
                return await _posted(place, sent, body, _trusting(webhook.authorities))
        except TimeoutError as error:
            why = "context deadline exceeded"
            raise CallError(f'failed to call webhook: Post "{place.url}{sent}": {why}') from error
        except (OSError, ssl.SSLError, httptools.HttpParserError, ValueError) as error:
            raise CallError(f'failed to call webhook: Post "{place.url}{sent}": {_reason(error, place)}') from error

    def _place(self, webhook: Webhook) -> _Place:
        url, service = webhook.client.get("url"), webhook.client.get("service") or {}
        if url:
            parts = urlsplit(url)
            host, path = parts.hostname or "", parts.path or "/"
            return _Place(host, parts.port or 443, host, path, f"https://{parts.netloc}")
        name, namespace, port = service["name"], service["namespace"], service["port"]
        found = self._objects.find(SERVICES, namespace, name)
        if found is None:
            raise CallError(f'failed to call webhook: service "{name}" not found')
        served = f"{name}.{namespace}.svc"
        address = found["spec"].get("externalName") or found["spec"].get("clusterIP") or "None"
        if address == "None":
            raise CallError(f'failed to call webhook: service "{name}" has no cluster address')
        return _Place(address, port, served, service.get("path") or "/", f"https://{served}:{port}")


@functools.lru_cache(maxsize=16)
def _trusting(authorities: str) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=authorities or None)


async def _posted(place: _Place, target: str, body: bytes, trust: ssl.SSLContext) -> bytes:
    reader, writer = await asyncio.open_connection(place.host, place.port, ssl=trust, server_hostname=place.name)
    try:
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {place.url.removeprefix('https://')}\r\nUser-Agent: flowdrill-cluster\r\n"
            "Content-Type: application/json\r\nAccept: application/json\r\nConnection: close\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode("ascii") + body)
        await writer.drain()
        answer = _Answer()
        parser = httptools.HttpResponseParser(answer)
        while not answer.complete and (piece := await reader.read(_PIECE)):
            parser.feed_data(piece)
            if len(answer.body) > _LARGEST_ANSWER:
                raise ValueError(f"the answer is larger than {_LARGEST_ANSWER} bytes")
        if parser.get_status_code() != 200:
            raise ValueError(f"the server answered with status code {parser.get_status_code()}")
        return bytes(answer.body)
    finally:
        writer.close()


class _Answer:
    """What httptools tells of an answer."""

    def __init__(self) -> None:
        self.body = bytearray()
        self.complete = False

    def on_body(self, piece: bytes) -> None:
        self.body += piece

    def on_message_complete(self) -> None:
        self.complete = True


def _reason(error: Exception, place: _Place) -> str:
    if isinstance(error, ConnectionRefusedError):
        return f"dial tcp {place.host}:{place.port}: connect: connection refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        unknown = "self" in error.verify_message or "issuer" in error.verify_message
        return f"x509: certificate signed by unknown authority ({error.verify_message})" if unknown else (
            f"x509: {error.verify_message}"
        )  # fmt: skip
    return str(error) or type(error).__name__
