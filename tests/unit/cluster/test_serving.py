from __future__ import annotations

import asyncio
import asyncio.sslproto
import socket
import ssl
import urllib.request
from pathlib import Path
from typing import Any

from flowdrill.cluster.certificates import make_certificates
from flowdrill.cluster.serving import serving

LARGE = bytes(range(256)) * 4096  # 1 MiB: many times what a connection's buffer holds


async def echo(scope: Any, receive: Any, send: Any) -> None:
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def echoed(folder: Path, body: bytes) -> bytes:
    make_certificates(folder)
    trust = ssl.create_default_context(cafile=str(folder / "ca.crt"))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        request = urllib.request.Request(f"https://127.0.0.1:{listening.getsockname()[1]}/", data=body, method="POST")
        async with serving(echo, listening, folder):

            def asked() -> bytes:
                with urllib.request.urlopen(request, timeout=30, context=trust) as answer:
                    return bytes(answer.read())

            return await asyncio.to_thread(asked)


def test_what_is_much_larger_than_a_connections_buffer_goes_through_it_both_ways(tmp_path: Path) -> None:
    assert asyncio.run(echoed(tmp_path, LARGE)) == LARGE


def test_a_connection_with_tls_holds_no_more_than_two_records(tmp_path: Path) -> None:
    asyncio.run(echoed(tmp_path, b"small"))

    assert asyncio.sslproto.SSLProtocol.max_size <= 2 * 16384
