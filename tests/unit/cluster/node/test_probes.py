"""Probes judge as the kubelet's do, whatever is at the other end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager

import pytest

from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.node.probes import Prober, ProbeResult, probing

HOST = "127.0.0.1"


class Server:
    """Answers every request with the next of its answers (the last one for ever), and keeps what it was asked."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []
        self.port = 0
        self.connections: dict[asyncio.Task[None] | None, asyncio.StreamWriter] = {}

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections[asyncio.current_task()] = writer
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            self.asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
            writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
            if not self.answers[0]:
                await reader.read()  # hangs until the other side gives up
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def serving(*answers: bytes) -> AsyncIterator[Server]:
    server = Server(*answers)
    listening = await asyncio.start_server(server, HOST, 0)
    server.port = listening.sockets[0].getsockname()[1]
    async with listening:
        yield server
    for one in server.connections.values():
        one.transport.abort()
    await asyncio.gather(*filter(None, server.connections), return_exceptions=True)


async def no_command(argv: list[str], timeout: float) -> tuple[int, str]:
    raise AssertionError(f"{argv} {timeout}")


def run(test: Awaitable[None]) -> None:
    async def within_limit() -> None:
        await asyncio.wait_for(test, 20)

    asyncio.run(within_limit())


def answer(status: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def http_result(*answers: bytes, **target: object) -> tuple[ProbeResult, Server]:
    found: list[tuple[ProbeResult, Server]] = []

    async def story() -> None:
        async with serving(*answers) as server:
            prober = Prober(HOST, {"web": server.port}, no_command)
            found.append((await prober.ask({"httpGet": {"port": "web", "path": "/health", **target}}), server))

    run(story())
    return found[0]


@pytest.mark.parametrize(
    ("status", "good"),
    [("200 OK", True), ("204 No Content", True), ("399 What", True), ("400 No", False), ("500 No", False)],
)
def test_a_status_below_400_is_good(status: str, good: bool) -> None:
    result, _ = http_result(answer(status))
    assert result.good is good
    assert good or result.message == f"HTTP probe failed with statuscode: {status[:3]}"


@pytest.mark.parametrize("content", [b"nonsense\r\n\r\n", b"HTTP/1.1 abc\r\n\r\n", b"HTTP/1.1", b"x" * 200_000])
def test_what_is_no_http_is_a_failure(content: bytes) -> None:
    result, _ = http_result(content)
    assert not result.good
    assert result.message


def test_a_server_that_does_not_answer_is_given_its_timeout() -> None:
    result, server = http_result(b"", timeoutSeconds=1)
    assert (result.good, len(server.asked)) == (False, 1)
    assert "context deadline exceeded" in result.message


def test_given_headers_take_the_place_of_the_usual_ones() -> None:
    headers = [{"name": "host", "value": "shop.example"}, {"name": "X-Key", "value": "k"}, {"name": "User-Agent"}]
    _, server = http_result(answer("200 OK"), httpHeaders=headers)
    lines = server.asked[0].split("\r\n")
    assert lines[0] == "GET /health HTTP/1.1"
    named = sorted(line.partition(":")[0].lower() for line in lines[1:] if line)
    assert named == ["accept", "connection", "host", "user-agent", "x-key"]
    assert "host: shop.example" in lines


def test_a_redirect_on_the_same_host_is_followed_to_its_end() -> None:
    result, server = http_result(answer("302 Found", "Location: login?next=1#top"), answer("503 Busy"))
    assert [one.split(" ")[1] for one in server.asked] == ["/health", "/login?next=1"]
    assert result.message == "HTTP probe failed with statuscode: 503"


@pytest.mark.parametrize("location", ["http://other.example/", "https://other.example/"])
def test_a_redirect_to_another_host_is_good_and_not_followed(location: str) -> None:
    result, server = http_result(answer("301 Moved", f"Location: {location}"))
    assert (result.good, len(server.asked)) == (True, 1)


def test_redirects_in_a_circle_end() -> None:
    result, server = http_result(answer("307 Again", "location: /health"))
    assert not result.good
    assert "stopped after 10 redirects" in result.message
    assert len(server.asked) == 10


def test_a_port_that_listens_is_good_and_one_that_does_not_is_bad() -> None:
    async def story() -> None:
        async with serving(b"x") as server:
            prober = Prober(HOST, {"web": server.port}, no_command)
            assert (await prober.ask({"tcpSocket": {"port": "web"}})).good
            assert (await prober.ask({"tcpSocket": {"port": str(server.port)}})).good
        refused = await prober.ask({"tcpSocket": {"port": "web"}})
        assert (refused.good, refused.message[:8]) == (False, "dial tcp")

    run(story())


@pytest.mark.parametrize(
    ("probe", "why"),
    [
        ({"tcpSocket": {"port": "nameless"}}, "couldn't find port: nameless"),
        ({"tcpSocket": {"port": 65536}}, "invalid port number"),
        ({"httpGet": {"port": "99999"}}, "invalid port number"),
        ({"httpGet": {"port": "\N{SUPERSCRIPT TWO}"}}, "couldn't find port"),
        ({"httpGet": {"port": 80, "scheme": "HTTPS"}}, "plain HTTP only"),
        ({"grpc": {"port": 80}}, "no probe of this kind"),
    ],
)
def test_what_cannot_be_asked_is_a_failure_that_says_why(probe: Json, why: str) -> None:
    async def story() -> None:
        result = await Prober(HOST, {}, no_command).ask(probe)
        assert not result.good
        assert why in result.message

    run(story())


def test_a_command_is_good_when_it_exits_with_0_and_bad_when_it_takes_too_long() -> None:
    async def command(argv: list[str], _: float) -> tuple[int, str]:
        if argv == ["hang"]:
            await asyncio.get_running_loop().create_future()
        return int(argv[1]), "words"

    async def story() -> None:
        prober = Prober(HOST, {}, command)
        assert await prober.ask({"exec": {"command": ["exit", "0"]}}) == ProbeResult(True, "words")
        assert await prober.ask({"exec": {"command": ["exit", "1"]}}) == ProbeResult(False, "words")
        late = await prober.ask({"exec": {"command": ["hang"]}, "timeoutSeconds": 1})
        assert late == ProbeResult(False, "command timed out after 1s")

    run(story())


class FastLoop(asyncio.SelectorEventLoop):
    """Its time passes at once: only when nothing is left to do, and up to the next thing that is due."""

    def __init__(self) -> None:
        super().__init__()
        self._passed = 0.0

    def time(self) -> float:
        return self._passed if hasattr(self, "_passed") else 0.0

    def _run_once(self) -> None:
        ready, scheduled = self._ready, self._scheduled  # type: ignore[attr-defined]
        if not ready and scheduled:
            self._passed = max(self._passed, scheduled[0].when())
        super()._run_once()  # type: ignore[misc]


def verdicts(outcomes: str, answer_seconds: float = 0, **probe: int) -> list[tuple[float, bool]]:
    """What probing tells, and when, of a command that ends as the letters say: + or -."""
    told: list[tuple[float, bool]] = []
    left = list(outcomes)

    async def story() -> None:
        loop = asyncio.get_running_loop()
        done = asyncio.Event()

        async def command(_: list[str], __: float) -> tuple[int, str]:
            if not left:
                done.set()
                await loop.create_future()
            await asyncio.sleep(answer_seconds)
            return (0 if left.pop(0) == "+" else 1), ""

        asked = {"exec": {"command": ["x"]}, "timeoutSeconds": 60, **probe}
        told_at = asyncio.create_task(
            probing(Prober(HOST, {}, command), asked, lambda good: told.append((loop.time(), good)), lambda _: None)
        )
        await done.wait()
        told_at.cancel()

    loop = FastLoop()
    try:
        loop.run_until_complete(story())
    finally:
        loop.close()
    return told


def test_only_as_many_failures_in_a_row_as_the_threshold_count() -> None:
    assert verdicts("--+--", failureThreshold=3, periodSeconds=1) == [(2, True)]
    assert verdicts("---", failureThreshold=3, periodSeconds=1) == [(2, False)]
    assert verdicts("--", periodSeconds=1) == [], "three when nothing is said"


def test_only_as_many_successes_in_a_row_as_the_threshold_count() -> None:
    told = verdicts("+-++", successThreshold=2, failureThreshold=1, periodSeconds=5, initialDelaySeconds=7)
    assert told == [(12, False), (22, True)]


def test_the_period_is_from_begin_to_begin_however_long_an_answer_takes() -> None:
    assert [at for at, _ in verdicts("+++", answer_seconds=4, periodSeconds=5)] == [4, 9, 14]
    assert [at for at, _ in verdicts("+++", answer_seconds=7, periodSeconds=5)] == [7, 14, 21]


@pytest.mark.parametrize("turns", range(8))
def test_probing_ends_when_it_is_told_to_also_in_the_moment_of_an_answer(turns: int) -> None:
    async def test() -> None:
        answered: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

        async def command(argv: list[str], timeout: float) -> tuple[int, str]:
            return await answered

        prober, probe = Prober("127.0.0.1", {}, command), {"exec": {"command": ["x"]}, "periodSeconds": 3600}
        task = asyncio.create_task(probing(prober, probe, lambda _: None, lambda _: None))
        for _ in range(5):
            await asyncio.sleep(0)
        answered.set_result((1, "no"))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert task.cancelled()

    run(test())
