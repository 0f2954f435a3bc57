"""How a process finds its image's files and its pod's address without a file system or a network of its own.

In its command, arguments, environment and working directory, an absolute path that the container's root has (a file of
the image, or something that is mounted) becomes the place of the root's copy, and the address that means "all" becomes
the pod's. A path that only the host has stays: the programs of the host are the runtime.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from flowdrill.cluster.api.resource_types import Json

_START = r"(?<![\w/.~$}-])"
_SCHEME = r"(?<=\w:///)"  # sqlite:////data/x.db: an absolute path after an authority that is empty
_PATH = re.compile(rf"(?:{_START}|{_SCHEME})" + r"/[^/\s\"'`;|&<>(){}$,:=*?\[\]\\][^\s\"'`;|&<>(){}$,:=*?\[\]\\]*")
_ALL_ADDRESSES = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]")


def mapping_for(container: Json, root: Path, address: str) -> PathMapping:
    """Return the mapping of a container, whose root folder may be still to be made."""
    mounts = (str(one.get("mountPath")).strip("/") for one in container.get("volumeMounts") or ())
    return PathMapping(root, address, tuple(os.path.normpath(f"/{path}") for path in mounts))


@dataclass(frozen=True, slots=True)
class PathMapping:
    """One container's root folder, its pod's address, and where something is mounted: what the host has there is
    hidden."""

    root: Path
    address: str
    mounts: tuple[str, ...] = ()

    def text(self, text: str) -> str:
        """Return a text with its paths and addresses mapped."""
        if text == "::":
            return self.address
        mapped = _PATH.sub(lambda found: str(self.path(found[0])), text) if "/" in text else text
        return _ALL_ADDRESSES.sub(self.address, mapped)

    def path(self, path: str) -> Path:
        """Return where the process finds a path: in the root what the root has, what is below a mount, and what is to
        be made in one of its folders and is not on the host; else on the host."""
        clean = os.path.normpath(path)
        inside, host = self.root / clean.lstrip("/"), Path(path)
        if clean == "/":
            return host
        in_root = (
            os.path.lexists(inside)
            or any(clean.startswith(f"{mount}/") for mount in self.mounts)
            or (inside.parent != self.root and inside.parent.is_dir() and not os.path.lexists(host))
        )
        return inside if in_root else host
