"""A relay on loopback that holds every packet back, as a network would: `delaying_relay.py FRONT PORT MILLISECONDS`.

Each way takes so long, and opening a connection one way and back: a registry that is twice that away.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def delayed(address: str, milliseconds: float) -> Iterator[str]:
    """Yield the address of a relay before `address`, a process of its own; the same address where there is no delay."""
    from proof.processes import free_ports  # noqa: PLC0415 - the same

    from image_stage.server import served  # noqa: PLC0415 - as a program it finds no package

    if not milliseconds:
        yield address
        return
    (front,) = free_ports(1)
    command = [sys.executable, str(Path(__file__)), str(front), address.rpartition(":")[2], str(milliseconds)]
    with served(command, front) as relayed:
        yield relayed


async def relay(front: int, port: int, delay_seconds: float) -> None:
    """Carry connections from one port to the other, and hold back every packet of both directions."""
    loop = asyncio.get_running_loop()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(1 << 16):
                loop.call_later(delay_seconds, writer.write, data)
        loop.call_later(delay_seconds, writer.close)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(2 * delay_seconds)  # the handshake
        other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(carry(reader, other_writer), carry(other_reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", front)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]) / 1000))
