"""Whatever a container writes, its log is bounded and can be read."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flowdrill.cluster.api.pod_logs import LogOptions
from flowdrill.cluster.api.resource_types import Json
from flowdrill.cluster.api.status_error import StatusError
from flowdrill.cluster.node.keeper import Log
from flowdrill.cluster.node.logs import FileLogs

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TERMINATED = {"terminated": {"exitCode": 1}}


@pytest.fixture
def logs(tmp_path: Path) -> FileLogs:
    (tmp_path / "logs").mkdir()
    return FileLogs(lambda _: tmp_path, lambda: NOW)


def pod(restarts: int = 0, state: str = "running", *, last: bool = False) -> Json:
    reason = {"reason": "CrashLoopBackOff"} if state == "waiting" else {"exitCode": 1}
    last_state = TERMINATED if last or restarts else {}
    status = {"name": "main", "restartCount": restarts, "state": {state: reason}, "lastState": last_state}
    return {"metadata": {"name": "web", "uid": "u1"}, "status": {"containerStatuses": [status]}}


def file_of(folder: Path, restarts: int = 0) -> Path:
    return folder / "logs" / f"main-{restarts}.log"


def write(folder: Path, *content: bytes, stream: bytes = b"stdout", restarts: int = 0) -> None:
    log = Log(str(file_of(folder, restarts)))
    for piece in content:
        log.take(stream, piece)
    log.close()


def entry(time: str, text: str, tag: str = "F", stream: str = "stdout") -> str:
    return f"2026-03-01T{time}.123456789Z {stream} {tag} {text}\n"


def read(logs: FileLogs, of: Json | None = None, **options: Any) -> bytes:
    async def story() -> bytes:
        return b"".join([piece async for piece in logs.read(of or pod(), LogOptions("main", **options))])

    return asyncio.run(asyncio.wait_for(story(), 20))


def run(test: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(test, 20))  # type: ignore[arg-type]


async def until(condition: Callable[[], object]) -> None:
    while not condition():
        await asyncio.sleep(0.005)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"one\ntwo\n",
        b"\n\n\n",
        bytes(range(256)).replace(b"\n", b"") * 3 + b"\n",
        b"a\rb\x0bc\x85\xe2\x80\xa8d\n",
        b"x" * 1_000_000 + b"\n",
        b" leading and  double blanks \n",
    ],
)
def test_what_was_written_is_what_is_read(logs: FileLogs, tmp_path: Path, content: bytes) -> None:
    write(tmp_path, *(content[start : start + 65_536] for start in range(0, len(content), 65_536)))
    assert read(logs) == content


def test_a_last_line_without_an_end_gets_one(logs: FileLogs, tmp_path: Path) -> None:
    write(tmp_path, b"one\nlast ", b"words")
    assert read(logs) == b"one\nlast words\n"


def test_a_log_is_bounded_and_its_end_is_kept(logs: FileLogs, tmp_path: Path) -> None:
    lines = b"".join(b"%07d %s\n" % (number, b"x" * 1000) for number in range(35_000))
    write(tmp_path, *(lines[start : start + 65_536] for start in range(0, len(lines), 65_536)))
    held = sum(one.stat().st_size for one in (tmp_path / "logs").iterdir())
    assert 10 << 20 < held < 21 << 20
    found = read(logs)
    assert lines.endswith(found)
    assert len(found) > 9 << 20
    assert read(logs, tail_lines=1) == lines[-1009:]


def test_streams_that_are_split_are_put_together(logs: FileLogs, tmp_path: Path) -> None:
    long = "a" * 5
    text = entry("10:00:00", long, "P") + entry("10:00:01", "other", stream="stderr") + entry("10:00:02", "end")
    file_of(tmp_path).write_text(text + entry("10:00:03", "next"))
    assert re.findall(rb"2026\S+?Z ", read(logs, timestamps=True)) == [
        b"2026-03-01T10:00:00.123456789Z ", b"2026-03-01T10:00:01.123456789Z ", b"2026-03-01T10:00:03.123456789Z ",
    ]  # fmt: skip
    assert read(logs) == b"aaaaaother\nend\nnext\n"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"tail_lines": 0}, b""),
        ({"tail_lines": 2}, b"two\nthree\n"),
        ({"tail_lines": 99}, b"one\ntwo\nthree\n"),
        ({"limit_bytes": 5}, b"one\nt"),
        ({"tail_lines": 1, "limit_bytes": 3}, b"thr"),
        ({"since_seconds": 90 * 60}, b"two\nthree\n"),
        ({"since_time": datetime(2026, 3, 1, 11, 0, 1, tzinfo=UTC)}, b"three\n"),
        ({"tail_lines": 1, "timestamps": True}, b"2026-03-01T11:30:00.123456789Z three\n"),
    ],
)
def test_only_what_was_asked_for_is_shown(
    logs: FileLogs, tmp_path: Path, options: dict[str, Any], wanted: bytes
) -> None:
    file_of(tmp_path).write_text(entry("10:00:00", "one") + entry("11:00:00", "two") + entry("11:30:00", "three"))
    assert read(logs, **options) == wanted


def test_lines_that_a_full_disk_has_cut_off_do_not_hide_the_others(logs: FileLogs, tmp_path: Path) -> None:
    cut = [entry("11:00:00", "lost")[:length] for length in (3, 20, 30, 38)]
    file_of(tmp_path).write_text("\n".join([*cut, ""]) + entry("11:00:00", "kept") + "2026-03-01T11:00")
    for options in ({}, {"since_seconds": 7200}, {"tail_lines": 1}):
        assert read(logs, **options) == b"kept\n"


@pytest.mark.parametrize(
    ("of", "files", "now", "before"),
    [
        (pod(), {0: "first"}, b"first", None),
        (pod(1), {0: "first", 1: "second"}, b"second", b"first"),
        (pod(1, "waiting"), {0: "first", 1: "second"}, b"second", b"second"),
        (pod(2, "waiting"), {0: "first", 1: "second"}, b"second", b"second"),
        (pod(0, "terminated"), {0: "first"}, b"first", None),
        (pod(0, "waiting"), {}, None, None),
        (pod(3), {0: "first"}, None, None),
    ],
)
def test_each_run_has_its_log(
    logs: FileLogs, tmp_path: Path, of: Json, files: dict[int, str], now: bytes | None, before: bytes | None
) -> None:
    for restarts, text in files.items():
        write(tmp_path, text.encode(), restarts=restarts)
    for previous, wanted in ((False, now), (True, before)):
        if wanted is None:
            with pytest.raises(StatusError) as refused:
                read(logs, of, previous=previous)
            assert refused.value.code == 400
        else:
            assert read(logs, of, previous=previous) == wanted + b"\n"


def test_following_shows_every_line_once_through_rotations_until_the_end(logs: FileLogs, tmp_path: Path) -> None:
    wanted = b"".join(b"%05d\n" % number for number in range(20_000))
    lines = wanted.splitlines(keepends=True)
    seen = bytearray()

    def rotated(log: Log, some: Iterable[bytes]) -> None:
        log._size = 10 << 20
        log.take(b"stdout", b"".join(some))

    async def follow() -> None:
        async for piece in logs.read(pod(), LogOptions("main", follow=True)):
            seen.extend(piece)

    async def story() -> None:
        log = Log(str(file_of(tmp_path)))
        log.take(b"stdout", b"".join(lines[:5000]))
        following = asyncio.create_task(follow())
        log.take(b"stdout", b"".join(lines[5000:10_000]))
        await until(lambda: len(seen) == 6 * 10_000)
        rotated(log, lines[10_000:15_000])
        await until(lambda: len(seen) == 6 * 15_000)
        rotated(log, lines[15_000:])
        log.close()
        file_of(tmp_path).with_suffix(".ended").touch()
        await following

    run(story())
    assert bytes(seen) == wanted


def test_following_ends_with_the_limit_and_with_the_pod(logs: FileLogs, tmp_path: Path) -> None:
    write(tmp_path, b"one\n")

    async def story() -> None:
        pieces = logs.read(pod(), LogOptions("main", follow=True, limit_bytes=6))
        found = [await anext(pieces)]
        write(tmp_path, b"two\n", b"three\n")
        assert b"".join(found + [piece async for piece in pieces]) == b"one\ntw"
        pieces = logs.read(pod(), LogOptions("main", follow=True))
        await anext(pieces)
        file_of(tmp_path).unlink()
        assert [piece async for piece in pieces] == []

    run(story())


def test_a_log_goes_on_when_its_disk_is_full_and_when_it_cannot_rotate(logs: FileLogs, tmp_path: Path) -> None:
    (tmp_path / "full").symlink_to("/dev/full")
    full = Log(str(tmp_path / "full"))
    full.take(b"stdout", b"lost\n")
    full.close()
    log = Log(str(file_of(tmp_path)))
    log._size = 10 << 20
    (tmp_path / "logs/main-0.log.1").mkdir()  # nothing can take this place
    log.take(b"stdout", b"one\ntwo\n")
    log.close()
    (tmp_path / "logs/main-0.log.1").rmdir()
    assert read(logs) == b"one\ntwo\n"
