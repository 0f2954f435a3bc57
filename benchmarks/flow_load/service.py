"""The small flow service of the tests, a process of its own: what it does is commanded, and told by its own clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).parents[2]
_SERVER = ROOT / "tests" / "real" / "load" / "flow_server.py"  # its commands are told there
FLOW_PATH = "/flows/echo/run"


class FlowService:
    """Answers like `lfx serve`; `url` is its base."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, str(_SERVER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.url = f"http://127.0.0.1:{self._answer()['port']}"
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()  # it ends with its standard input

    def command(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def flip(self, seed: int, count: int, mean_seconds: float) -> tuple[int, tuple[int, ...]]:
        """From now on bad and good in turns; return when that began, and the instants, the first being good -> bad."""
        self.command(f"flip {seed} {count} {mean_seconds}")
        truth = self._answer()
        return truth["start_ns"], tuple(truth["flips_ns"])

    def arrived_ns(self) -> list[int]:
        """When each request reached it so far."""
        self.command("report")
        return list(self._answer()["arrived_ns"])

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        return dict(json.loads(self._process.stdout.readline()))
