"""The objects below a place, by boto3: listed, read, and put where nothing is yet. Nothing is ever deleted or replaced.

Credentials are found as every AWS tool finds them (the environment, AWS' files, the machine's role), and are shown
nowhere: of what a store answers, its error code alone is repeated.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from flowdrill.edges.s3.place import Place
from flowdrill.errors import MissingPartError, RunFolderError, StoreError

MOST_BYTES = 4 << 30  # of one object; a single PUT takes 5 GiB, and nothing larger is fetched
_MOST_KEYS = 200_000
_CHUNK_BYTES = 1 << 20
_CONNECTIONS = 16
_ABSENT = frozenset({"404", "NoSuchKey", "NotFound"})
_NOT_READABLE = _ABSENT | {"403", "AccessDenied", "InvalidObjectState"}  # this object: it says nothing of others
_THERE = frozenset({"412", "PreconditionFailed"})
_MEANWHILE = frozenset({"409", "ConditionalRequestConflict"})
_NO_CONDITIONS = frozenset({"501", "NotImplemented"})
_TRIES = 4
_CHECK = "check the bucket's name, the credentials (as the aws command finds them), the endpoint and the region"


@dataclass(frozen=True, slots=True)
class Listed:
    """An object: its key below the place, and its size as the list has it."""

    key: str
    size: int


class Bucket:
    """One place, with the connections to it. From any thread."""

    def __init__(self, place: Place, load: Callable[[str], ModuleType] = importlib.import_module) -> None:
        """MissingPartError without boto3, StoreError when it cannot be used as it is set up. Nothing is asked yet."""
        try:
            boto3, config, self._errors = load("boto3"), load("botocore.config"), load("botocore.exceptions")
        except ImportError as error:
            raise MissingPartError(
                f"S3-compatible storage needs boto3, and it is not installed ({error})", "pip install 'flowdrill[s3]'"
            ) from error
        self.place = place
        settings = config.Config(
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 3},
            max_pool_connections=_CONNECTIONS,
            user_agent_extra="flowdrill",
        )
        with self._as_ours("it"):
            self._client: Any = boto3.session.Session().client("s3", endpoint_url=place.endpoint, config=settings)

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def listed(self) -> Iterator[Listed]:
        """Yield what is there. StoreError when it cannot be looked at, or there is too much."""
        with self._as_ours("its list"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self.place.bucket, Prefix=self.place.prefix
            )
            count = 0
            for page in pages:
                for one in page.get("Contents", ()):
                    count += 1
                    if count > _MOST_KEYS:
                        raise StoreError(f"{self.place}: more than {_MOST_KEYS} objects", "name a narrower prefix")
                    yield Listed(str(one["Key"]).removeprefix(self.place.prefix), int(one["Size"]))
                if page.get("IsTruncated") and not page.get("NextContinuationToken"):
                    # what is left out may be the drill that has failed since
                    raise StoreError(f"{self.place}: the store's list ends before its end", "ask the store's operator")

    def small(self, key: str, limit: int) -> bytes:
        """Return an object of at most `limit` bytes. RunFolderError when it is gone, may not be read or is larger;
        StoreError when the store gives no answer."""
        found = bytearray()
        for piece in self._pieces(key, limit):
            found += piece
        return bytes(found)

    def fetch(self, key: str, path: Path) -> None:
        """Write an object into a file; the same errors, and OSError when it cannot be written."""
        with path.open("wb") as file:
            for piece in self._pieces(key, MOST_BYTES):
                file.write(piece)

    def put(self, key: str, path: Path, content_type: str) -> bool:
        """Put a file where nothing is yet; return False where the same bytes are there already. The store checks their
        SHA-256, or they are read back. StoreError when others are there, or it cannot be done."""
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise StoreError(
                f"{self._where(key)}: {size} bytes are too many for one object",
                f"at most {MOST_BYTES >> 30} GiB go there: push with --report-only, keep the run elsewhere",
            )
        with path.open("rb") as file:
            wanted = hashlib.file_digest(file, "sha256").digest()
        conditions: dict[str, str] = {"IfNoneMatch": "*"}
        for _ in range(_TRIES):
            there = self._sha256_at(key)
            if there is not None:
                self._check_same(key, there, wanted)
                return False
            try:
                self._put_once(key, path, content_type, wanted, conditions)
            except self._errors.ClientError as error:
                code = _code(error)
                if code in _NO_CONDITIONS and conditions:
                    conditions = {}  # an older store: what was looked at just before is all there is to go by
                elif code not in _THERE | _MEANWHILE:
                    raise self._refused(self._where(key), error) from error
                continue
            return True
        raise StoreError(f"{self._where(key)}: somebody else writes there again and again", "push again later")

    def _put_once(self, key: str, path: Path, content_type: str, wanted: bytes, conditions: dict[str, str]) -> None:
        with self._as_ours(self._where(key), refusals=False), path.open("rb") as body:
            answer = self._client.put_object(
                Bucket=self.place.bucket,
                Key=self.place.prefix + key,
                Body=body,
                ContentType=content_type,
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=base64.b64encode(wanted).decode(),
                **conditions,
            )
        if (
            answer.get("ChecksumSHA256") != base64.b64encode(wanted).decode()
        ):  # a store that does not check what it takes
            self._check_same(key, self._sha256_at(key, by_reading=True), wanted)

    def _check_same(self, key: str, there: bytes | None, wanted: bytes) -> None:
        if there != wanted:
            raise StoreError(
                f"{self._where(key)}: something else is there, and is left as it is",
                "a run's id is given once: somebody has changed the run, or what was pushed. Compare both",
            )

    def _sha256_at(self, key: str, *, by_reading: bool = False) -> bytes | None:
        """What is there: by the store's own checksum, else by its bytes. None: nothing."""
        try:
            with self._as_ours(self._where(key), refusals=False):
                found = self._client.head_object(
                    Bucket=self.place.bucket, Key=self.place.prefix + key, ChecksumMode="ENABLED"
                )
                told = found.get("ChecksumSHA256")
                if told is not None and "-" not in told and not by_reading:  # with a dash: of parts
                    return base64.b64decode(told)
        except self._errors.ClientError as error:
            if _code(error) in _ABSENT:
                return None
            raise self._refused(self._where(key), error) from error
        digest = hashlib.sha256()
        for piece in self._pieces(key, MOST_BYTES):
            digest.update(piece)
        return digest.digest()

    def _pieces(self, key: str, limit: int) -> Iterator[bytes]:
        where, size = self._where(key), 0
        try:
            with self._as_ours(where, refusals=False):
                body = self._client.get_object(Bucket=self.place.bucket, Key=self.place.prefix + key)["Body"]
        except self._errors.ClientError as error:
            if _code(error) in _NOT_READABLE:
                raise RunFolderError(f"{where}: cannot be read ({_code(error)})", "look at it in the store") from error
            raise self._refused(where, error) from error
        try:
            while piece := self._piece(body, where):
                size += len(piece)
                if size > limit:
                    raise RunFolderError(f"{where}: is larger than the {limit} bytes that are read", "look at it there")
                yield piece
        finally:
            body.close()

    def _piece(self, body: Any, where: str) -> bytes:
        with self._as_ours(where):
            return bytes(body.read(_CHUNK_BYTES))

    @contextmanager
    def _as_ours(self, what: str, *, refusals: bool = True) -> Iterator[None]:
        """Whatever boto3 raises as a StoreError. A refusal stays as it is where the caller tells them apart."""
        try:
            yield
        except self._errors.ClientError as error:
            if not refusals:
                raise
            raise self._refused(what, error) from error
        except (self._errors.BotoCoreError, ValueError, LookupError) as error:
            raise StoreError(f"{self._named(what)} cannot be reached: {type(error).__name__}", _CHECK) from error

    def _refused(self, what: str, error: Any) -> StoreError:
        return StoreError(f"{self._named(what)}: the store refuses: {_code(error)}", _CHECK)

    def _named(self, what: str) -> str:
        at = f" at {self.place.endpoint}" if self.place.endpoint else ""
        return f"{what}{at}" if what.startswith("s3://") else f"{self.place}{at}"

    def _where(self, key: str) -> str:
        return f"{self.place}{key}"


def _code(error: Any) -> str:
    """A refusal's code, which has no secret in it, as its text may."""
    code = str(error.response.get("Error", {}).get("Code", "?"))
    return "".join(one for one in code[:60] if one.isalnum() or one in "._-")
