"""Nothing that a container has started outlives it, its keeper, or what the keeper works for."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from flowdrill.cluster.node.keeper_client import KeeperClient, ProcessPlan, StartError

# What a container leaves behind, each in another way; every one writes its id into a file of its own.
_STAYS = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
_HIDES = f"""
import os, sys
stays, folder = {_STAYS!r}, sys.argv[1]
def leave(name, environment, *, sessions):
    if os.fork():
        return
    for _ in range(sessions):
        os.setsid()
        if os.fork():
            os._exit(0)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)
    os.execve(sys.executable, [sys.executable, "-c", stays, os.path.join(folder, name)], environment)
leave("child", os.environ, sessions=0)
leave("daemon", os.environ, sessions=1)
leave("hidden", {{}}, sessions=2)
"""
_LEFT = ("child", "daemon", "hidden")
_BOMB = """
import os, time
pid = 0
while pid == 0:
    pid = os.fork()
    if pid == 0:
        os.setsid()
        time.sleep(0.01)
"""


@asynccontextmanager
async def keeper() -> AsyncIterator[KeeperClient]:
    async with KeeperClient() as client:
        yield client


def plan(folder: Path, *argv: str, name: str = "main") -> ProcessPlan:
    return ProcessPlan(argv, dict(os.environ), folder, folder / f"{name}.log")


def program(folder: Path, text: str) -> ProcessPlan:
    return plan(folder, sys.executable, "-c", text, str(folder))


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


async def until(condition: Callable[[], object], what: str) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, what
        await asyncio.sleep(0.01)


def written(path: Path) -> int | None:
    return int(text) if path.exists() and (text := path.read_text()) else None


async def left_by(folder: Path) -> list[int]:
    """The processes that _HIDES has left, once all of them run."""
    await until(lambda: all(written(folder / name) for name in _LEFT), "all run")
    return [written(folder / name) or 0 for name in _LEFT]


def keeper_of(client: KeeperClient) -> int:
    return client._process.pid


def run(test: Awaitable[None]) -> None:
    async def within_limit() -> None:
        await asyncio.wait_for(test, 30)

    asyncio.run(within_limit())


@pytest.mark.parametrize("how", ["the end of its first process", "SIGKILL"])
def test_what_a_container_has_left_anywhere_ends_with_it(tmp_path: Path, how: str) -> None:
    async def story() -> None:
        async with keeper() as client:
            running = await client.start(program(tmp_path, f"{_HIDES}\nimport time; time.sleep(600)"))
            left = await left_by(tmp_path)
            assert all(map(is_alive, left))
            main = next(pid for pid in below(running.overseer) if pid not in left)
            os.kill(main, signal.SIGTERM) if "first" in how else client.signal(running, signal.SIGKILL)
            assert await running.ended == 128 + (signal.SIGTERM if "first" in how else signal.SIGKILL)
            assert not any(map(is_alive, left)), "before its end is told"

    run(story())


@pytest.mark.parametrize("victim", ["keeper", "overseer", "nobody"])
def test_nothing_survives_a_kill_of_the_keeper_or_of_an_overseer_or_the_end_of_the_client(
    tmp_path: Path, victim: str
) -> None:
    async def story() -> None:
        async with keeper() as client:
            running = await client.start(program(tmp_path, f"{_HIDES}\nimport time; time.sleep(600)"))
            everything = [*await left_by(tmp_path), *below(running.overseer), running.overseer]
            if victim != "nobody":
                os.kill(keeper_of(client) if victim == "keeper" else running.overseer, signal.SIGKILL)
                assert await running.ended == 137
                await until(lambda: not any(map(is_alive, everything)), "all are gone")
        assert not any(map(is_alive, everything))

    run(story())


def test_another_container_is_left_alone_by_the_end_of_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeper() as client:
            (tmp_path / "other").mkdir()
            other = await client.start(program(tmp_path / "other", f"{_HIDES}\nimport time; time.sleep(600)"))
            left = await left_by(tmp_path / "other")
            one = await client.start(plan(tmp_path, "sleep", "600"))
            os.kill(one.overseer, signal.SIGKILL)
            await one.ended
            assert all(map(is_alive, left))
            assert not other.ended.done()

    run(story())


def test_a_container_that_forks_without_end_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeper() as client:
            running = await client.start(program(tmp_path, _BOMB))
            await until(lambda: len(below(running.overseer)) > 0, "it has begun")
            client.signal(running, signal.SIGKILL)
            await running.ended
            assert not below(keeper_of(client))

    run(story())


def test_a_container_starts_with_the_signals_of_a_fresh_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeper() as client:
            running = await client.start(plan(tmp_path, "grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"))
            await running.ended

    run(story())
    masks = [int(line.split()[-1], 16) for line in (tmp_path / "main.log").read_text().splitlines() if "Sig" in line]
    of_the_c_library = 1 << 31 | 1 << 32  # signals 32 and 33: as this process inherited them, no program can set them
    assert [mask & ~of_the_c_library for mask in masks] == [0, 0]


@pytest.mark.parametrize(
    ("argv", "why"),
    [
        (("/no/such/program",), "No such file"),
        (("/etc/passwd",), "Permission denied"),
        (("{folder}/no-format",), "Exec format error"),
        (("x" * 200_000,), "File name too long"),
        (("true", "a\0b"), "null byte"),
        (("true", "x" * (4 << 20)), "Argument list too long"),
    ],
)
def test_what_cannot_be_started_is_told_and_the_next_one_runs(tmp_path: Path, argv: tuple[str, ...], why: str) -> None:
    (tmp_path / "no-format").write_bytes(b"\x7fELF nothing")
    (tmp_path / "no-format").chmod(0o755)

    async def story() -> None:
        async with keeper() as client:
            with pytest.raises(StartError, match=why):
                await client.start(plan(tmp_path, *(one.format(folder=tmp_path) for one in argv)))
            running = await client.start(plan(tmp_path, "sh", "-c", "exit 3"))
            assert await running.ended == 3

    run(story())


def test_a_start_that_nobody_waits_for_any_more_leaves_no_process(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeper() as client:
            starting = asyncio.create_task(client.start(plan(tmp_path, "sleep", "600")))
            await asyncio.sleep(0)  # the message is sent
            starting.cancel()
            running = await client.start(plan(tmp_path, "sleep", "600", name="other"))
            everyone = set(below(keeper_of(client)))
            kept = {running.overseer, *below(running.overseer)}
            await until(lambda: not any(map(is_alive, everyone - kept)), "the first is gone")
            assert not running.ended.done()

    run(story())


def test_a_keeper_that_is_gone_starts_nothing_and_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with keeper() as client:
            os.kill(keeper_of(client), signal.SIGKILL)
            with pytest.raises(StartError, match="keeper"):
                await client.start(plan(tmp_path, "true"))
            await client.ended()

    run(story())


def below(root: int) -> list[int]:
    found: list[int] = []
    for task in Path(f"/proc/{root}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue  # it has just ended
        for child in children:
            found += [child, *below(child)]
    return [pid for pid in found if is_alive(pid)]
