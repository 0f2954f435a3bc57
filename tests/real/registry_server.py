"""Debian's `docker-registry` (CNCF Distribution) on a free loopback port, with an empty folder for its storage."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAM = "docker-registry"
_START_SECONDS = 20


def registry_is_installed() -> bool:
    return shutil.which(PROGRAM) is not None


@contextmanager
def registry_server(folder: Path, *, htpasswd: str | None = None, deletes: bool = True) -> Iterator[str]:
    """Serve a registry until the block ends; yields `127.0.0.1:PORT`. `htpasswd` lines make it ask for a password."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}, "delete": {"enabled": deletes}},
        "http": {"addr": address},
    }
    if htpasswd is not None:
        (folder / "htpasswd").write_text(htpasswd)
        config["auth"] = {"htpasswd": {"realm": "drill", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(json.dumps(config))  # JSON is YAML
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen([PROGRAM, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        _wait_until_it_answers(address, process, folder / "registry.log")
        yield address
    finally:
        process.terminate()
        process.wait(timeout=20)


def _wait_until_it_answers(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline, pause = time.monotonic() + _START_SECONDS, threading.Event()
    while True:
        try:
            with urllib.request.urlopen(f"http://{address}/v2/", timeout=5):
                return
        except urllib.error.HTTPError as answer:  # 401 is an answer too
            answer.close()
            return
        except OSError:
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            pause.wait(0.05)
