"""HTTP servers inside an event loop that is not theirs alone."""

from __future__ import annotations

import asyncio
import asyncio.sslproto
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn

_GRACE_SECONDS = 2
_TLS_BUFFER_BYTES = 32 * 1024  # a TLS record has at most 16 KB; asyncio's own 256 KB for each watch are most of memory


class _Server(uvicorn.Server):
    """Signals are the cluster's business, not each server's."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(app: Any, listening: socket.socket, certificates: Path | None = None) -> AsyncIterator[None]:
    """Serve an ASGI application on a listening socket for as long as the context lasts; with TLS when there are
    certificates (`server.crt`, `server.key`). Requests under way get two seconds to end."""
    if certificates:
        asyncio.sslproto.SSLProtocol.max_size = _TLS_BUFFER_BYTES  # of each connection, from its beginning to its end
    server = _Server(
        uvicorn.Config(
            app,
            lifespan="off",
            access_log=False,
            log_config=None,
            http="httptools",
            ws="none",
            loop="asyncio",
            timeout_keep_alive=75,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            ssl_certfile=certificates / "server.crt" if certificates else None,
            ssl_keyfile=certificates / "server.key" if certificates else None,
            server_header=False,
        )
    )
    task = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        while not server.started:
            if task.done():
                task.result()
                raise OSError("the HTTP server ended while it started")
            await asyncio.sleep(0.001)
        yield
    finally:
        server.should_exit = True
        await task
