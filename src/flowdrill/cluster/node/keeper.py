"""Starts the processes of all containers, writes their logs, and takes every one of them with it when it ends.

A program of its own (`python -S -E keeper.py`), so that a cluster that is killed leaves nothing running: the end of its
standard input is the end of everything it has started. It speaks JSON, a line a message, and imports nothing of ours.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Any

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # prctl(2)
_LONGEST_LINE = 16 << 10
_MOST_LOG_BYTES = 10 << 20
_MARK = "FLOWDRILL_CONTAINER"
_libc = ctypes.CDLL(None, use_errno=True)


class Log:
    """A container's log, as the kubelet's: time, stream, F or P (more of the line follows), text."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file = open(path, "ab", buffering=0)  # noqa: SIM115, PTH123 - kept open; pathlib costs start time
        self._size = self._file.tell()
        self._rest: dict[bytes, bytes] = {}

    def take(self, stream: bytes, content: bytes) -> None:
        """Write whole lines; keep the rest for later."""
        *lines, rest = (self._rest.get(stream, b"") + content).split(b"\n")
        self._rest[stream] = rest[-_LONGEST_LINE:] if len(rest) < _LONGEST_LINE else b""
        for line in lines:
            self._write(stream, b"F", line)
        if len(rest) >= _LONGEST_LINE:
            self._write(stream, b"P", rest)

    def close(self) -> None:
        """Write what is left."""
        for stream, rest in self._rest.items():
            if rest:
                self._write(stream, b"F", rest)
        self._file.close()

    def _write(self, stream: bytes, tag: bytes, line: bytes) -> None:
        seconds, nanoseconds = divmod(time.time_ns(), 10**9)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        entry = b"%b.%09dZ %b %b %b\n" % (stamp.encode(), nanoseconds, stream, tag, line)
        with contextlib.suppress(OSError):  # a full disk must not end the container
            self._file.write(entry)
        self._size += len(entry)
        if self._size > _MOST_LOG_BYTES:
            with contextlib.suppress(OSError):
                os.replace(self._path, self._path + ".1")  # noqa: PTH105
                self._file.close()
                self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115, PTH123
                self._size = 0


_Known = tuple["subprocess.Popen[bytes]", Log, list[str]]  # process, log, cgroup folders


