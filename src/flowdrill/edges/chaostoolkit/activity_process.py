"""What runs one activity: `python -m flowdrill.edges.chaostoolkit.activity_process FD`. The harness starts it, and it
knows nothing of that: a request comes by standard input, and what becomes of it goes line by line to the descriptor.

Two processes. The overseer runs nobody's code; it ends the worker, and everything that the worker has left behind, when
the worker ends, and at the end of standard input: so also when the harness is killed. The worker imports and runs.
"""

from __future__ import annotations

import ctypes
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from flowdrill.edges.chaostoolkit.activity_work import check, work

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # prctl(2)
_GRACE_SECONDS = 1.0  # for what is told to end
_AGAIN_SECONDS = 0.02
_MOST_TRIES = 200
_libc = ctypes.CDLL(None, use_errno=True)


def main() -> None:
    """Serve one request."""
    told = int(sys.argv[1])
    _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the harness says when it is over
    request = _first_line()
    go_read, go_write = os.pipe()
    overseer, worker = os.getpid(), os.fork()
    if worker == 0:
        os.close(go_write)
        _become_worker(overseer)
        _run(request, told, go_read)
        os._exit(0)
    os.close(go_read)
    code = _oversee(worker, go_write)
    os.write(told, f"\n{json.dumps({'ended': code})}\n".encode())


def _first_line() -> dict[str, Any]:
    line = b""
    while not line.endswith(b"\n"):  # byte by byte: what follows is for the worker
        one = os.read(0, 1)
        if not one:
            sys.exit(0)
        line += one
    request: dict[str, Any] = json.loads(line)
    return request


def _become_worker(overseer: int) -> None:
    """A session of its own, without the harness's pipe; it dies with its overseer."""
    os.setsid()
    _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != overseer:
        os._exit(1)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)


def _run(request: dict[str, Any], told: int, go: int) -> None:
    def tell(message: dict[str, Any]) -> None:
        line = json.dumps(message, default=str).encode() + b"\n"
        while line:
            line = line[os.write(told, line) :]

    def wait_for_go() -> None:
        if not os.read(go, 1):
            os._exit(0)

    os.set_inheritable(told, False)  # what the activity starts does not get it
    sys.path.append(request["folder"])
    body: Callable[[], None] = (
        (lambda: check(request, tell)) if request["what"] == "check" else (lambda: work(request, tell, wait_for_go))
    )
    try:
        body()
    except BaseException as error:  # noqa: BLE001 - SystemExit, KeyboardInterrupt: whatever it was, it is told
        tell({"broke": f"{type(error).__name__}: {error}", "at_ns": time.monotonic_ns()})
    sys.stdout.flush()
    sys.stderr.flush()


def _oversee(worker: int, go: int) -> int:
    """Hand on what comes by standard input until its end, or the worker's; then end everything. Returns the worker's
    exit code, or minus the signal that ended it."""
    watched = os.pidfd_open(worker)
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(watched, select.POLLIN)
    code, going = None, True
    while going and code is None:
        ready = {fd for fd, _ in poll.poll()}
        if 0 in ready:
            content = os.read(0, 4096)
            going = bool(content)
            _hand_on(go, content)
        if watched in ready:
            code = _code_of(worker)
    _end_all_below(signal.SIGTERM)
    deadline = time.monotonic() + _GRACE_SECONDS
    while _below() and time.monotonic() < deadline:
        time.sleep(_AGAIN_SECONDS)
        code = _reaped(worker, code)
    for _ in range(_MOST_TRIES):
        if not _below():
            break
        _end_all_below(signal.SIGKILL)
        time.sleep(_AGAIN_SECONDS)
        code = _reaped(worker, code)
    return 0 if code is None else code


def _hand_on(go: int, content: bytes) -> None:
    try:
        os.write(go, content)
    except OSError:
        return  # the worker has closed its end, or is gone


def _code_of(worker: int) -> int:
    _, status = os.waitpid(worker, 0)
    return os.waitstatus_to_exitcode(status)


def _reaped(worker: int, code: int | None) -> int | None:
    """Take leave of whoever has ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return code
        if pid == 0:
            return code
        if pid == worker:
            code = os.waitstatus_to_exitcode(status)


def _end_all_below(number: signal.Signals) -> None:
    for pid in _below():
        try:
            os.kill(pid, number)
        except (ProcessLookupError, PermissionError):
            continue


def _below() -> set[int]:
    """Everybody who descends from this process and has not ended: whose parent has died comes to this one."""
    parents = dict(_parents())
    found, before = {os.getpid()}, 0
    while len(found) > before:
        before = len(found)
        found |= {pid for pid, parent in parents.items() if parent in found}
    return found - {os.getpid()}


def _parents() -> Iterator[tuple[int, int]]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                fields = (path / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] != "Z":
                yield int(path.name), int(fields[1])


if __name__ == "__main__":
    main()
