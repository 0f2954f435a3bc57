"""What of processes more than one benchmark asks: ports that nobody has, children, and the most memory one had."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody has just now, each another one."""
    with ExitStack() as kept:
        sockets = [kept.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]


def children_of(pid: int) -> set[int]:
    """Processes that any of a process's threads has started, and that it still has."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(one) for task in tasks for one in task.read_text().split()}


def peak_megabytes() -> float:
    """Of this program; what getrusage() tells begins with what its parent had."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6
