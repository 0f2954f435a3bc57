"""Starts the processes of all containers, writes their logs, and takes every one of them with it when it ends.

A program of its own (`python -S -E keeper.py`), so that a cluster that is killed leaves nothing running: the end of its
standard input is the end of everything it has started. It speaks JSON, a line a message, and imports nothing of ours.

Each container has an overseer, a fork of the keeper: the subreaper of everything the container starts, whatever leaves
its session or clears its environment. It ends all that when the first process ends, or when the keeper dies.
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
from collections.abc import Callable, Collection, Iterable
from typing import Any, NoReturn

_SUBREAPER, _DEATH_SIGNAL = 36, 1  # prctl(2)
_LONGEST_LINE = 16 << 10
_MOST_LOG_BYTES = 10 << 20
_MOST_LEFT_IN_PIPE = 64  # reads: more than a pipe can hold
_MOST_WHY = 500  # characters of a failure: a message is written at once
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
            self._size = 0
            with contextlib.suppress(OSError):  # then it goes on in the old file
                os.replace(self._path, self._path + ".1")  # noqa: PTH105
                fresh = open(self._path, "ab", buffering=0)  # noqa: SIM115, PTH123
                self._file.close()
                self._file = fresh


class Container:
    """What the keeper knows of a container that runs."""

    def __init__(self, overseer: int, main: int, log: Log, groups: list[str], pipes: dict[int, bytes]) -> None:
        self.overseer, self.main, self.log, self.groups, self.pipes = overseer, main, log, groups, pipes


class Keeper:
    """All containers of a node."""

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._containers: dict[str, Container] = {}
        self._input = b""

    def run(self) -> None:
        """Serve until the end of standard input or SIGTERM; then end everything."""
        _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        signal.set_wakeup_fd(wake_write)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # not SIG_IGN: containers would inherit that
        signal.signal(signal.SIGQUIT, signal.SIG_DFL)  # a shell's `&` ignores it, and so would the containers
        signal.signal(signal.SIGTERM, _leave)
        self._selector.register(0, selectors.EVENT_READ, self._read_input)
        self._selector.register(wake_read, selectors.EVENT_READ, lambda: os.read(wake_read, 4096))
        try:
            while True:
                for key, _ in self._selector.select():
                    key.data()
                self._reap()
        finally:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            _end_all_below_this()
            for one in self._containers.values():
                _remove_groups(one.groups)

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
        name, groups = message["id"], message["cgroups"]
        try:
            self._containers[name] = one = _started(message)
        except OSError as error:
            _remove_groups(groups)
            _say({"id": name, "failed": str(error)[:_MOST_WHY]})
            return
        for pipe in one.pipes:
            os.set_blocking(pipe, False)
            self._selector.register(pipe, selectors.EVENT_READ, self._reader(one, pipe))
        _say({"id": name, "overseer": one.overseer})

    def _reader(self, one: Container, pipe: int) -> Callable[[], bool]:
        def read() -> bool:
            """Take what is there; return whether there may be more."""
            if pipe not in one.pipes:
                return False
            try:
                content = os.read(pipe, 1 << 16)
            except BlockingIOError:
                return False
            if content:
                one.log.take(one.pipes[pipe], content)
            else:
                self._drop_pipe(one, pipe)
            return bool(content)

        return read

    def _drop_pipe(self, one: Container, pipe: int) -> None:
        self._selector.unregister(pipe)
        del one.pipes[pipe]
        os.close(pipe)

    def _signal(self, message: dict[str, Any]) -> None:
        one = self._containers.get(message["id"])
        if one is None:
            return
        if message["signal"] == signal.SIGKILL:
            _kill_all(_below(one.overseer))
        with contextlib.suppress(ProcessLookupError):
            os.kill(one.main, message["signal"])

    def _reap(self) -> None:
        """Look for ends: those of overseers are told, those of what came to us are only waited for."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for name, one in list(self._containers.items()):
                if one.overseer == pid:
                    del self._containers[name]
                    self._ended(name, one, status)

    def _ended(self, name: str, one: Container, status: int) -> None:
        if os.WIFSIGNALED(status):  # the overseer was killed: what it was to end has come to us
            _end_all_below_this({other.overseer for other in self._containers.values()})
        for pipe in list(one.pipes):
            read = self._reader(one, pipe)
            for _ in range(_MOST_LEFT_IN_PIPE):
                if not read():
                    break
            if pipe in one.pipes:
                self._drop_pipe(one, pipe)
        one.log.close()
        _remove_groups(one.groups)
        _say({"id": name, "exit": 128 + signal.SIGKILL if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)})


