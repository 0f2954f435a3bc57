"""moto's server: S3's API over HTTP, in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "AKIDFORTESTS",
    "AWS_SECRET_ACCESS_KEY": "secret-for-tests",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "NO_PROXY": "127.0.0.1",
}


@contextmanager
def s3_server(log: Path) -> Iterator[str]:
    """Give its URL."""
    program = Path(sys.executable).with_name("moto_server")
    with log.open("wb") as said:
        running = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", "0"], stdout=said, stderr=said, env=os.environ | CREDENTIALS
        )
    try:
        yield _address(running, log)
    finally:
        running.terminate()
        running.wait(30)


def _address(running: subprocess.Popen[bytes], log: Path) -> str:
    """It says where it listens once it does."""
    while running.poll() is None:
        found = re.search(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())
        if found:
            return found[1]
        try:
            running.wait(0.05)
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError(log.read_text())
