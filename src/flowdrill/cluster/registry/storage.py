"""What the registry keeps: blobs by digest, manifests and tags by repository, all as files."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_NAME = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*")
_PART = ".part-"  # what a file is called until it is complete
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class RefusedError(Exception):
    """A refusal, with the specification's code."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


@dataclass(frozen=True, slots=True)
class StoredManifest:
    """A manifest as it was pushed."""

    digest: str
    media_type: str
    document: bytes


def is_digest(text: str) -> bool:
    """Return whether a text is a digest that can be checked."""
    return _DIGEST.fullmatch(text) is not None


class Storage:
    """A folder. Names have been checked before they become paths; files appear complete or not at all."""

    def __init__(self, folder: Path) -> None:
        self._blobs, self._repositories, self._uploads = (folder / one for one in ("blobs", "repositories", "uploads"))
        for one in (self._blobs, self._repositories, self._uploads):
            one.mkdir(parents=True, exist_ok=True)

    def blob(self, repository: str, digest: str) -> Path:
        """Return a blob's file; 404 when the repository does not have it."""
        there = is_digest(digest) and self._link(repository, "blobs", digest).exists()
        if not there or not self._blob_file(digest).exists():
            raise RefusedError(404, "BLOB_UNKNOWN", f"blob {digest[:140]} is unknown to {repository}")
        return self._blob_file(digest)

    def keep_blob(self, repository: str, upload: Path, digest: str) -> None:
        """Move a finished upload to its place; 400 when its digest is another one."""
        if not is_digest(digest) or _digest_of_file(upload, digest) != digest:
            raise RefusedError(400, "DIGEST_INVALID", "provided digest did not match uploaded content")
        target = self._blob_file(digest)
        target.parent.mkdir(parents=True, exist_ok=True)
        upload.replace(target)
        self._write(self._link(repository, "blobs", digest), b"")

    def mount(self, repository: str, digest: str, source: str) -> bool:
        """Take a blob over from another repository; return whether it was there."""
        try:
            self.blob(check_name(source), digest)
        except RefusedError:
            return False
        self._write(self._link(repository, "blobs", digest), b"")
        return True

    def forget_blob(self, repository: str, digest: str) -> None:
        """Take a blob from a repository; 404."""
        self.blob(repository, digest)
        self._link(repository, "blobs", digest).unlink()

    def new_upload(self) -> str:
        """Begin an upload; return its id."""
        name = secrets.token_hex(16)
        (self._uploads / name).touch()
        return name

    def upload(self, name: str) -> Path:
        """Return an upload's file; 404."""
        if not re.fullmatch(r"[0-9a-f]{32}", name) or not (self._uploads / name).exists():
            raise RefusedError(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
        return self._uploads / name

    def manifest(self, repository: str, reference: str) -> StoredManifest:
        """Return what a tag or digest names; 404."""
        digest = reference if is_digest(reference) else self._tagged(repository, reference)
        path = self._link(repository, "manifests", digest or "none")
        if digest is None or not path.exists():
            raise RefusedError(404, "MANIFEST_UNKNOWN", f"manifest {reference} is unknown to {repository}")
        head, _, document = path.read_bytes().partition(b"\n")
        return StoredManifest(digest, head.decode(), document)

    def put_manifest(self, repository: str, reference: str, media_type: str, document: bytes) -> str:
        """Keep a manifest; return its digest. 400 when it is none, or when what it refers to is not there."""
        algorithm = reference.partition(":")[0] if is_digest(reference) else "sha256"
        digest = f"{algorithm}:{hashlib.new(algorithm, document).hexdigest()}"
        if is_digest(reference) and digest != reference:
            raise RefusedError(400, "DIGEST_INVALID", "provided digest did not match the manifest")
        if not is_digest(reference) and not _TAG.fullmatch(reference):
            raise RefusedError(400, "TAG_INVALID", f"{reference[:140]} is no tag")
        for kind, needed in _needed(document):
            if not self._link(repository, kind, needed).exists():
                raise RefusedError(400, "MANIFEST_BLOB_UNKNOWN", f"{needed} is unknown to {repository}")
        self._write(self._link(repository, "manifests", digest), media_type.encode() + b"\n" + document)
        if not is_digest(reference):
            self._write(self._repositories / repository / "_tags" / reference, digest.encode())
        return digest

    def delete_manifest(self, repository: str, reference: str) -> None:
        """Delete a manifest with its tags, or only a tag; 404."""
        found = self.manifest(repository, reference)
        if not is_digest(reference):
            (self._repositories / repository / "_tags" / reference).unlink()
            return
        for tag in self.tags(repository):
            if self._tagged(repository, tag) == found.digest:
                (self._repositories / repository / "_tags" / tag).unlink()
        self._link(repository, "manifests", found.digest).unlink()

    def referrers(self, repository: str, digest: str) -> list[dict[str, Any]]:
        """Return descriptors of the repository's manifests whose subject is `digest`, as an index lists them; 400."""
        if not is_digest(digest):
            raise RefusedError(400, "DIGEST_INVALID", f"{digest[:140]} is no digest")
        folder, found = self._repositories / repository / "_manifests", []
        for path in sorted(folder.glob("*")):
            if is_digest(path.name.replace("_", ":", 1)):
                one = self.manifest(repository, path.name.replace("_", ":", 1))
                if subject_of(one.document) == digest:
                    found.append(_descriptor(one))
        return found

    def tags(self, repository: str) -> list[str]:
        """Return a repository's tags in order; 404 when there is no such repository."""
        folder = self._repositories / repository
        if not (folder / "_manifests").exists():
            raise RefusedError(404, "NAME_UNKNOWN", f"repository {repository} is not known to the registry")
        return sorted(one.name for one in (folder / "_tags").glob("*") if not one.name.startswith(_PART))

    def repositories(self, part: str = "_manifests") -> list[str]:
        """Return every repository that has had a manifest, in order; or of those that have had another part."""
        found = (one.parent.relative_to(self._repositories) for one in self._repositories.rglob(part))
        return sorted(map(str, found))

    def collect_garbage(self, older_than_seconds: float, now_seconds: float) -> int:
        """Delete blobs that no repository has, blobs that no manifest of their repository needs, and uploads that were
        left; only what is older, so that no push under way loses anything. Return how many files went."""

        def is_old(path: Path) -> bool:
            return now_seconds - path.stat().st_mtime > older_than_seconds

        doomed = [one for one in self._uploads.iterdir() if is_old(one)]
        doomed += [one for one in self._repositories.rglob(f"{_PART}*") if is_old(one)]
        kept: set[str] = set()
        for repository in self.repositories("_blobs"):
            needed = self._needed_in(repository)
            for one in (self._repositories / repository / "_blobs").glob("*"):
                digest = one.name.replace("_", ":", 1)
                if needed is None or digest in needed or not is_old(one):
                    kept.add(digest)
                elif is_digest(digest):
                    doomed.append(one)
        doomed += [
            one for one in self._blobs.glob("*/*") if f"{one.parent.name}:{one.name}" not in kept and is_old(one)
        ]
        for one in doomed:
            one.unlink(missing_ok=True)
        return len(doomed)

    def _needed_in(self, repository: str) -> set[str] | None:
        """The blobs that a repository's manifests need; None when one is damaged: then it may need any."""
        manifests = (self._repositories / repository / "_manifests").glob("*")
        documents = (one.read_bytes().partition(b"\n")[2] for one in manifests if not one.name.startswith(_PART))
        try:
            return {digest for document in documents for kind, digest in _needed(document) if kind == "blobs"}
        except RefusedError:
            return None

    def _tagged(self, repository: str, tag: str) -> str | None:
        path = self._repositories / repository / "_tags" / tag
        return path.read_text() if _TAG.fullmatch(tag) and path.exists() else None

    def _link(self, repository: str, kind: str, digest: str) -> Path:
        return self._repositories / repository / f"_{kind}" / digest.replace(":", "_")

    def _blob_file(self, digest: str) -> Path:
        algorithm, _, hexadecimal = digest.partition(":")
        return self._blobs / algorithm / hexadecimal

    def _write(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{_PART}{secrets.token_hex(4)}")
        try:
            part.write_bytes(content)
            part.replace(path)
        except OSError:
            part.unlink(missing_ok=True)
            raise


def check_name(name: str) -> str:
    """Return a repository's name; 400 when it is none (and so never a path out of the folder)."""
    if not _NAME.fullmatch(name) or len(name) > 255:
        raise RefusedError(400, "NAME_INVALID", f"{name[:80]!r} is no repository name")
    return name


def file_pieces(path: Path, start: int, end: int) -> Iterator[bytes]:
    """Yield the bytes from `start` up to `end`."""
    with path.open("rb") as file:
        file.seek(start)
        left = end - start
        while left > 0 and (piece := file.read(min(left, 1 << 20))):
            left -= len(piece)
            yield piece


def append(path: Path, pieces: Iterable[bytes]) -> None:
    """Write at the end of an upload: all or, with an OSError, nothing."""
    before = path.stat().st_size
    try:
        with path.open("ab") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        os.truncate(path, before)
        raise


def _digest_of_file(path: Path, wanted: str) -> str:
    algorithm = wanted.partition(":")[0]
    with path.open("rb") as file:
        return f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"


def subject_of(document: bytes) -> str | None:
    """Return the digest of what a manifest refers to, None when it refers to nothing."""
    subject = json.loads(document).get("subject")
    digest = subject.get("digest") if isinstance(subject, dict) else None
    return digest if isinstance(digest, str) and is_digest(digest) else None


def _descriptor(one: StoredManifest) -> dict[str, Any]:
    value = json.loads(one.document)
    config = value.get("config")
    kind = value.get("artifactType") or (config.get("mediaType") if isinstance(config, dict) else None)
    found = {"mediaType": one.media_type, "digest": one.digest, "size": len(one.document)}
    found |= {"artifactType": kind} if kind else {}
    return found | ({"annotations": value["annotations"]} if value.get("annotations") else {})


def _needed(document: bytes) -> list[tuple[str, str]]:
    """What a manifest refers to: (kind, digest)."""
    try:
        value: dict[str, Any] = json.loads(document)
        blobs = [value["config"], *value["layers"]] if "layers" in value else []
        found = [("blobs", one["digest"]) for one in blobs if not one.get("urls")]
        found += [("manifests", one["digest"]) for one in value.get("manifests") or ()]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise RefusedError(400, "MANIFEST_INVALID", f"manifest invalid: {error}") from error
    if not all(isinstance(digest, str) and is_digest(digest) for _, digest in found):
        raise RefusedError(400, "MANIFEST_INVALID", "manifest invalid: a digest is malformed")
    return found