def _started(message: dict[str, Any]) -> Container:
    """Start a container below an overseer of its own; OSError says why it cannot be."""
    log = Log(message["log"])
    with contextlib.ExitStack() as undo:
        undo.callback(log.close)
        (told, tell), (out, write_out), (err, write_err) = os.pipe(), os.pipe(), os.pipe()
        for pipe in (told, out, err):
            undo.callback(os.close, pipe)
        try:
            overseer = os.fork()
            if overseer == 0:
                _oversee(message, tell, write_out, write_err, os.getppid())
        finally:
            for pipe in (tell, write_out, write_err):
                os.close(pipe)
        answer = os.read(told, 4 * _MOST_WHY).decode()
        if not answer.isdigit():
            raise OSError(answer or "its overseer was killed")
        undo.pop_all()
    os.close(told)
    return Container(overseer, int(answer), log, message["cgroups"], {out: b"stdout", err: b"stderr"})


def _oversee(message: dict[str, Any], tell: int, out: int, err: int, keeper: int) -> NoReturn:
    """In a process of its own: start a container's first process, tell its id or why there is none, wait for its end,
    end everything it has left, and exit as it did. Until then it stays a zombie: nobody else gets its id."""
    code, ended = 1, 0
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGTERM, _leave)
        _libc.prctl(_SUBREAPER, 1, 0, 0, 0)
        _libc.prctl(_DEATH_SIGNAL, signal.SIGTERM, 0, 0, 0)
        if os.getppid() == keeper:
            _close_all_but(tell, out, err)
            main = _first_process(message, tell, out, err)
            while main != ended and (seen := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)) is not None:
                if seen.si_pid == main:
                    code, ended = seen.si_status + (0 if seen.si_code == os.CLD_EXITED else 128), main
                else:
                    os.waitpid(seen.si_pid, 0)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        _end_all_below_this({ended})
        os._exit(code)


def _first_process(message: dict[str, Any], tell: int, out: int, err: int) -> int:
    def prepare() -> None:
        _libc.prctl(_DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)
        for group in message["cgroups"]:
            with open(group + "/cgroup.procs", "w") as file:  # noqa: PTH123
                file.write("0")

    try:
        process = subprocess.Popen(  # noqa: S603 - what a pod asks for
            message["argv"], env=message["env"], cwd=message["cwd"], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
            start_new_session=True, preexec_fn=prepare,  # noqa: PLW1509 - one thread
        )  # fmt: skip
        process.returncode = 0  # else it waits for it when it is collected
        answer, main = str(process.pid), process.pid
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        answer, main = str(error)[:_MOST_WHY] or type(error).__name__, 0
    os.write(tell, answer.encode("utf-8", "replace"))
    for pipe in (tell, out, err):
        os.close(pipe)
    return main


def _leave(*_: object) -> None:
    sys.exit(0)


def _close_all_but(*kept: int) -> None:
    for name in os.listdir("/proc/self/fd"):  # noqa: PTH208
        if int(name) > 2 and int(name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(name))


def _say(message: dict[str, Any]) -> None:
    line = json.dumps(message).encode() + b"\n"
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)


def _kill_all(pids: Iterable[int], number: int = signal.SIGKILL) -> bool:
    """Send a signal; return whether any may be sent one: set-user-id programs may not, and are given up."""
    any_left = False
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)
            any_left = True
    return any_left


def _end_all_below_this(spared: Collection[int] = ()) -> None:
    """Kill everything below this process but some, and wait until nothing is left."""
    while _kill_all(below := _below(os.getpid(), spared), signal.SIGSTOP):  # what is stopped starts nothing new
        _kill_all(below)
        for pid in below:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
        time.sleep(0.002)  # until the kernel is done with them


def _below(root: int, spared: Collection[int] = ()) -> list[int]:
    """All processes below one; without the spared ones and what is below them."""
    children: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208
        if name.isdigit():
            with contextlib.suppress(OSError, IndexError), open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                parent = int(file.read().rpartition(b")")[2].split()[1])
                children.setdefault(parent, []).append(int(name))
    below: list[int] = []
    todo = [root]
    while todo:
        found = [pid for pid in children.get(todo.pop(), ()) if pid not in spared]
        below += found
        todo += found
    return below


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
