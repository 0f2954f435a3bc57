"""A small server that answers like `lfx serve`, in a process of its own: fast, and told what to do over its stdin.

Prints `{"port": …}` first. Then one command a line:
  good | error | wrong | redirect | garbage | truncated | close | hang
                                        what every request gets from now on (hang: nothing until another command)
  flip SEED COUNT MEAN_SECONDS          from now on bad and good in turns, at instants known beforehand; prints
                                        `{"start_ns": …, "flips_ns": [...]}`, the first one being good -> bad
  report                                prints what it has seen
It ends when its stdin does.
"""

from __future__ import annotations

import asyncio
import bisect
import itertools
import json
import random
import sys
import time
from typing import Any

GOOD = b'{"result":"echo: hello v1","success":true,"logs":"","type":"message","component":"Chat Output"}'
WRONG = b'{"result":"","success":true,"logs":"","type":"message","component":"Chat Output"}'
ERROR = b'{"result":"Flow execution failed: boom, key KEY","success":false,"logs":"","type":"error","component":""}'

UNUSUAL = {
    "redirect": b"HTTP/1.1 302 Found\r\nlocation: /login\r\ncontent-length: 0\r\n\r\n",
    "garbage": b"\0v1 is no HTTP\r\n\r\n",
    "truncated": b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n" + GOOD,
}


def tell(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def response(status: bytes, body: bytes, *, close: bool) -> bytes:
    connection = b"close" if close else b"keep-alive"
    return b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: %b\r\n\r\n%b" % (
        status,
        len(body),
        connection,
        body,
    )


class State:
    def __init__(self) -> None:
        self.mode = "good"
        self.flips_ns: list[int] = []
        self.arrived_ns: list[int] = []
        self.connection_of: list[int] = []
        self.keys: set[str] = set()
        self.paths: set[str] = set()
        self.encodings: set[str] = set()
        self.waiting: list[Connection] = []
        self.connections = itertools.count()

    def mode_now(self) -> str:
        if self.flips_ns:
            return "error" if bisect.bisect_right(self.flips_ns, time.monotonic_ns()) % 2 else "good"
        return self.mode

    def obey(self, line: str) -> None:
        command, *arguments = line.split()
        if command == "flip":
            chance = random.Random(int(arguments[0]))
            start_ns = time.monotonic_ns()
            mean = float(arguments[2])
            lengths = [chance.uniform(0.6 * mean, 1.4 * mean) for _ in range(int(arguments[1]))]
            self.flips_ns = [start_ns + round(at * 1e9) for at in itertools.accumulate(lengths)]
            tell({"start_ns": start_ns, "flips_ns": self.flips_ns})
        elif command == "report":
            seen = {"arrived_ns": self.arrived_ns, "connection_of": self.connection_of}
            seen_once = {"keys": self.keys, "paths": self.paths, "encodings": self.encodings}
            tell({**seen, **{name: sorted(values) for name, values in seen_once.items()}})
        else:
            self.mode = command
            for connection in self.waiting:
                connection.answer()
            self.waiting.clear()


class Connection(asyncio.Protocol):
    def __init__(self, state: State) -> None:
        self.state = state
        self.number = next(state.connections)
        self.buffer = b""
        self.key = ""
        self.close = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, end, body = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if not end or len(body) < int(headers.get("content-length", 0)):
            return
        self.buffer = b""
        self.close = headers.get("connection", "").lower() == "close"
        self.key = headers.get("x-api-key", "")
        self.state.keys.add(self.key)
        self.state.paths.add(lines[0])
        self.state.encodings.add(headers.get("accept-encoding", ""))
        self.state.arrived_ns.append(time.monotonic_ns())
        self.state.connection_of.append(self.number)
        self.answer()

    def answer(self) -> None:
        mode = self.state.mode_now()
        if mode == "hang":
            self.state.waiting.append(self)
        elif mode == "close":
            self.transport.abort()
        elif mode in UNUSUAL:
            self.transport.write(UNUSUAL[mode])
            self.transport.close()
        elif not self.transport.is_closing():
            bodies = {"good": GOOD, "wrong": WRONG, "error": ERROR.replace(b"KEY", self.key.encode())}
            status = b"500 Internal Server Error" if mode == "error" else b"200 OK"
            self.transport.write(response(status, bodies[mode], close=self.close))
            if self.close:
                self.transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    state = State()
    server = await loop.create_server(lambda: Connection(state), "127.0.0.1", 0, backlog=4096)
    tell({"port": server.sockets[0].getsockname()[1]})
    commands = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    while line := await commands.readline():
        state.obey(line.decode())


asyncio.run(main())
