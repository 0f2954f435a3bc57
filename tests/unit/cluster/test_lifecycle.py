"""Clusters as their users meet them: up, down, killed, twice, and when something is in the way."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from flowdrill.cluster.base_image import push_base_image
from flowdrill.cluster.lifecycle import RunningCluster, running_cluster, start_cluster, stop_cluster, temporary_cluster
from flowdrill.cluster.state_folder import Settings, StateFolder
from flowdrill.errors import ClusterError


def until(condition: Callable[[], object], what: str) -> None:
    end, pause = time.monotonic() + 30, threading.Event()
    while not condition():
        assert time.monotonic() < end, what
        pause.wait(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[StateFolder]:
    found = StateFolder(tmp_path / "cluster")
    yield found
    stop_cluster(found)


@pytest.fixture
def mark() -> str:
    """How long this test's pods sleep: a number that no other process on this machine has in its command."""
    return str(secrets.randbelow(10**8) + 10**8)


def processes_with(text: str) -> list[int]:
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                command = (one / "cmdline").read_bytes().decode("utf-8", "replace")
            except OSError:
                continue
            if text in command:
                found.append(int(one.name))
    return found


def deploy(cluster: RunningCluster, mark: str, name: str = "web") -> None:
    """Two pods that do nothing, recognizable by their command, and one of them left a process behind."""
    image = push_base_image(cluster.registry, "tests")
    program = f"import subprocess, time; subprocess.Popen(['setsid', 'sleep', '{mark}']); time.sleep({mark})"
    container = {"name": "main", "image": image, "command": ["python3", "-c", program]}
    labels = {"app": name}
    spec: dict[str, Any] = {
        "replicas": 2,
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
    }
    with config.new_client_from_config(str(cluster.folder.kubeconfig)) as api:
        apps = client.AppsV1Api(api)
        apps.create_namespaced_deployment("default", {"metadata": {"name": name}, "spec": spec})
        until(lambda: apps.read_namespaced_deployment(name, "default").status.ready_replicas == 2, "ready")


def test_up_and_down_leave_nothing(folder: StateFolder, mark: str) -> None:
    cluster = start_cluster(folder, Settings())
    assert start_cluster(folder, Settings()).pid == cluster.pid, "up twice is up once"
    deploy(cluster, mark)
    assert cluster.facts()["pods"] == {"Running": 2}
    until(lambda: len(processes_with(mark)) >= 4, "each has left a process behind")
    assert stop_cluster(folder)
    assert not folder.path.exists()
    assert not processes_with(mark)
    assert not processes_with(str(folder.path))
    with socket.socket() as free:
        free.bind(("127.0.0.1", cluster.settings.api_port))
    assert not stop_cluster(folder), "down twice is down once"


def test_only_its_owner_can_read_the_state(folder: StateFolder) -> None:
    start_cluster(folder, Settings())
    assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
    for secret in (folder.kubeconfig, folder.token, folder.signing_key, folder.certificates / "server.key"):
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600


def test_a_killed_cluster_takes_its_pods_along_and_comes_back_with_its_objects(folder: StateFolder, mark: str) -> None:
    cluster = start_cluster(folder, Settings())
    deploy(cluster, mark)
    os.kill(cluster.pid, signal.SIGKILL)
    until(lambda: not processes_with(mark) and not processes_with(str(folder.path)), "everything has ended")
    assert running_cluster(folder) is None
    again = start_cluster(folder, Settings())
    assert (again.api, again.registry) == (cluster.api, cluster.registry)
    with config.new_client_from_config(str(folder.kubeconfig)) as api:
        core = client.CoreV1Api(api)

        def restarted() -> bool:
            pods = core.list_namespaced_pod("default").items
            statuses = [one.status.container_statuses[0] for one in pods if one.status.container_statuses]
            return len(statuses) == 2 and all(one.ready and one.restart_count == 1 for one in statuses)

        until(restarted, "both pods run again")
    until(lambda: len(processes_with(mark)) >= 4, "each has left a process behind")


def test_a_cluster_whose_keeper_is_killed_ends_with_all_its_pods(folder: StateFolder, mark: str) -> None:
    cluster = start_cluster(folder, Settings())
    deploy(cluster, mark)
    (keeper,) = (int(pid) for pid in Path(f"/proc/{cluster.pid}/task/{cluster.pid}/children").read_text().split())
    os.kill(keeper, signal.SIGKILL)
    until(lambda: not processes_with(mark) and running_cluster(folder) is None, "everything has ended")
    assert "the process that keeps the pods' processes has ended" in folder.log.read_text()


def test_a_stopped_cluster_can_be_kept(folder: StateFolder) -> None:
    cluster = start_cluster(folder, Settings())
    with config.new_client_from_config(str(folder.kubeconfig)) as api:
        client.CoreV1Api(api).create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
    assert stop_cluster(folder, keep=True)
    assert running_cluster(folder) is None
    assert start_cluster(folder, Settings()).api == cluster.api
    with config.new_client_from_config(str(folder.kubeconfig)) as api:
        assert client.CoreV1Api(api).read_namespaced_config_map("kept", "default")


