"""A registry on loopback, in memory: the distribution API as far as the tests need it, and the ways to misbehave."""

from __future__ import annotations

import base64
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from flowdrill.oci.client import RegistryClient, open_registry
from flowdrill.oci.digest import digest_of, is_digest
from flowdrill.oci.repository import Repository


@dataclass(frozen=True)
class Scripted:
    """An answer given instead of the real one, once, to the next request with this method and path prefix."""

    method: str
    path: str
    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Seen:
    """A request that arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def authorization(self) -> str | None:
        return self.headers.get("authorization")


class LoopbackRegistry:
    """What is in the registry, how it behaves, and what it was asked."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.blobs: dict[tuple[str, str], bytes] = {}
        self.manifests: dict[tuple[str, str], tuple[str, bytes]] = {}
        self.script: list[Scripted] = []
        self.seen: list[Seen] = []
        self.challenge: str | None = None
        self.accepted_authorizations: set[str] = set()
        self.deletes_allowed = True
        self.blob_deletes_allowed = True
        self.tags_outlive_manifests = False
        self.pauses: list[float] = []
        self.lock = threading.Lock()

    def client(self, environ: dict[str, str] | None = None) -> RegistryClient:
        return open_registry(
            self.address, environ=environ or {"DOCKER_CONFIG": "/nonexistent"}, pause_seconds=self.pauses.append
        )

    def repository(self, name: str = "app", environ: dict[str, str] | None = None) -> Repository:
        return Repository(self.client(environ), name)

    def asked(self, method: str, path_part: str = "") -> list[Seen]:
        return [request for request in self.seen if request.method == method and path_part in request.path]

    def put_blob(self, repository: str, content: bytes) -> str:
        digest = digest_of(content)
        self.blobs[repository, digest] = content
        return digest

    def put_manifest(self, repository: str, media_type: str, content: bytes, tag: str | None = None) -> str:
        digest = digest_of(content)
        for name in (digest, tag):
            if name is not None:
                self.manifests[repository, name] = (media_type, content)
        return digest


@contextmanager
def loopback_registry() -> Iterator[LoopbackRegistry]:
    """Serve a registry on a free port until the block ends."""

    class Handler(_Handler):
        registry: ClassVar[LoopbackRegistry]

    server = _Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Handler.registry = LoopbackRegistry(f"127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield Handler.registry
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client may hang up on what it will not read
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    registry: ClassVar[LoopbackRegistry]
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        self._handle()

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET  # noqa: N815 - the names that http.server calls

    def _handle(self) -> None:
        body = self._body()
        registry = self.registry
        seen = Seen(self.command, self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        registry.seen.append(seen)
        with registry.lock:
            fitting = (one for one in registry.script if one.method == self.command and self.path.startswith(one.path))
            scripted = next(fitting, None)
            if scripted is not None:
                registry.script.remove(scripted)
        if scripted is not None:
            return self._answer(scripted.status, scripted.body, scripted.headers)
        if registry.challenge and seen.authorization not in registry.accepted_authorizations:
            return self._answer(401, b"", {"WWW-Authenticate": registry.challenge})
        path = urlsplit(self.path).path.removeprefix("/v2/")
        repository, kind, name = self._route(path)
        return getattr(self, f"_{kind}")(repository, name, body)

    def _route(self, path: str) -> tuple[str, str, str]:
        for kind in ("manifests", "blobs", "tags"):
            repository, slash, name = path.partition(f"/{kind}/")
            if slash:
                return repository, kind, name
        return path, "missing", ""

    def _missing(self, repository: str, name: str, body: bytes) -> None:
        self._answer(404, b"", {})

    def _manifests(self, repository: str, name: str, body: bytes) -> None:
        registry, key = self.registry, (repository, name)
        if self.command == "PUT":
            tag = None if is_digest(name) else name
            registry.put_manifest(repository, self.headers["Content-Type"], body, tag)
            return self._answer(201, b"", {})
        if key not in registry.manifests:
            return self._answer(404, _error("MANIFEST_UNKNOWN"), {})
        media_type, content = registry.manifests[key]
        if self.command == "DELETE":
            return self._delete_manifest(repository, name, content)
        headers = {"Content-Type": media_type, "Docker-Content-Digest": digest_of(content)}
        return self._answer(200, content, headers)

    def _delete_manifest(self, repository: str, name: str, content: bytes) -> None:
        registry = self.registry
        if not registry.deletes_allowed:
            return self._answer(405, _error("UNSUPPORTED"), {})
        del registry.manifests[repository, name]
        if is_digest(name) and not registry.tags_outlive_manifests:
            gone = [key for key, (_, other) in registry.manifests.items() if key[0] == repository and other == content]
            for key in gone:
                del registry.manifests[key]
        return self._answer(202, b"", {})

    def _blobs(self, repository: str, name: str, body: bytes) -> None:
        registry = self.registry
        query = {key: values[0] for key, values in parse_qs(urlsplit(self.path).query).items()}
        if self.command == "POST":
            content = registry.blobs.get((query.get("from", ""), query.get("mount", "")))
            if content is None:
                return self._answer(202, b"", {"Location": f"/v2/{repository}/blobs/uploads/1?state=x"})
            registry.put_blob(repository, content)
            return self._answer(201, b"", {})
        if self.command == "PUT":
            accepted = registry.put_blob(repository, body) == query["digest"]
            return self._answer(201 if accepted else 400, b"", {})
        if (repository, name) not in registry.blobs:
            return self._answer(404, _error("BLOB_UNKNOWN"), {})
        if self.command == "DELETE":
            if not registry.blob_deletes_allowed:
                return self._answer(405, _error("UNSUPPORTED"), {})
            del registry.blobs[repository, name]
            return self._answer(202, b"", {})
        return self._answer(200, registry.blobs[repository, name], {})

    def _tags(self, repository: str, name: str, body: bytes) -> None:
        tags = sorted(tag for owner, tag in self.registry.manifests if owner == repository and not is_digest(tag))
        self._answer(200, json.dumps({"name": repository, "tags": tags}).encode(), {})

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _error(code: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
