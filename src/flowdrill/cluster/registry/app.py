"""The registry's HTTP side: the OCI distribution API as an ASGI application."""

from __future__ import annotations

import asyncio
import errno
import json
import logging
import re
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

from flowdrill.cluster.registry.storage import (
    RefusedError,
    Storage,
    append,
    check_name,
    file_pieces,
    subject_of,
)

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
_ROUTE = re.compile(
    r"/v2/(?P<name>.+?)/(?:manifests/(?P<manifest>[^/]+)|blobs/uploads/(?P<upload>[^/]*)|blobs/(?P<blob>[^/]+)"
    r"|(?P<tags>tags/list)|referrers/(?P<referrers>[^/]+))"
)
_LARGEST_MANIFEST = 4 << 20
_BATCH = 8 << 20  # bytes of an upload that are written at once

_log = logging.getLogger(__name__)


class _Exchange:
    """One request and its answer."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        self.headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        self._receive, self._send = receive, send
        self.is_answered = False  # at least begun

    async def body(self, limit: int) -> bytes:
        """Return a small body; 413."""
        pieces: list[bytes] = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "MANIFEST_INVALID", "the upload was broken off")
            pieces.append(message.get("body", b""))
            if sum(map(len, pieces)) > limit:
                raise RefusedError(413, "SIZE_INVALID", f"larger than {limit} bytes")
            if not message.get("more_body"):
                return b"".join(pieces)

    async def body_to(self, path: Path) -> None:
        """Append a body to a file, off the event loop."""
        waiting: list[bytes] = []
        size = 0
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise RefusedError(400, "BLOB_UPLOAD_INVALID", "the upload was broken off")
            waiting.append(message.get("body", b""))
            size += len(waiting[-1])
            more = message.get("more_body", False)
            if size >= _BATCH or not more:
                await asyncio.to_thread(append, path, waiting)
                waiting, size = [], 0

    async def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        """Send an answer; header names are written with `_` for `-`."""
        await self._begin(status, {"content_length": str(len(body)), **headers})
        await self._send({"type": "http.response.body", "body": b"" if self.method == "HEAD" else body})

    async def answer_file(self, path: Path, digest: str) -> None:
        """Send a file, or the range of it that was asked for."""
        size = path.stat().st_size
        start, end, status = 0, size, 200
        asked = re.fullmatch(r"bytes=([0-9]{1,18})-([0-9]{0,18})", self.headers.get("range", ""))
        if asked is not None:
            start, end, status = int(asked[1]), min(size, int(asked[2]) + 1 if asked[2] else size), 206
            if start >= end:
                raise RefusedError(416, "SIZE_INVALID", "the range is outside of the blob")
        headers = {"content_length": str(end - start), "content_type": "application/octet-stream"}
        headers |= {"docker_content_digest": digest, "accept_ranges": "bytes"}
        headers |= {"content_range": f"bytes {start}-{end - 1}/{size}"} if status == 206 else {}
        await self._begin(status, headers)
        if self.method != "HEAD":
            pieces = file_pieces(path, start, end)
            while piece := await asyncio.to_thread(next, pieces, b""):
                await self._send({"type": "http.response.body", "body": piece, "more_body": True})
        await self._send({"type": "http.response.body", "body": b""})

    async def answer_json(self, value: Any, status: int = 200, **headers: str) -> None:
        """Send a JSON document."""
        await self.answer(status, json.dumps(value).encode(), content_type="application/json", **headers)

    async def _begin(self, status: int, headers: Mapping[str, str]) -> None:
        named = {"docker_distribution_api_version": "registry/2.0", **headers}
        self.is_answered = True
        pairs = [(name.replace("_", "-").encode(), value.encode("latin-1", "replace")) for name, value in named.items()]
        await self._send({"type": "http.response.start", "status": status, "headers": pairs})


class RegistryApp:
    """An ASGI application."""

    def __init__(self, storage: Storage, is_down: Callable[[], bool] = lambda: False) -> None:
        """`is_down` is asked before each request: while it is True, every answer is 503."""
        self.storage = storage
        self._is_down = is_down

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request; refusals are the specification's error documents."""
        if scope["type"] != "http":
            return
        exchange = _Exchange(scope, receive, send)
        try:
            await self._answer(exchange)
        except RefusedError as refusal:
            await self._refuse(exchange, refusal)
        except OSError as error:
            _log.warning("%s %s: %s", exchange.method, exchange.path, error)
            if exchange.is_answered:
                raise  # the connection is closed: the other side sees that something is missing
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            message = f"the registry's disk: {error.strerror}"
            await self._refuse(exchange, RefusedError(507 if full else 500, "UNKNOWN", message))

    async def _refuse(self, exchange: _Exchange, refusal: RefusedError) -> None:
        errors = {"errors": [{"code": refusal.code, "message": refusal.message}]}
        await exchange.answer_json(errors, refusal.status)

    async def _answer(self, exchange: _Exchange) -> None:
        if self._is_down():
            raise RefusedError(503, "UNAVAILABLE", "the registry is switched off")
        if exchange.path in ("/v2/", "/v2"):
            await exchange.answer_json({})
            return
        if exchange.path == "/v2/_catalog":
            await exchange.answer_json({"repositories": self.storage.repositories()})
            return
        route = _ROUTE.fullmatch(exchange.path)
        if route is None:
            raise RefusedError(404, "NAME_UNKNOWN", f"{exchange.path[:200]} is nothing of a registry")
        name = check_name(route["name"])
        if route["manifest"] is not None:
            await self._manifest(exchange, name, route["manifest"])
        elif route["upload"] is not None:
            await self._upload(exchange, name, route["upload"])
        elif route["blob"] is not None:
            await self._blob(exchange, name, route["blob"])
        elif route["tags"] is not None:
            await self._tags(exchange, name)
        else:
            await self._referrers(exchange, name, route["referrers"])

    async def _referrers(self, exchange: _Exchange, name: str, digest: str) -> None:
        index, kind = "application/vnd.oci.image.index.v1+json", exchange.query.get("artifactType")
        found = self.storage.referrers(name, digest)
        chosen = [one for one in found if kind is None or one.get("artifactType") == kind]
        document = json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": chosen}).encode()
        filtered = {} if kind is None else {"oci_filters_applied": "artifactType"}
        await exchange.answer(200, document, content_type=index, **filtered)

    async def _manifest(self, exchange: _Exchange, name: str, reference: str) -> None:
        match exchange.method:
            case "GET" | "HEAD":
                found = self.storage.manifest(name, reference)
                kind = {"content_type": found.media_type, "docker_content_digest": found.digest}
                await exchange.answer(200, found.document, **kind)
            case "PUT":
                document = await exchange.body(_LARGEST_MANIFEST)
                media_type = exchange.headers.get("content-type", "")
                digest = self.storage.put_manifest(name, reference, media_type, document)
                where = f"/v2/{name}/manifests/{digest}"
                subject = subject_of(document)
                about = {} if subject is None else {"oci_subject": subject}
                await exchange.answer(201, b"", location=where, docker_content_digest=digest, **about)
            case "DELETE":
                self.storage.delete_manifest(name, reference)
                await exchange.answer(202)
            case _:
                raise _unsupported()

    async def _blob(self, exchange: _Exchange, name: str, digest: str) -> None:
        match exchange.method:
            case "GET" | "HEAD":
                await exchange.answer_file(self.storage.blob(name, digest), digest)
            case "DELETE":
                self.storage.forget_blob(name, digest)
                await exchange.answer(202)
            case _:
                raise _unsupported()

    async def _upload(self, exchange: _Exchange, name: str, upload: str) -> None:
        match exchange.method:
            case "POST" if not upload:
                await self._begin_upload(exchange, name)
            case "PATCH":
                await self._go_on(exchange, self.storage.upload(upload))
                await self._accepted(exchange, name, upload, 202)
            case "PUT":
                path = self.storage.upload(upload)
                await self._go_on(exchange, path)
                await self._finish(exchange, name, path)
            case "GET":
                await self._accepted(exchange, name, upload, 204)
            case "DELETE":
                self.storage.upload(upload).unlink()
                await exchange.answer(204)
            case _:
                raise _unsupported()

    async def _begin_upload(self, exchange: _Exchange, name: str) -> None:
        wanted = exchange.query.get("mount", "")
        if wanted and self.storage.mount(name, wanted, exchange.query.get("from", "")):
            where = f"/v2/{name}/blobs/{wanted}"
            await exchange.answer(201, location=where, docker_content_digest=wanted)
            return
        upload = self.storage.new_upload()
        if "digest" in exchange.query:
            path = self.storage.upload(upload)
            try:
                await exchange.body_to(path)
                await self._finish(exchange, name, path)
            finally:
                path.unlink(missing_ok=True)  # nobody knows its name
            return
        await self._accepted(exchange, name, upload, 202)

    async def _go_on(self, exchange: _Exchange, path: Path) -> None:
        size = path.stat().st_size
        if exchange.headers.get("content-range", f"{size}-").partition("-")[0] != str(size):
            raise RefusedError(416, "BLOB_UPLOAD_INVALID", f"the upload goes on at {size}")
        await exchange.body_to(path)

    async def _finish(self, exchange: _Exchange, name: str, path: Path) -> None:
        digest = exchange.query.get("digest", "")
        try:
            await asyncio.to_thread(self.storage.keep_blob, name, path, digest)
        except RefusedError:
            path.unlink(missing_ok=True)
            raise
        await exchange.answer(201, location=f"/v2/{name}/blobs/{digest}", docker_content_digest=digest)

    async def _accepted(self, exchange: _Exchange, name: str, upload: str, status: int) -> None:
        size = self.storage.upload(upload).stat().st_size
        where = f"/v2/{name}/blobs/uploads/{upload}"
        await exchange.answer(status, location=where, range=f"0-{max(0, size - 1)}", docker_upload_uuid=upload)

    async def _tags(self, exchange: _Exchange, name: str) -> None:
        found = self.storage.tags(name)
        last, most = exchange.query.get("last", ""), exchange.query.get("n", "")
        rest = [tag for tag in found if tag > last]
        shown = rest[: int(most)] if re.fullmatch("[0-9]{1,9}", most) else rest
        more = (
            {"link": f'</v2/{name}/tags/list?n={most}&last={shown[-1]}>; rel="next"'} if shown != rest and shown else {}
        )
        await exchange.answer_json({"name": name, "tags": shown}, 200, **more)


def _unsupported() -> RefusedError:
    return RefusedError(405, "UNSUPPORTED", "the operation is unsupported")