def test_the_registrys_garbage_goes_at_the_next_start_when_it_is_old(folder: StateFolder) -> None:
    push_base_image(start_cluster(folder, Settings()).registry, "kept")
    stop_cluster(folder, keep=True)
    old, young = (folder.registry / "uploads" / (letter * 32) for letter in "ab")
    for left in (old, young):
        left.touch()
    os.utime(old, (0, 0))
    cluster = start_cluster(folder, Settings())
    assert (old.exists(), young.exists()) == (False, True), "a push may be going on where it stopped"
    assert push_base_image(cluster.registry, "kept")


def test_two_clusters_do_not_disturb_each_other(folder: StateFolder, mark: str) -> None:
    one = start_cluster(folder, Settings())
    with temporary_cluster(Settings()) as other:
        for number, cluster in enumerate((one, other)):
            deploy(cluster, f"{mark}{number}")
        assert one.settings.prefix != other.settings.prefix
        assert one.facts()["pods"] == other.facts()["pods"] == {"Running": 2}
        gone = other.folder.path
    assert not gone.exists()
    assert not processes_with(f"{mark}1")
    until(lambda: len(processes_with(f"{mark}0")) >= 4, "the other one's run on")


def test_a_temporary_cluster_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    program = (
        "import sys, time\nfrom flowdrill.cluster.lifecycle import temporary_cluster\n"
        "from flowdrill.cluster.state_folder import Settings\n"
        "with temporary_cluster(Settings()) as one: print(one.folder.path, flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as started:
        assert started.stdout is not None
        path = started.stdout.readline().strip()
        assert processes_with(path)
        started.kill()
    until(lambda: not processes_with(path) and not Path(path).exists(), "the cluster and its folder are gone")


def test_a_port_in_use_is_named_and_nothing_is_left(folder: StateFolder) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ClusterError, match=f"port {port} of 127.0.0.1 cannot be used") as refused:
            start_cluster(folder, Settings(api_port=port))
        assert "--port" in refused.value.remedy
    assert not folder.path.exists()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    mounted = []

    def mount(size: str) -> Path:
        path = tmp_path / "disk"
        path.mkdir(exist_ok=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)]
        if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip("only root can mount a disk of its own")
        mounted.append(path)
        return path

    yield mount
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


@pytest.mark.parametrize("size", ["16k", "48k", "64k", "100k", "200k"])
def test_a_full_disk_is_one_clear_error_and_nothing_is_left(small_disk: Callable[[str], Path], size: str) -> None:
    folder = StateFolder(small_disk(size) / "cluster")
    with pytest.raises(ClusterError) as refused:
        start_cluster(folder, Settings())
    assert str(folder.path) in refused.value.problem
    assert "room" in refused.value.remedy
    assert not folder.path.exists()
    assert not processes_with(str(folder.path))


def test_a_damaged_state_file_is_named(folder: StateFolder) -> None:
    start_cluster(folder, Settings())
    stop_cluster(folder, keep=True)
    for path in folder.path.glob("objects.sqlite*"):
        path.unlink()
    folder.database.write_bytes(b"no database at all" * 100)
    with pytest.raises(ClusterError, match=r"objects\.sqlite") as refused:
        start_cluster(folder, Settings())
    assert "flowdrill cluster down" in refused.value.remedy
    assert folder.exists(), "what was there stays"
    assert running_cluster(folder) is None


def test_a_state_of_a_newer_version_is_refused(folder: StateFolder) -> None:
    start_cluster(folder, Settings())
    stop_cluster(folder, keep=True)
    database = sqlite3.connect(folder.database)
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(ClusterError, match="format 99"):
        start_cluster(folder, Settings())


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("data")
    folder = StateFolder(tmp_path)
    with pytest.raises(ClusterError, match="holds no cluster"):
        start_cluster(folder, Settings())
    stop_cluster(folder)
    assert (tmp_path / "precious").read_text() == "data"


def test_an_image_of_a_registry_that_is_not_trusted_never_runs(folder: StateFolder) -> None:
    start_cluster(folder, Settings())
    pod = {
        "metadata": {"name": "stranger"},
        "spec": {"containers": [{"name": "main", "image": "registry.example.org/some/image:1"}]},
    }
    with config.new_client_from_config(str(folder.kubeconfig)) as api:
        core = client.CoreV1Api(api)
        until(lambda: core.list_namespaced_service_account("default").items, "service account")
        core.create_namespaced_pod("default", pod)

        def refused() -> bool:
            statuses = core.read_namespaced_pod("stranger", "default").status.container_statuses
            waiting = statuses and statuses[0].state.waiting
            return bool(waiting and "--trust-registry registry.example.org" in str(waiting.message))

        until(refused, "the refusal says how to trust it")


def test_status_and_kubeconfig_on_the_command_line(tmp_path: Path) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "flowdrill", "cluster", *arguments, "--state", str(tmp_path / "c")]
        env = {**os.environ, "FLOWDRILL_LFX_PYTHON": "", "PATH": "/usr/bin:/bin"}
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, env=env, cwd=tmp_path)

    assert run("status").returncode == 1
    missing = run("kubeconfig")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "flowdrill cluster up" in missing.stderr
    up = run("up", "--json")
    facts = json.loads(up.stdout)
    assert facts["up"] is True
    assert run("kubeconfig").stdout == f"{tmp_path}/c/kubeconfig\n"
    assert json.loads(run("status", "--json").stdout)["api"] == facts["api"]
    assert run("down").returncode == 0
    assert not (tmp_path / "c").exists()