class Keeper:
    """All containers of a node."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._processes: dict[str, _Known] = {}  # id -> (process, log, cgroup folders)
        self._pipes: dict[Any, tuple[Log, bytes]] = {}  # file -> (log, stream)
        self._input = b""

    def run(self) -> None:
        """Serve until the end of standard input or SIGTERM; then end everything."""
        _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._selector.register(0, selectors.EVENT_READ, self._read_input)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 4096))
        try:
            while True:
                for key, _ in self._selector.select():
                    key.data()
                self._reap()
        finally:
            self._end_everything()

    def _read_input(self) -> None:
        content = os.read(0, 1 << 16)
        if not content:
            sys.exit(0)
        *lines, self._input = (self._input + content).split(b"\n")
        for line in lines:
            message = json.loads(line)
            if message["op"] == "start":
                self._start(message)
            else:
                self._signal(message)

    def _start(self, message: dict[str, Any]) -> None:
        name = message["id"]
        try:
            log = Log(message["log"])
        except OSError as error:
            _say({"id": name, "failed": str(error)})
            return
        groups = message.get("cgroups") or []

        def prepare() -> None:
            _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
            for group in groups:
                with open(group + "/cgroup.procs", "w") as file:  # noqa: PTH123
                    file.write("0")

        try:
            process = subprocess.Popen(  # noqa: S603 - what a pod asks for
                message["argv"], env={**message["env"], _MARK: name}, cwd=message["cwd"], stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, preexec_fn=prepare,  # noqa: PLW1509 - one thread
                bufsize=0,
            )  # fmt: skip
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            log.close()
            _say({"id": name, "failed": str(error)})
            return
        self._processes[name] = (process, log, groups)
        pipes: tuple[tuple[Any, bytes], ...] = ((process.stdout, b"stdout"), (process.stderr, b"stderr"))
        for file, stream in pipes:
            os.set_blocking(file.fileno(), False)
            self._selector.register(file, selectors.EVENT_READ, lambda file=file: self._read_pipe(file))
            self._pipes[file] = (log, stream)
        _say({"id": name, "pid": process.pid})

    def _read_pipe(self, file: Any) -> None:
        if file not in self._pipes:
            return
        log, stream = self._pipes[file]
        with contextlib.suppress(BlockingIOError):
            content = os.read(file.fileno(), 1 << 16)
            if content:
                log.take(stream, content)
            else:
                self._drop_pipe(file)

    def _drop_pipe(self, file: Any) -> None:
        self._selector.unregister(file)
        self._pipes.pop(file)
        file.close()

    def _signal(self, message: dict[str, Any]) -> None:
        known = self._processes.get(message["id"])
        if known is None:
            return
        if message["signal"] == signal.SIGKILL:
            _kill_all(_belonging(message["id"], known[0].pid))
        with contextlib.suppress(ProcessLookupError):
            os.kill(known[0].pid, message["signal"])

    def _reap(self) -> None:
        """Look for ends: those of containers are told, those of orphans that came to us are only waited for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, (process, log, groups) in list(self._processes.items()):
                if process.pid == pid:
                    process.returncode = 0
                    self._ended(name, pid, status, (process, log, groups))

    def _ended(self, name: str, pid: int, status: int, known: _Known) -> None:
        process, log, groups = known
        del self._processes[name]
        _kill_all(_belonging(name, pid))  # as the end of a container's first process does
        files: tuple[Any, ...] = (process.stdout, process.stderr)
        for file in files:
            if file in self._pipes:
                with contextlib.suppress(BlockingIOError):
                    while content := os.read(file.fileno(), 1 << 16):
                        log.take(self._pipes[file][1], content)
                if file in self._pipes:
                    self._drop_pipe(file)
        log.close()
        _remove_groups(groups)
        ended_by = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        _say({"id": name, "exit": 128 + ended_by if ended_by else os.WEXITSTATUS(status), "signal": ended_by})

    def _end_everything(self) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            left = _descendants(os.getpid())
            if not left:
                break
            _kill_all(left)
            with contextlib.suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            time.sleep(0.002)  # until the kernel is done with them
        for _, _, groups in self._processes.values():
            _remove_groups(groups)


def _say(message: dict[str, Any]) -> None:
    line = json.dumps(message).encode() + b"\n"
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)


def _kill_all(pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def _table() -> dict[int, int]:
    """Every process: pid -> parent."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                fields = file.read().rpartition(b")")[2].split()
                found[int(name)] = int(fields[1])
    return found


def _descendants(root: int) -> list[int]:
    """All processes below one that are not dead yet."""
    table = _table()
    below: list[int] = []
    todo = [root]
    while todo:
        parent = todo.pop()
        children = [pid for pid, of in table.items() if of == parent]
        below += children
        todo += children
    return below


def _belonging(name: str, main: int) -> list[int]:
    """The processes of a container but its first: by session, or by the mark in their environment."""
    mark = f"{_MARK}={name}".encode()
    found = []
    me = os.getpid()
    for pid in _descendants(me):
        if pid == main:
            continue
        with contextlib.suppress(OSError):
            if os.getsid(pid) == main:
                found.append(pid)
                continue
            with open(f"/proc/{pid}/environ", "rb") as file:  # noqa: PTH123
                if mark in file.read().split(b"\0"):
                    found.append(pid)
    return found


def _remove_groups(groups: Iterable[str]) -> None:
    for group in groups:
        for _ in range(50):
            try:
                os.rmdir(group)  # noqa: PTH106
                break
            except FileNotFoundError:
                break
            except OSError:
                time.sleep(0.002)  # its processes are being taken down


if __name__ == "__main__":
    Keeper().run()
