"""buildah, changing one file of an image in a registry the fastest way it has.

The file is copied into the mounted container (`buildah copy` starts a process of its own and takes longer), and the
image is committed to the registry at once, not first into buildah's own storage. Everything of it is in a folder that
is given, except its cache of where blobs were seen (/var/lib/containers/cache), whose place nothing can change.
"""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

PROGRAM = "buildah"
_CHANGE = """set -e
container=$($BUILDAH from --quiet --pull-never "$FROM")
cp "$FILE" "$($BUILDAH mount "$container")$PLACE"
$BUILDAH config $LABELS "$container"
$BUILDAH commit --quiet --rm --identity-label=false --tls-verify=false "$container" "docker://$TO" > /dev/null
"""


class BuildahError(Exception):
    """buildah cannot do it here."""


class Buildah:
    """With a storage of its own under `folder`."""

    def __init__(self, folder: Path) -> None:
        self._command = [PROGRAM, "--root", str(folder / "root"), "--runroot", str(folder / "run")]

    def pull(self, image: str) -> None:
        """Bring an image into the storage."""
        self._run([*self._command, "pull", "--quiet", "--tls-verify=false", image])

    def change(self, image: str, file: Path, place: str, labels: Mapping[str, str], to: str) -> None:
        """Push `image`, which was pulled, to `to`, with a file put in its place and with labels."""
        environ = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "BUILDAH": " ".join(self._command),
            "LABELS": " ".join(f"--label {name}={value}" for name, value in labels.items()),
            "FROM": image, "FILE": str(file), "PLACE": place, "TO": to,
        }  # fmt: skip
        self._run(["sh", "-c", _CHANGE], environ)

    def close(self) -> None:
        """Remove everything from the storage, and what is mounted there."""
        for command in (["rm", "--all"], ["rmi", "--all", "--force"]):
            subprocess.run([*self._command, *command], capture_output=True, check=False)

    def version(self) -> str:
        """Its version, and how it stores images."""
        said = self._run([PROGRAM, "--version"]).split()[2]
        driver = self._run([*self._command, "info", "--format", "{{.store.GraphDriverName}}"]).strip()
        return f"{said} ({driver})"

    def _run(self, command: list[str], environ: Mapping[str, str] | None = None) -> str:
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        if ran.returncode != 0:
            raise BuildahError((ran.stderr.strip() or "no word of why").splitlines()[-1])
        return ran.stdout
