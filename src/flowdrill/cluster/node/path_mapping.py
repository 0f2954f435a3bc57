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

_PATH = re.compile(r"(?<![\w/.~$}-])/[^/\s\"'`;|&<>(){}$,:=*?\[\]\\][^\s\"'`;|&<>(){}$,:=*?\[\]\\]*")
_ALL_ADDRESSES = re.compile(r"(?<![\d.])0\.0\.0\.0(?![\d.])|\[::\]")


@dataclass(frozen=True, slots=True)
class PathMapping:
    """One container's root folder and its pod's address."""

    root: Path
    address: str

    def text(self, text: str) -> str:
        """Return a text with its paths and addresses mapped."""
        if text == "::":
            return self.address
        mapped = _PATH.sub(lambda found: str(self.path(found[0])), text) if "/" in text else text
        return _ALL_ADDRESSES.sub(self.address, mapped)

    def path(self, path: str) -> Path:
        """Return where the process finds a path: in the root what the root has, and what is to be made in one of its
        folders and is not on the host; else on the host."""
        clean = os.path.normpath(path)
        inside, host = self.root / clean.lstrip("/"), Path(path)
        if clean == "/":
            return host
        in_root = os.path.lexists(inside) or (
            inside.parent != self.root and inside.parent.is_dir() and not os.path.lexists(host)
        )
        return inside if in_root else host
