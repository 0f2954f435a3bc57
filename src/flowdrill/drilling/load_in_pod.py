"""What the pods of a load run: `python -m flowdrill.drilling.load_in_pod master|worker`. The master's pod starts Locust
once the harness has come; a worker's becomes Locust at once. Their orders are in FLOWDRILL_LOAD."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from flowdrill.edges.load.cluster_frames import KEPT_FILES
from flowdrill.edges.load.locust_load import LOCUST_FOLDER, LOG_FILE, environ_of
from flowdrill.edges.load.relay import Duty, Relay, listen, stop_on_sigterm
from flowdrill.edges.planfiles.reading import shipped_scenarios
from flowdrill.model.load_job import LOCUST_PORT
from flowdrill.model.load_settings import LOAD_VARIABLE, LoadSettings, load_settings_from_json

_LAST_WORDS_BYTES, _LAST_LINES = 4096, 15
_MOST_OF_A_FILE = 1 << 20


class LocustMaster:
    """Locust's master as a child of this process, whose end ends it."""

    def __init__(self, settings: LoadSettings, workers: int, folder: Path) -> None:
        (folder / LOCUST_FOLDER).mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self.frames_fd, own = os.pipe()
        told = replace(settings, records_fd=own, harness_pid=os.getpid())
        program = [*_locust(), "--master", "--headless", "--expect-workers", str(workers), "--users", str(workers)]
        program += ["--spawn-rate", str(workers), "--only-summary", "--csv", str(folder / LOCUST_FOLDER / "locust")]
        with (folder / LOG_FILE).open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603 - our own interpreter and file
                [*program, "--master-bind-host", "*", "--master-bind-port", str(LOCUST_PORT)],
                env=environ_of(told, os.environ),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=(own,),
            )
        os.close(own)

    def last_words(self) -> str:
        """Return the end of its log."""
        tail = (self._folder / LOG_FILE).read_bytes()[-_LAST_WORDS_BYTES:].decode(errors="replace")
        return "\n".join(tail.splitlines()[-_LAST_LINES:])

    def files(self) -> Iterable[tuple[str, bytes]]:
        """Return what the harness wants to keep."""
        paths = ((name, self._folder / name) for name in KEPT_FILES)
        return [(name, path.read_bytes()[-_MOST_OF_A_FILE:]) for name, path in paths if path.is_file()]


def main(arguments: Sequence[str]) -> int:
    """Run one part of a load; 0 when it has ended as it should."""
    parser = argparse.ArgumentParser(prog="python -m flowdrill.drilling.load_in_pod")
    parts = parser.add_subparsers(dest="part", required=True)
    master, worker = parts.add_parser("master"), parts.add_parser("worker")
    master.add_argument("--run", required=True)
    for name, kind in (("--silence", float), ("--workers", int), ("--port", int)):
        master.add_argument(name, type=kind, required=True)
    worker.add_argument("--master", required=True)
    given = parser.parse_args(arguments)
    try:
        settings = load_settings_from_json(os.environ.get(LOAD_VARIABLE, ""))
    except ValueError as error:
        print(f"flowdrill: {LOAD_VARIABLE} is not understood: {error}", file=sys.stderr)  # noqa: T201 - the pod's log
        return 2
    if given.part == "worker":
        program = [*_locust(), "--worker", "--master-host", given.master, "--master-port", str(LOCUST_PORT)]
        os.execve(program[0], program, environ_of(settings, os.environ))  # noqa: S606
    with listen(given.port) as listener:
        relay = Relay(Duty(given.run, given.silence), lambda: LocustMaster(settings, given.workers, Path.cwd()), _say)
        stop_on_sigterm(relay)
        _say(f"waits for the harness of {given.run}")
        return relay.serve(listener)


def _locust() -> list[str]:
    file = shipped_scenarios() / "load" / "run_flow_shared.py"
    return [sys.executable, "-m", "locust", "--locustfile", str(file)]


def _say(text: str) -> None:
    print(f"flowdrill: {text}", flush=True)  # noqa: T201 - the pod's log


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
