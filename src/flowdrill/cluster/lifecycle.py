"""Starting, stopping and asking after a cluster, from outside its process."""

from __future__ import annotations

import json
import os
import select
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flowdrill.cluster.state_folder import Settings, StateFolder, no_room
from flowdrill.errors import ClusterError

UP = b"{}\n"  # what the cluster's process says when it is up; else a problem and a remedy
_START_SECONDS = 30.0
_STOP_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class RunningCluster:
    """A cluster that is up."""

    folder: StateFolder
    pid: int
    settings: Settings  # with ports and prefix
    temporary: bool = False  # whether it ends with the process that has started it

    @property
    def api(self) -> str:
        """The API's address."""
        return f"https://127.0.0.1:{self.settings.api_port}"

    @property
    def registry(self) -> str:
        """The registry, as image references name it."""
        return f"127.0.0.1:{self.settings.registry_port}"

    @property
    def base_image(self) -> str | None:
        """The image that stands for this machine's LangFlow runtime, None when there is no runtime."""
        version = self.settings.runtime_version
        return None if version is None else f"{self.registry}/langflow-base:{version}"

    def facts(self) -> dict[str, Any]:
        """Return what `status --json` prints; the API's own part is read from it."""
        told: dict[str, Any] = {"up": True, "pid": self.pid, "state": str(self.folder.path)}
        told |= {"api": self.api, "registry": self.registry, "kubeconfig": str(self.folder.kubeconfig)}
        told |= {"base_image": self.base_image, "runtime": self.settings.runtime}
        told |= {"audit_log": str(self.folder.audit_log)}
        return told | {"trusted_registries": list(self.settings.trusted_registries), "pods": self._pods()}

    def _pods(self) -> dict[str, int] | None:
        """How many pods are in which phase, None when the API does not answer."""
        trust = ssl.create_default_context(cafile=str(self.folder.certificates / "ca.crt"))
        header = {"Authorization": f"Bearer {self.folder.token.read_text('utf-8')}"}
        request = urllib.request.Request(f"{self.api}/api/v1/pods", headers=header)  # noqa: S310 - our own https URL
        try:
            with urllib.request.urlopen(request, timeout=5, context=trust) as answer:  # noqa: S310
                pods = json.load(answer)["items"]
        except (OSError, ValueError, KeyError):
            return None
        phases = [str(pod.get("status", {}).get("phase", "Unknown")) for pod in pods]
        return {phase: phases.count(phase) for phase in sorted(set(phases))}


def running_cluster(folder: StateFolder) -> RunningCluster | None:
    """Return the cluster that runs in `folder`, None when none does."""
    pid = folder.holder()
    return None if pid is None else RunningCluster(folder, pid, folder.settings())


def start_cluster(folder: StateFolder, wanted: Settings) -> RunningCluster:
    """Start a cluster and wait until it answers; one that is up already is returned as it is. What `wanted` leaves open
    is taken from the folder. ClusterError says why it did not start; then nothing is left that was not there."""
    running = running_cluster(folder)
    if running is not None:
        return running
    new = not folder.exists()
    try:
        with _disk_errors_named(folder):
            if new:
                _create(folder, wanted)
            else:
                folder.save(_merged(folder.settings(), wanted))
            process = _spawned(folder)
    except BaseException:
        if new:
            folder.remove()
        raise
    process.returncode = 0  # it outlives this process: nobody here will wait for it
    return _started(folder)


@contextmanager
def temporary_cluster(wanted: Settings) -> Iterator[RunningCluster]:
    """A cluster in a temporary folder, for as long as the context lasts, or until this process dies."""
    with tempfile.TemporaryDirectory(prefix="flowdrill-cluster-", ignore_cleanup_errors=True) as path:
        folder = StateFolder(Path(path))
        with _disk_errors_named(folder):
            _create(folder, wanted)
            process = _spawned(folder, temporary=True)
        try:
            yield replace(_started(folder), temporary=True)
        finally:
            if process.stdin is not None:
                process.stdin.close()  # what a temporary cluster lives by
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def stop_cluster(folder: StateFolder, *, keep: bool = False) -> bool:
    """Stop the cluster and, unless `keep`, remove its folder; return whether there was anything. ClusterError when
    its process does not end."""
    there = folder.exists()
    pid = folder.holder()
    if pid is not None:
        for stop in (signal.SIGTERM, signal.SIGKILL):
            _signal(pid, stop)
            if _ended(folder):
                _reap(pid)
                break
        else:
            raise ClusterError(f"the cluster's process {pid} does not end", f"see what it waits for: `ps -fp {pid}`")
    if not keep:
        folder.remove()
    return there


def _create(folder: StateFolder, wanted: Settings) -> None:
    """Make the folder and its certificates: here, so that the cluster's own process never loads cryptography."""
    from flowdrill.cluster.certificates import make_certificates  # noqa: PLC0415 - not where a cluster is up already

    folder.create(wanted)
    make_certificates(folder.certificates)


@contextmanager
def _disk_errors_named(folder: StateFolder) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise no_room(folder.path, error) from error


def _merged(known: Settings, wanted: Settings) -> Settings:
    """What was asked for now goes before what was asked for last time."""
    default = Settings()
    changed = {name: value for name, value in asdict(wanted).items() if value != asdict(default)[name]}
    return replace(known, **changed)


def _started(folder: StateFolder) -> RunningCluster:
    started = running_cluster(folder)
    if started is None:
        raise ClusterError(
            "the embedded cluster ended directly after its start", f"its last words: {_last_words(folder)}"
        )
    return started


def _spawned(folder: StateFolder, *, temporary: bool = False) -> subprocess.Popen[bytes]:
    """Start the cluster's process; return it once it said that it is up."""
    inherited, told = os.pipe()  # the process says on it, once, that it is up or why it is not
    with folder.log.open("ab") as log, os.fdopen(inherited, "rb") as answers:
        process = subprocess.Popen(  # noqa: S603 - our own program
            [
                *(sys.executable, "-m", "flowdrill.cluster", str(folder.path), "--tell", str(told)),
                *(["--temporary"] if temporary else []),
            ],
            stdin=subprocess.PIPE if temporary else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=[told],
            start_new_session=True,
            cwd="/",
        )
        os.close(told)
        readable, _, _ = select.select([answers], [], [], _START_SECONDS)
        line = answers.readline() if readable else b""
    if line == UP:
        return process
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()
    if not line:
        raise ClusterError("the embedded cluster did not come up", f"its last words: {_last_words(folder)}")
    problem = json.loads(line)
    raise ClusterError(problem["problem"], problem["remedy"])


def _last_words(folder: StateFolder) -> str:
    lines = folder.log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "none"


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)  # only when this very process had started it
    except ChildProcessError:
        return


def _ended(folder: StateFolder) -> bool:
    end = time.monotonic() + _STOP_SECONDS
    while folder.holder() is not None:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True
