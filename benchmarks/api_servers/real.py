"""A real Kubernetes' control plane of the benchmark's own, on free ports of the loopback: etcd and an API server, and,
where a benchmark needs them, its controllers and its scheduler. No node, no network.

Set for speed where that costs nothing that is compared: etcd does not wait for the disk (the embedded cluster does not
either), keys are elliptic (the same kind as the embedded cluster's), its administrator's token comes from a file.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from proof.processes import free_ports

from api_servers.connection import address_in, wait_until_ready
from api_servers.kit import APISERVER, CONTROLLER_MANAGER, SCHEDULER, Programs
from api_servers.server import ApiServer
from flowdrill.cluster.certificates import make_certificates
from flowdrill.cluster.kubeconfig import kubeconfig_text

_LIMIT_SECONDS = 90
_TOKEN = "benchmark"


@contextmanager
def real_api_server(programs: Programs) -> Iterator[ApiServer]:
    """etcd and an API server, for as long as the context lasts. Both start at once; certificates are made before."""
    with ExitStack() as kept:
        # What a killed program has left is not worth an error.
        folder = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="real-api-", ignore_cleanup_errors=True)))
        make_certificates(folder)
        (folder / "tokens.csv").write_text(f'{_TOKEN},admin,admin,"system:masters"\n', "utf-8")
        client, peer, api = free_ports(3)
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(kubeconfig_text(api, (folder / "ca.crt").read_bytes(), _TOKEN), "utf-8")
        began = time.monotonic()
        etcd = kept.enter_context(running(_etcd(programs, folder, client, peer), folder / "etcd.log"))
        server = kept.enter_context(running(_apiserver(programs, folder, client, api), folder / "api.log"))
        wait_until_ready(address_in(kubeconfig), _LIMIT_SECONDS)
        yield ApiServer(kubeconfig, (etcd, server), time.monotonic() - began)


@contextmanager
def controllers(programs: Programs, server: ApiServer) -> Iterator[tuple[int, int]]:
    """The controllers and the scheduler beside it, both without ports; their process ids."""
    folder = server.kubeconfig.parent
    common = ["--kubeconfig", str(server.kubeconfig), "--leader-elect=false", "--port=0", "--secure-port=0"]
    keys = ["--service-account-private-key-file", str(folder / "server.key"), "--root-ca-file", str(folder / "ca.crt")]
    with (
        running([programs.kubernetes / CONTROLLER_MANAGER, *common, *keys], folder / "controllers.log") as manager,
        running([programs.kubernetes / SCHEDULER, *common], folder / "scheduler.log") as scheduler,
    ):
        yield manager, scheduler


def _etcd(programs: Programs, folder: Path, client: int, peer: int) -> list[str | Path]:
    listen, of_peers = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
    return [
        programs.etcd, "--data-dir", folder / "etcd", "--unsafe-no-fsync",
        "--listen-client-urls", listen, "--advertise-client-urls", listen,
        "--listen-peer-urls", of_peers, "--initial-advertise-peer-urls", of_peers,
        "--initial-cluster", f"default={of_peers}",
    ]  # fmt: skip


def _apiserver(programs: Programs, folder: Path, etcd: int, port: int) -> list[str | Path]:
    return [
        programs.kubernetes / APISERVER, "--etcd-servers", f"http://127.0.0.1:{etcd}",
        "--bind-address", "127.0.0.1", "--secure-port", str(port), "--cert-dir", folder / "own",
        "--advertise-address", "127.0.0.1", "--endpoint-reconciler-type", "none",
        "--tls-cert-file", folder / "server.crt", "--tls-private-key-file", folder / "server.key",
        "--token-auth-file", folder / "tokens.csv", "--authorization-mode", "Node,RBAC",
        "--service-account-key-file", folder / "server.crt",
        "--service-account-signing-key-file", folder / "server.key",
        "--service-account-issuer", "https://kubernetes.default", "--service-cluster-ip-range", "10.96.0.0/16",
    ]  # fmt: skip


@contextmanager
def running(command: Sequence[str | Path], log: Path) -> Iterator[int]:
    """A process, by its id, for as long as the context lasts; however this process ends, it ends, too."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True,
        )  # fmt: skip
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()
