"""Writes a site's pages. It touches nothing that it did not write: what it wrote is in its manifest."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from flowdrill.durable_file import replace_durably, replace_whole
from flowdrill.errors import SiteError

MANIFEST = ".flowdrill-site.json"
_SCHEMA = "flowdrill.dev/site/v1"
_PAGE = re.compile(r"[a-z0-9][a-z0-9-]{0,120}\.html")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ANOTHER = "name an empty folder, or one that is not there yet, with --out"


def check_site_folder(folder: Path) -> None:
    """SiteError when the folder is neither empty, nor to be made, nor a site."""
    try:
        if (folder / MANIFEST).is_file():
            _manifest(folder)
        elif next(folder.iterdir(), None) is not None:
            raise SiteError(f"{folder}: is not empty, and is no site that flowdrill has made", _ANOTHER)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SiteError(f"{folder}: {error.strerror}", _ANOTHER) from error


@contextmanager
def site_folder(folder: Path) -> Iterator[None]:
    """Make the folder, say in it whose it is (a build that is killed leaves a site all the same), and hold it for as
    long as the context lasts. SiteError when that cannot be, when it is somebody else's, or another build holds it."""
    check_site_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise SiteError(f"{folder}: {error.strerror}", _ANOTHER) from error
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (folder / MANIFEST).exists():
            _write_manifest(folder, {})
        yield
    except BlockingIOError as error:
        raise SiteError(f"{folder}: another build is writing it", "wait for its end, and build it again") from error
    except OSError as error:
        raise SiteError(f"{error.filename or folder}: {error.strerror}", "make room, and build it again") from error
    finally:
        os.close(held)


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write the pages whole, or not at all each, and take away those of an earlier build that are no longer made and
    are still what was written. OSError when one cannot be written, SiteError when it would replace somebody else's."""
    contents = {name: text.encode("utf-8", "backslashreplace") for name, text in pages.items()}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    own = _manifest(folder)
    for name in contents:
        if name not in own and os.path.lexists(folder / name):
            raise SiteError(
                f"{folder / name}: is no page of this site", "move it elsewhere, or make the site elsewhere"
            )
    if own != digests:
        _write_manifest(folder, {**own, **digests})  # before the pages: a build that is killed knows them all
    for name, content in contents.items():
        if not _is_there(folder / name, digests[name]):
            replace_whole(folder / name, content)
    for name in sorted(set(own) - set(contents)):
        if _is_there(folder / name, own[name]):
            (folder / name).unlink()
    if own != digests:
        _write_manifest(folder, digests)


def _is_there(path: Path, digest: str) -> bool:
    """Whether a file is there with these bytes. A link is none."""
    try:
        return not path.is_symlink() and hashlib.sha256(path.read_bytes()).hexdigest() == digest
    except OSError:
        return False


def _manifest(folder: Path) -> dict[str, str]:
    """The pages that are ours, with the digests of their bytes."""
    try:
        document = json.loads((folder / MANIFEST).read_text("utf-8"))
        pages = document["pages"] if document["schema"] == _SCHEMA else None
    except OSError as error:
        raise SiteError(f"{folder / MANIFEST}: {error.strerror}", _ANOTHER) from error
    except (ValueError, TypeError, LookupError, RecursionError):
        pages = None
    if not isinstance(pages, dict) or not all(map(_is_own, pages, pages.values())):
        raise SiteError(
            f"{folder / MANIFEST}: is damaged, or another version's: what is ours here is not known",
            "remove the site and build it again, or make it elsewhere with --out",
        )
    return pages


def _is_own(name: str, digest: object) -> bool:
    return _PAGE.fullmatch(name) is not None and isinstance(digest, str) and _SHA256.fullmatch(digest) is not None


def _write_manifest(folder: Path, digests: Mapping[str, str]) -> None:
    text = json.dumps({"schema": _SCHEMA, "pages": dict(sorted(digests.items()))}, indent=2) + "\n"
    replace_durably(folder / MANIFEST, text.encode())
