"""The programs of a real Kubernetes' control plane: Debian's etcd, and the test kit's Kubernetes in one program.

A kit is a folder with `kube.xz`; FLOWDRILL_TEST_KIT names it, else it is `../shared/kube` beside the checkout.
"""

from __future__ import annotations

import lzma
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

APISERVER, CONTROLLER_MANAGER, SCHEDULER = "kube-apiserver", "kube-controller-manager", "kube-scheduler"


class NotHere(Exception):  # noqa: N818 - nothing is wrong: what it asks for is only not there
    """A sentence that says what is missing, for `Found.skipped`."""


@dataclass(frozen=True, slots=True)
class Programs:
    """`kubernetes`: the folder with the parts' names, each a link to the one program."""

    etcd: Path
    kubernetes: Path

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """What they say they are."""
        etcd = _said(self.etcd, "--version").splitlines()[0].removeprefix("etcd Version: ")
        kubernetes = _said(self.kubernetes / APISERVER, "--version").strip().removeprefix("Kubernetes v")
        return (("kube-apiserver", kubernetes), ("etcd", etcd))


def programs(folder: Path) -> Programs:
    """Unpack the kit into `folder`. NotHere when there is no kit or no etcd."""
    named = os.environ.get("FLOWDRILL_TEST_KIT")
    packed = (Path(named) if named else Path(__file__).parents[3] / "shared" / "kube") / "kube.xz"
    etcd, setpriv = shutil.which("etcd"), shutil.which("setpriv")
    if not packed.exists():
        raise NotHere("a real Kubernetes API server: no test kit (FLOWDRILL_TEST_KIT names its folder, with kube.xz)")
    if etcd is None or setpriv is None:
        raise NotHere("a real Kubernetes API server: no etcd and setpriv on PATH (Debian's etcd-server and util-linux)")
    program = folder / "kube"
    with lzma.open(packed) as source, program.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    program.chmod(0o700)
    for part in (APISERVER, CONTROLLER_MANAGER, SCHEDULER):
        (folder / part).symlink_to(program.name)
    return Programs(Path(etcd), folder)


def _said(program: Path, option: str) -> str:
    return subprocess.run([program, option], check=True, capture_output=True, text=True).stdout
