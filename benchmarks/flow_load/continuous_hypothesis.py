"""Chaos Toolkit's continuous hypothesis: `chaos run` with one HTTP probe, again and again while its method lasts.

Its settings are its own defaults: the probe a second after the last one has ended (`--hypothesis-frequency 1`), and no
end at the first deviation (`--fail-fast` is off), so that its journal holds every check with its time.
"""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from flow_load.outages import Check
from flow_load.service import FLOW_PATH
from flowdrill.edges.host.clock import MonotonicClock

INTERVAL_SECONDS = 1.0
PROGRAM = Path(sys.executable).with_name("chaos")
_START_SECONDS, _END_SECONDS = 60.0, 30.0


class ContinuousHypothesis:
    """Checks from its beginning to its end; `checks` are those of its journal, once it has ended."""

    def __init__(self, url: str, folder: Path) -> None:
        self._folder = folder
        self._method_ends = folder / "method-ends"  # a pipe that nobody writes to: the method is to read it to its end
        self._experiment = experiment(url + FLOW_PATH, self._method_ends)

    def __enter__(self) -> Self:
        os.mkfifo(self._method_ends)
        (self._folder / "experiment.json").write_text(json.dumps(self._experiment), "utf-8")
        options = ["--settings", "settings.yaml", "--no-version-check", "--no-log-file"]
        run = ["run", "--hypothesis-strategy", "continuously", "--journal-path", "journal.json", "experiment.json"]
        with (self._folder / "chaos.log").open("wb") as log:
            self._process = subprocess.Popen(
                [PROGRAM, *options, *run], cwd=self._folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        self._holds_method = self._once_the_method_reads()
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._holds_method)
        try:
            self._process.wait(_END_SECONDS)
        finally:
            self._process.kill()  # nothing of one that has ended
            self._process.wait()

    def _once_the_method_reads(self) -> int:
        deadline = time.monotonic() + _START_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                return os.open(self._method_ends, os.O_WRONLY | os.O_NONBLOCK)
            except OSError as error:
                if error.errno != errno.ENXIO:  # nobody reads yet
                    raise
                time.sleep(0.05)
        self._process.kill()
        raise RuntimeError(f"chaos run did not begin its method:\n{(self._folder / 'chaos.log').read_text('utf-8')}")

    @property
    def checks(self) -> tuple[Check, ...]:
        journal = json.loads((self._folder / "journal.json").read_text("utf-8"))
        now = MonotonicClock().pair()
        return checks_of(journal, utc_minus_monotonic_ns=now.utc_ns - now.monotonic_ns)


def experiment(url: str, method_ends: Path) -> dict[str, Any]:
    probe = {
        "type": "probe",
        "name": "flow answers",
        "tolerance": 200,
        "provider": {
            "type": "http",
            "url": url,
            "method": "POST",
            "headers": {"Content-Type": "application/json"},
            "arguments": {"input_value": "hello"},
            "timeout": 3,
        },
    }
    wait = {"type": "process", "path": "cat", "arguments": [str(method_ends)]}
    return {
        "title": "The flow answers",
        "description": "While its service flips between good and bad",
        "steady-state-hypothesis": {"title": "The flow answers", "probes": [probe]},
        "method": [{"type": "action", "name": "until all is over", "provider": wait}],
        "rollbacks": [],
    }


def checks_of(journal: dict[str, Any], *, utc_minus_monotonic_ns: int) -> tuple[Check, ...]:
    """Every check while the method lasted, on the clock of the service."""
    probes = [state["probes"][0] for state in journal["steady_states"]["during"]]
    return tuple(
        Check(
            round(datetime.fromisoformat(one["start"]).timestamp() * 1e9) - utc_minus_monotonic_ns, one["tolerance_met"]
        )
        for one in probes
    )
