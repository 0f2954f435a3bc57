"""Making image layers: plain tar, the same bytes for the same input on every machine, so the same digest."""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Iterable, Mapping

WHITEOUT = ".wh."
OPAQUE = ".wh..wh..opq"


def make_layer(files: Mapping[str, bytes], removed: Iterable[str] = (), note: str | None = None) -> bytes:
    """Return a layer that adds `files` (absolute path to content) and removes the paths in `removed`.

    Not compressed, since compressors differ between machines. Owner root, time 0, mode 0755 for scripts (`#!`) and 0644
    for the rest. Folders are not listed: every runtime creates what is missing and leaves what is there as it is.
    `note` is a comment that runtimes skip; it gives a layer of the same content a digest of its own."""
    members = {path.removeprefix("/"): content for path, content in files.items()}
    for path in removed:
        folder, name = posixpath.split(path.removeprefix("/"))
        members[posixpath.join(folder, WHITEOUT + name)] = b""
    written = io.BytesIO()
    comment = {"comment": note} if note else {}
    with tarfile.open(fileobj=written, mode="w", format=tarfile.PAX_FORMAT, pax_headers=comment) as tar:
        for name, content in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            member.mode = 0o755 if content.startswith(b"#!") else 0o644
            tar.addfile(member, io.BytesIO(content))
    return written.getvalue()


def image_path(path: str) -> str:
    """Return `path` as an absolute path without `.`, `..` and double slashes, as a member of a layer means it."""
    return posixpath.normpath("/" + path.lstrip("/"))
